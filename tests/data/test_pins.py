"""Pins: every solver keeps those that are let through, and a refused one says who pinned it and why it cannot
hold.

Minute 0 is Monday 1 June 2026 00:00 UTC; Berlin is two hours ahead; now is minute 270, 06:30 local.
"""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_plant import AS_OF, NOW, ZONE, frames, machine, ran, step

from shopfloor.data.assembly import Assembly, assemble_with_notes
from shopfloor.domain.instance import CommitmentKind, Instance, UnassignedCode
from shopfloor.domain.schedule import Schedule
from shopfloor.domain.validator import validate
from shopfloor.engine.actor import ActorSpec, zero_weights
from shopfloor.engine.arrays import compile_instance
from shopfloor.engine.dispatch import dispatch, greedy_list, to_schedule
from shopfloor.engine.objective import PRESETS
from shopfloor.engine.optimise import Budget, optimise
from shopfloor.engine.rules import Rule, RuleSpec

CREATED = "2026-05-30 08:00:00"
MACHINES = [machine("M1"), machine("M2"), machine("S1", "SAW"), machine("S2", "SAW", capacity=2)]


def pin(operation_id: str, number: int = 1, **columns: Any) -> dict[str, Any]:
    defaults = {"pin_id": number, "pinned_by": "ann", "reason": "customer", "created_at": CREATED}
    return {"operation_id": operation_id} | defaults | columns


def built(pins: list[dict[str, Any]], jobs: list[dict[str, Any]], **tables: Any) -> Assembly:
    rows = frames(machines=MACHINES, production_jobs=jobs, schedule_pins=pins, **tables)
    return assemble_with_notes(rows, as_of=AS_OF, plant_tz=ZONE)


def plans_of(instance: Instance) -> dict[str, Schedule]:
    """Return a plan of every kind of solver."""
    compiled = compile_instance(instance)
    idle = ActorSpec(zero_weights(idle_bias=-1.0))
    outcomes = {rule.name: dispatch(compiled, RuleSpec(rule)) for rule in Rule}
    outcomes |= {
        "greedy": greedy_list(compiled),
        "policy": dispatch(compiled, ActorSpec(zero_weights()), temperature=1.0, seed=3),
        "idle": dispatch(compiled, idle, temperature=1.0, seed=3),
        "search": optimise(
            compiled, objective=PRESETS["balanced"], budget=Budget(iterations=200, seconds=2.0), seed=1
        ).outcome,
    }
    return {name: to_schedule(compiled, outcome, name) for name, outcome in outcomes.items()}


def orders(draw: random.Random) -> list[dict[str, Any]]:
    rows = []
    for job in range(draw.randrange(2, 7)):
        family = draw.choice("FGH")
        for number in range(1, draw.randrange(2, 5)):
            rows.append(
                step(
                    f"O{job}_P{number:02d}",
                    draw.choice(("MILL", "SAW")),
                    family_name=family,
                    processing_time=draw.choice((0.2, 1.0, 3.5)),
                    priority=draw.randint(1, 5),
                    is_interruptible=draw.random() < 0.8,
                    plan_date=draw.choice(("2026-05-29", "2026-06-01", "2026-06-02")),
                )
            )
    return rows


