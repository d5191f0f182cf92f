"""The workbook as an independent reader sees it: sheets, real dates, text that stays text."""

from __future__ import annotations

from io import BytesIO

import pytest
from exported_plans import (
    HOSTILE,
    compared_export,
    empty_export,
    hostile_export,
    huge_export,
    nothing_placed_export,
    small_export,
)
from openpyxl import load_workbook

from shopfloor.domain.kpis import compute_kpis
from shopfloor.web.export_csv import COLUMNS
from shopfloor.web.export_xlsx import plan_xlsx


def written(export):
    return plan_xlsx(export, compute_kpis(export.instance, export.schedule))


def sheet_rows(export, name):
    """Return the rows below the header as dicts by column."""
    book = load_workbook(BytesIO(written(export)))
    head, *rows = book[name].iter_rows(values_only=True)
    return [dict(zip(head, row, strict=True)) for row in rows]


@pytest.mark.parametrize("make", [small_export, empty_export, nothing_placed_export, huge_export])
def test_every_plan_has_its_five_sheets_and_a_row_per_operation(make):
    export = make()
    book = load_workbook(BytesIO(written(export)), read_only=True)
    assert book.sheetnames == ["Plan", "By machine", "Late jobs", "KPIs", "Left out"]
    rows = sum(1 for row in book["Plan"].iter_rows(min_row=2, values_only=True) if any(row))
    assert rows == len(export.schedule.operations) + len(export.schedule.unassigned)


def test_times_are_real_dates_on_the_plants_clock_and_the_header_stays():
    book = load_workbook(BytesIO(written(small_export())))
    plan = book["Plan"]
    row = next(row for row in plan.iter_rows(min_row=2) if row[COLUMNS.index("operation")].value == "A-P1")
    start = row[COLUMNS.index("setup_start")]
    assert start.is_date and start.value.isoformat() == "2026-03-02T09:10:00"
    assert plan.freeze_panes == "F2"
    assert plan.auto_filter.ref is not None
    assert row[COLUMNS.index("run_minutes")].value == 60


def test_a_machine_has_a_line_of_sums_and_its_sequence_below():
    rows = sheet_rows(small_export(), "By machine")
    machine_1 = [row for row in rows if row["machine"] == "M1"]
    assert [row["operation"] for row in machine_1] == ["3 operations", "A-P1", "B-P1", "E-P3"]
    assert (machine_1[0]["setup minutes"], machine_1[0]["run minutes"]) == (45, 150)


def test_late_jobs_come_with_the_costliest_first_and_new_ones_marked():
    export = huge_export(200)
    rows = sheet_rows(export, "Late jobs")
    assert len(rows) == compute_kpis(export.instance, export.schedule).late_jobs
    costs = [row["weight"] * row["days late"] for row in rows]
    assert costs == sorted(costs, reverse=True)


def test_key_figures_and_what_was_left_out_are_there():
    figures = {row["key figure"]: row["value"] for row in sheet_rows(compared_export(), "KPIs")}
    assert figures["unassigned operations"] == 3
    assert (figures["run"], figures["compared with run"]) == ("R1", "R0")
    assert figures["all times are plant-local"] == "Europe/Berlin"
    assert {row["code"] for row in sheet_rows(small_export(), "Left out")} == {
        "NO_ELIGIBLE_MACHINE",
        "PREDECESSOR_UNASSIGNED",
        "QUARANTINED",
    }


def test_a_formula_in_an_id_stays_text():
    book = load_workbook(BytesIO(written(hostile_export())))
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert "f" not in {cell.data_type for cell in cells}
    assert HOSTILE in {cell.value for cell in cells}
    assert not [cell for cell in cells if cell.hyperlink]


def test_the_same_plan_gives_the_same_bytes():
    assert written(small_export()) == written(small_export())
