"""JSON: the plan that is read is the plan that was written, and a file that lies is refused with its place."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from builders import left_out, placed, tiny_instance, tiny_operation, tiny_schedule
from exported_plans import (
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

from shopfloor.domain.errors import RefusedInput
from shopfloor.domain.fingerprint import schedule_fingerprint
from shopfloor.domain.kpis import compute_kpis
from shopfloor.domain.validator import validate
from shopfloor.web.export_json import plan_json
from shopfloor.web.import_json import read_plan_json
from shopfloor.web.plan_export import PlanExport

DOC = Path(__file__).resolve().parents[2] / "docs" / "plan-export.md"
EXPORTS = (
    small_export,
    compared_export,
    hostile_export,
    clock_change_export,
    empty_export,
    nothing_placed_export,
)


def written(export):
    return plan_json(export, compute_kpis(export.instance, export.schedule))


def edited(**changes):
    """Return the small plan's file with fields of its first operation changed."""
    top = json.loads(written(small_export()))
    top["operations"][0] |= changes
    return json.dumps(top).encode()


@pytest.mark.parametrize("make", [*EXPORTS, huge_export])
def test_reading_gives_the_same_plan_again(make):
    export = make()
    plan = read_plan_json(written(export))
    assert plan.schedule == export.schedule
    assert schedule_fingerprint(plan.schedule) == schedule_fingerprint(export.schedule) == plan.fingerprint
    assert not plan.is_edited
    assert written(replace(export, schedule=plan.schedule)) == written(export)


@given(
    st.lists(
        st.tuples(
            st.integers(-3000, 400_000),
            st.integers(0, 500),
            st.integers(0, 2),
            st.integers(0, 3),
            st.booleans(),
        ),
        max_size=12,
    ),
    st.sampled_from(["Europe/Berlin", "UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]),
)
def test_every_plan_comes_back_in_every_zone(rows, zone):
    instance = replace(
        tiny_instance([tiny_operation(f"J{n}-P1") for n in range(len(rows) + 1)]), plant_tz=zone
    )
    items = [
        placed(
            instance, f"J{n}-P1", "M1", start=start, end=start + 60 + setup, setup=setup, level=level, slot=slot,
            is_committed=committed,
        )
        for n, (start, setup, level, slot, committed) in enumerate(rows)
    ]  # fmt: skip
    schedule = tiny_schedule(items, unassigned=[left_out(f"J{len(rows)}-P1")])
    plan = read_plan_json(written(PlanExport(instance, schedule)))
    assert schedule_fingerprint(plan.schedule) == schedule_fingerprint(schedule)
    assert set(plan.schedule.operations) == set(schedule.operations)


def test_the_plan_is_as_valid_on_a_later_epoch_as_it_was():
    export = small_export()
    later = replace(export.instance, epoch=export.instance.epoch - timedelta(days=3))
    moved = read_plan_json(written(export)).schedule_on(later)
    assert moved.by_operation["A-P1"].start == 490 + 3 * 1440
    same = read_plan_json(written(export)).schedule_on(export.instance)
    assert validate(export.instance, same) == ()


def test_an_edited_plan_says_so_and_the_validator_judges_it():
    plan = read_plan_json(edited(run_minutes=1))
    assert plan.is_edited
    instance = small_export().instance
    assert "RUN_MINUTES" in {violation.code for violation in validate(instance, plan.schedule_on(instance))}


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"start": "2026-03-02T09:10:00"}, "operations[0].start"),
        ({"start": "2026-03-02T09:10:30+01:00"}, "operations[0].start"),
        ({"start": "soon"}, "operations[0].start"),
        ({"start": "0001-01-01T00:00:00+14:00"}, "operations[0].start"),
        ({"machine_id": 7}, "operations[0].machine_id"),
        ({"slot": -1}, "operations[0].slot"),
        ({"slot": True}, "operations[0].slot"),
        ({"setup_minutes": 1.5}, "operations[0].setup_minutes"),
        ({"is_committed": "no"}, "operations[0].is_committed"),
    ],
)
def test_a_wrong_field_is_refused_with_its_place(changes, where):
    with pytest.raises(RefusedInput, match=re.escape(where)):
        read_plan_json(edited(**changes))


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"{}", b"\xff\xfe", b"[" * 100_000, b'{"format": "shopfloor-plan", "version": 2}'],
)
def test_what_is_no_plan_is_refused(data):
    with pytest.raises(RefusedInput, match="hint:"):
        read_plan_json(data)


def test_the_file_of_one_machine_is_no_whole_plan():
    with pytest.raises(RefusedInput, match="one machine only: 'M2'"):
        read_plan_json(written(small_export(machine_id="M2")))


def test_every_field_is_described():
    top = json.loads(written(compared_export()))
    names = {*top, *top["operations"][0], *top["unassigned"][0]} | {"kpis"}
    described = set(re.findall(r"`(\w+)`", DOC.read_text()))
    assert names <= described
