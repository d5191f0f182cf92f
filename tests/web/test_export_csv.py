"""CSV: one row per operation, exact times, and no cell that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
from datetime import datetime

import pytest
from exported_plans import (
    HOSTILE,
    clock_change_export,
    compared_export,
    empty_export,
    hostile_export,
    huge_export,
    nothing_placed_export,
    small_export,
)
from hypothesis import given
from hypothesis import strategies as st

from shopfloor.web.export_csv import COLUMNS, FORMULA_SIGNS, guarded_cell, plain_cell, plan_csv, read_plan_csv


def rows_of(export):
    return {row["operation"]: row for row in read_plan_csv(plan_csv(export))}


def test_an_operation_is_a_row_with_its_times_on_the_plants_clock():
    row = rows_of(small_export())["A-P1"]
    # minute 490 of Monday 2 March 2026 UTC is 09:10 in Berlin; 20 minutes of setup, 60 of run
    assert (
        row
        | {
            "machine": "M1",
            "slot": "1",
            "job": "A",
            "family": "F",
            "setup_start": "2026-03-02T09:10:00+01:00",
            "setup_end": "2026-03-02T09:30:00+01:00",
            "run_start": "2026-03-02T09:30:00+01:00",
            "run_end": "2026-03-02T10:30:00+01:00",
            "overtime_level": "regular",
            "job_late_minutes": "0",
            "status": "proposed",
        }
        == row
    )


def test_the_stored_status_wins_and_what_runs_says_so_without_one():
    rows = rows_of(small_export(statuses={"A-P1": "approved"}))
    assert (rows["A-P1"]["status"], rows["C-P1"]["status"]) == ("approved", "in_progress")


def test_what_was_left_out_is_a_row_without_a_place():
    row = rows_of(small_export())["X-P1"]
    assert (row["machine"], row["run_end"], row["slot"]) == ("", "", "")
    assert (row["status"], row["left_out_because"]) == ("unassigned", "NO_ELIGIBLE_MACHINE")


def test_a_job_with_an_operation_left_out_has_no_end():
    instance_rows = rows_of(nothing_placed_export())
    assert {row["job_late_minutes"] for row in instance_rows.values()} == {""}


def test_changes_name_the_old_place():
    rows = rows_of(compared_export())
    assert (rows["A-P1"]["changed"], rows["A-P1"]["previous_machine"]) == ("other machine", "M2")
    assert rows["A-P1"]["previous_start"] == "2026-03-02T09:00:00+01:00"
    assert (rows["B-P1"]["changed"], rows["E-P3"]["changed"]) == ("earlier", "new")
    assert rows["C-P1"]["changed"] == ""


def test_the_repeated_hour_of_a_clock_change_has_two_offsets():
    rows = rows_of(clock_change_export())
    assert rows["A-P1"]["run_start"] == "2026-10-25T02:30:00+02:00"
    assert rows["B-P1"]["run_start"] == "2026-10-25T02:30:00+01:00"
    assert datetime.fromisoformat(rows["A-P1"]["run_end"]) < datetime.fromisoformat(rows["B-P1"]["run_start"])


def test_one_machine_is_exported_alone():
    rows = rows_of(small_export(machine_id="M2"))
    assert set(rows) == {"C-P1", "D-P1"}


def test_no_cell_begins_like_a_formula_and_ids_come_back_as_they_were():
    data = plan_csv(hostile_export())
    cells = [cell for row in csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")) for cell in row]
    assert not [cell for cell in cells if cell.startswith(FORMULA_SIGNS)]
    assert read_plan_csv(data)[0]["job"] == HOSTILE


@given(st.text())
def test_a_guard_can_always_be_taken_off_again(text):
    assert plain_cell(guarded_cell(text)) == text
    assert not guarded_cell(text).startswith(FORMULA_SIGNS)


@pytest.mark.parametrize(
    ("export", "n_rows"),
    [(empty_export(), 0), (nothing_placed_export(), 2), (small_export(), 9), (huge_export(), 5000)],
)
def test_every_operation_is_there_whatever_the_size(export, n_rows):
    data = plan_csv(export)
    assert data.startswith(b"\xef\xbb\xbf" + ",".join(COLUMNS).encode() + b"\r\n")
    assert len(read_plan_csv(data)) == n_rows
    assert plan_csv(export) == data
