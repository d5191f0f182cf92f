"""Frozen operations and pins: what the active plan and the planner fixed, with values worked out by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tiny_plant import AS_OF, NOW, ZONE, frames, machine, ran, step

from shopfloor.data.assembly import Assembly, AssemblyOptions, assemble_with_notes
from shopfloor.domain.instance import CommitmentKind, Pin, UnassignedCode

DAY_BEFORE = AS_OF - timedelta(days=1)


def planned(operation_id: str, machine_id: str, start: str, end: str, **columns: Any) -> dict[str, Any]:
    """Return a row of the active plan: 30 minutes of setup, the rest run, made yesterday; times UTC."""
    defaults = {
        "run_id": "r",
        "job_id": operation_id.partition("_")[0],
        "slot": 0,
        "setup_minutes": 30,
        "run_minutes": 60,
        "overtime_level": 0,
        "status": "proposed",
        "is_committed": False,
        "scheduled_date": DAY_BEFORE.replace(tzinfo=None),
    }
    times = {"start_time": f"2026-06-01 {start}:00", "end_time": f"2026-06-01 {end}:00"}
    return {"operation_id": operation_id, "machine_id": machine_id} | times | defaults | columns


def pin(operation_id: str, **columns: Any) -> dict[str, Any]:
    defaults = {"pin_id": 1, "pinned_by": "ann", "reason": "customer", "created_at": "2026-05-30 08:00:00"}
    return {"operation_id": operation_id} | defaults | columns


def built(freeze_hours: float = 4.0, **tables: list[dict[str, Any]]) -> Assembly:
    options = AssemblyOptions(freeze_hours=freeze_hours)
    return assemble_with_notes(frames(**tables), as_of=AS_OF, plant_tz=ZONE, options=options)


def notes(assembly: Assembly) -> set[tuple[str, str]]:
    return {(note.code, note.where) for note in assembly.notes}


def test_what_the_active_plan_starts_soon_keeps_its_machine_times_and_level():
    assembly = built(
        production_jobs=[step("O1_P01"), step("O2_P01")],
        scheduled_jobs=[
            planned("O1_P01", "M2", "05:00", "06:30"),
            planned("O2_P01", "M1", "08:30", "10:00"),
        ],
    )
    instance = assembly.instance
    assert instance.freeze_until == NOW + 240  # 08:30 UTC: a start at that minute is free
    held = instance.commitments[0]
    assert [item.operation_id for item in instance.commitments] == ["O1_P01"]
    assert (held.machine_id, held.start, held.end, held.setup_minutes) == ("M2", 300, 390, 30)
    assert held.kind is CommitmentKind.FROZEN
    assert {name: place.start for name, place in instance.active_plan.items()} == {
        "O1_P01": 300,
        "O2_P01": 510,
    }
    assert assembly.notes == ()


def test_nothing_is_frozen_without_a_horizon_but_what_a_planner_confirmed():
    assembly = built(
        0.0,
        production_jobs=[step("O1_P01"), step("O2_P01")],
        scheduled_jobs=[
            planned("O1_P01", "M2", "05:00", "06:30"),
            planned("O2_P01", "M1", "08:00", "09:30", status="confirmed"),
        ],
    )
    assert [item.operation_id for item in assembly.instance.commitments] == ["O2_P01"]


def test_a_plan_made_after_as_of_freezes_nothing():
    late = planned("O1_P01", "M2", "05:00", "06:30", scheduled_date="2026-06-01 04:30:01")
    assembly = built(production_jobs=[step("O1_P01")], scheduled_jobs=[late])
    assert assembly.instance.commitments == ()
    assert assembly.instance.active_plan == {}


@pytest.mark.parametrize(
    ("code", "tables"),
    [
        (
            "MACHINE_DOWN",
            {
                "machine_downtime": [
                    {
                        "downtime_id": 1,
                        "machine_id": "M2",
                        "start_time": "2026-06-01 06:00:00",
                        "end_time": "2026-06-01 06:10:00",
                        "kind": "planned",
                    }
                ]
            },
        ),
        ("MACHINE_GONE", {"machines": [machine("M1"), machine("M2", status="INACTIVE")]}),
        (
            "MACHINE_NOT_ELIGIBLE",
            {"machine_restrictions": [{"restriction_id": 1, "machine_id": "M2", "family_name": "F"}]},
        ),
        ("RELEASE_SLIPPED", {"production_jobs": [step("O1_P01", material_ready_at="2026-06-01 05:01:00")]}),
        ("NOT_STARTED", {"scheduled_jobs": [planned("O1_P01", "M2", "04:00", "06:00", run_minutes=60)]}),
    ],
)
def test_a_frozen_operation_moves_for_a_reason_that_is_noted(code: str, tables: dict[str, Any]):
    defaults: dict[str, Any] = {
        "production_jobs": [step("O1_P01", plan_date="2026-05-20")],
        "scheduled_jobs": [planned("O1_P01", "M2", "05:00", "06:30")],
    }
    assembly = built(**(defaults | tables))
    assert assembly.instance.commitments == ()
    assert (f"FROZEN_MOVED_{code}", "O1_P01") in notes(assembly)


def test_a_frozen_operation_moves_when_its_predecessor_overruns_and_so_does_what_follows():
    """O1_P01 runs on S1 from 04:30 for 2 h; the plan had P02 at 05:00 and P03 at 07:00."""
    assembly = built(
        production_jobs=[
            step("O1_P01", "SAW", processing_time=2.0),
            step("O1_P02"),
            step("O1_P03"),
            step("O2_P01"),
        ],
        job_schedules=[ran(1, "O1_P01", "S1", "2026-06-01 04:30:00")],
        scheduled_jobs=[
            planned("O1_P02", "M1", "05:00", "06:30"),
            planned("O1_P03", "M2", "07:00", "08:30"),
            planned("O2_P01", "M1", "06:30", "08:00"),
        ],
    )
    assert [item.operation_id for item in assembly.instance.commitments] == ["O1_P01", "O2_P01"]
    assert notes(assembly) == {
        ("FROZEN_MOVED_PREDECESSOR_SLIPPED", "O1_P02"),
        ("FROZEN_MOVED_PREDECESSOR_SLIPPED", "O1_P03"),
    }


def test_a_frozen_operation_moves_when_its_machine_is_still_busy():
    assembly = built(
        production_jobs=[step("O1_P01", processing_time=2.0), step("O2_P01")],
        job_schedules=[ran(1, "O1_P01", "M1", "2026-06-01 04:30:00")],
        scheduled_jobs=[planned("O2_P01", "M1", "05:30", "07:00")],
    )
    assert notes(assembly) == {("FROZEN_MOVED_MACHINE_BUSY", "O2_P01")}


def test_a_pin_in_force_is_kept_and_an_expired_or_future_one_is_not():
    start = "2026-06-01 06:00:00"
    assembly = built(
        production_jobs=[step("O1_P01"), step("O2_P01"), step("O3_P01")],
        schedule_pins=[
            pin("O1_P01", machine_id="M2", start_time=start),
            pin("O2_P01", pin_id=2, machine_id="M2", expires_at="2026-06-01 04:30:00"),
            pin("O3_P01", pin_id=3, machine_id="M2", created_at="2026-06-01 04:31:00"),
        ],
    )
    assert assembly.instance.pins == (Pin("O1_P01", "M2", 360, "ann", "customer"),)


@pytest.mark.parametrize(
    "rows",
    [
        [pin("O1_P01", machine_id="M1"), pin("O1_P01", pin_id=2, machine_id="M2")],
        [pin("O1_P01", machine_id="S1")],
        [pin("O1_P01", machine_id="M9")],
        [pin("O1_P01", start_time="2026-06-01 06:00:00")],
        [pin("O1_P01", machine_id="M1", start_time="2026-06-01 04:00:00")],
        [pin("O1_P01", machine_id="M1", start_time="2026-06-01 10:30:00")],
        [pin("O1_P01", machine_id="M1", position=3)],
    ],
    ids=["two machines", "other type", "unknown", "no machine", "past", "closed", "position"],
)
def test_a_pin_that_contradicts_itself_or_the_facts_sets_its_operation_aside(rows: list[dict[str, Any]]):
    assembly = built(production_jobs=[step("O1_P01"), step("O1_P02")], schedule_pins=rows)
    assert {item.operation_id: item.code for item in assembly.instance.set_aside} == {
        "O1_P01": UnassignedCode.BAD_PIN,
        "O1_P02": UnassignedCode.PREDECESSOR_UNASSIGNED,
    }
    assert assembly.instance.pins == ()


def test_of_two_pins_to_one_minute_of_a_machine_the_later_is_refused():
    start = "2026-06-01 06:00:00"
    assembly = built(
        production_jobs=[step("O1_P01"), step("O2_P01")],
        schedule_pins=[
            pin("O2_P01", machine_id="M1", start_time=start),
            pin("O1_P01", pin_id=2, machine_id="M1", start_time=start),
        ],
    )
    assert [item.operation_id for item in assembly.instance.pins] == ["O2_P01"]
    assert [item.operation_id for item in assembly.instance.set_aside] == ["O1_P01"]