def random_pins(draw: random.Random, jobs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    pins, positions = [], {"M1": 0, "M2": 0, "S1": 0}
    for row in jobs:
        if draw.random() < 0.6:
            continue
        wanted = draw.choice(("M1", "M2") if row["machine_type"] == "MILL" else ("S1", "S2"))
        number = len(pins) + 1
        kind = draw.choice(("machine", "start", "position"))
        if kind == "start":
            start = AS_OF + timedelta(minutes=draw.randrange(0, 4000))
            pins.append(
                pin(row["job_id"], number, machine_id=wanted, start_time=f"{start:%Y-%m-%d %H:%M:%S}")
            )
        elif kind == "position" and wanted in positions:
            positions[wanted] += 1
            pins.append(pin(row["job_id"], number, machine_id=wanted, position=positions[wanted]))
        else:
            pins.append(pin(row["job_id"], number, machine_id=wanted))
    return pins


@given(st.integers(0, 10**6))
def test_every_solver_keeps_every_pin_that_is_let_through(seed: int):
    draw = random.Random(seed)
    jobs = orders(draw)
    pins = random_pins(draw, jobs)
    running = [ran(1, "O0_P01", "M1", "2026-06-01 04:00:00")] if jobs[0]["machine_type"] == "MILL" else []
    instance = built(pins, jobs, job_schedules=running).instance
    refused = {item.operation_id for item in instance.set_aside}
    for name, plan in plans_of(instance).items():
        assert validate(instance, plan) == (), name
        assert {item.operation_id for item in plan.unassigned} == refused, name
        for row in pins:
            item = plan.by_operation.get(row["operation_id"])
            if item is None or row["operation_id"] in {r["job_id"] for r in running}:
                continue
            assert item.machine_id == row["machine_id"], name
            if "start_time" in row:
                assert f"{instance.to_datetime(item.start):%Y-%m-%d %H:%M:%S}" == row["start_time"], name
        for machine_id in ("M1", "M2", "S1"):
            lined_up, all_of_it = _line(plan, instance, pins, machine_id)
            assert all_of_it[: len(lined_up)] == lined_up, name


def _line(
    plan: Schedule, instance: Instance, pins: list[dict[str, Any]], machine_id: str
) -> tuple[list[str], list[str]]:
    """Return what is pinned to positions on a machine, and all that it begins from now on for no other reason."""
    facts = {c.operation_id for c in instance.commitments if c.kind is not CommitmentKind.PINNED}
    rows = [row for row in pins if "position" in row and row["machine_id"] == machine_id]
    pinned = [row["operation_id"] for row in sorted(rows, key=lambda row: row["position"])]
    lined_up = [name for name in pinned if name in plan.by_operation and name not in facts]
    needed = {c.operation_id for c in instance.commitments} - set(pinned)
    planned = [item.operation_id for item in plan.by_machine.get(machine_id, ())]
    return lined_up, [name for name in planned if name not in facts | needed]


def test_positions_are_lined_up_from_now_and_the_machine_waits_for_them():
    """O2_P02 is first on M1: it waits for O2_P01 on the saw until 08:00, and nothing slips in before it."""
    jobs = [step("O1_P01"), step("O2_P01", "SAW"), step("O2_P02"), step("O3_P01", processing_time=0.1)]
    assembly = built(
        [pin("O1_P01", 1, machine_id="M1", position=2), pin("O2_P02", 2, machine_id="M1", position=1)], jobs
    )
    found = {item.operation_id: item for item in assembly.instance.commitments}
    assert {name: (item.machine_id, item.start, item.end) for name, item in found.items()} == {
        "O2_P01": ("S1", NOW, NOW + 90),
        "O2_P02": ("M1", NOW + 90, NOW + 180),
        "O1_P01": ("M1", NOW + 180, NOW + 245),
    }
    assert {item.kind for item in found.values()} == {CommitmentKind.PINNED}
    assert assembly.instance.open_time["M1"].next_open(NOW, 0) == NOW + 90
    assert ("PINNED_WITH", "O2_P01") in {(note.code, note.where) for note in assembly.notes}


def test_positions_go_on_counting_when_the_first_has_begun():
    jobs = [step("O1_P01"), step("O2_P01")]
    assembly = built(
        [pin("O1_P01", 1, machine_id="M1", position=1), pin("O2_P01", 2, machine_id="M1", position=2)],
        jobs,
        job_schedules=[ran(1, "O1_P01", "M1", "2026-06-01 04:00:00")],
    )
    assert assembly.instance.set_aside == ()
    ends = {item.operation_id: (item.start, item.end) for item in assembly.instance.commitments}
    assert ends["O2_P01"][0] == ends["O1_P01"][1]


def test_what_comes_before_a_pinned_start_is_committed_in_time_and_not_before_it_must():
    jobs = [step("O1_P01", "SAW"), step("O1_P02")]
    start = "2026-06-04 08:00:00"  # Thursday 10:00 local
    assembly = built([pin("O1_P02", machine_id="M2", start_time=start)], jobs)
    (support,) = assembly.instance.commitments
    assert (support.operation_id, support.machine_id) == ("O1_P01", "S1")
    assert support.start == 2 * 1440 + 8 * 60  # the day before at that hour
    plan = plans_of(assembly.instance)["greedy"]
    assert plan.by_operation["O1_P02"].start == 3 * 1440 + 8 * 60


@pytest.mark.parametrize(
    ("pins", "words"),
    [
        (
            [
                pin("O2_P01", 1, machine_id="M1", start_time="2026-06-01 06:00:00", pinned_by="bob"),
                pin("O1_P01", 2, machine_id="M1", start_time="2026-06-01 06:00:00"),
            ],
            "O2_P01 has M1 then: 2026-06-01 08:00 to 2026-06-01 09:30",
        ),
        (
            [
                pin("O2_P01", 1, machine_id="M1", start_time="2026-06-01 06:00:00"),
                pin("O1_P01", 2, machine_id="M1", start_time="2026-06-01 06:30:00"),
            ],
            "O2_P01 has M1 then",
        ),
        ([pin("O1_P01", machine_id="S1")], "of another type: S1 is SAW"),
        ([pin("O1_P01", machine_id="M9")], "not active: M9"),
        (
            [pin("O1_P01", machine_id="M1", start_time="2026-06-01 04:00:00")],
            "start is past: 2026-06-01 06:00",
        ),
        ([pin("O1_P01", machine_id="M1", start_time="2026-06-01 10:30:00")], "closed in regular time"),
        ([pin("O1_P01", start_time="2026-06-01 06:00:00")], "needs its machine"),
        ([pin("O1_P01", position=1)], "needs its machine"),
        ([pin("O1_P01")], "neither machine nor start"),
        ([pin("O1_P01", machine_id="M1", position=0)], "count from 1: 0"),
        ([pin("O1_P01", machine_id="M1", position=2)], "position 1 on M1: number from 1"),
        (
            [pin("O1_P01", machine_id="M1", position=1, start_time="2026-06-01 06:00:00")],
            "a start and a position together",
        ),
        (
            [
                pin("O2_P01", 1, machine_id="M1", position=1, pinned_by="bob"),
                pin("O1_P01", 2, machine_id="M1", position=1),
            ],
            "O2_P01 has that position on M1, pinned by bob",
        ),
        (
            [pin("O1_P01", 1, machine_id="M1", pinned_by="bob"), pin("O1_P01", 2, machine_id="M2")],
            "pins of ann, bob contradict each other: machine_id ['M1', 'M2']",
        ),
    ],
)
def test_a_pin_that_cannot_hold_is_refused_with_who_and_why(pins: list[dict[str, Any]], words: str):
    instance = built(pins, [step("O1_P01"), step("O2_P01")]).instance
    (aside,) = instance.set_aside
    assert (aside.operation_id, aside.code) == ("O1_P01", UnassignedCode.BAD_PIN)
    assert aside.detail.startswith("pinned by ann (customer): ")
    assert words in aside.detail


@pytest.mark.parametrize(
    ("start", "words"),
    [
        ("2026-06-01 05:00:00", "what comes before it cannot be done by 2026-06-01 07:00: O1_P01"),
        ("2026-06-01 04:30:00", "cannot be done by 2026-06-01 06:30"),
    ],
)
def test_a_start_before_its_predecessor_can_end_is_refused(start: str, words: str):
    jobs = [step("O1_P01", "SAW"), step("O1_P02"), step("O2_P01")]
    (aside,) = built([pin("O1_P02", machine_id="M1", start_time=start)], jobs).instance.set_aside
    assert (aside.operation_id, aside.code) == ("O1_P02", UnassignedCode.BAD_PIN)
    assert words in aside.detail


def test_a_position_on_a_machine_with_several_slots_is_refused():
    (aside,) = built([pin("O1_P01", machine_id="S2", position=1)], [step("O1_P01", "SAW")]).instance.set_aside
    assert "S2 runs 2 at a time" in aside.detail


def test_an_expired_pin_is_no_pin():
    expired = pin("O1_P01", machine_id="S1", expires_at="2026-06-01 04:00:00")
    instance = built([expired], [step("O1_P01")]).instance
    assert (instance.pins, instance.set_aside) == ((), ())
