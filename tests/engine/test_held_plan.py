"""Holding on to a plan: nothing moves without a reason, and whatever comes out is a valid plan."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from builders import always_open, tiny_instance, tiny_machine, tiny_operation, tiny_plant
from oracles.random_plants import random_instance

from shopfloor.domain.calendar import OpenTime
from shopfloor.domain.fingerprint import schedule_fingerprint
from shopfloor.domain.instance import Instance
from shopfloor.domain.schedule import Schedule
from shopfloor.domain.validator import validate
from shopfloor.engine.arrays import compile_instance
from shopfloor.engine.dispatch import dispatch, greedy_list, to_schedule
from shopfloor.engine.held_plan import hold_plan
from shopfloor.engine.rules import RuleSpec


def held(instance: Instance, plan: Schedule, **options) -> Schedule:
    compiled = compile_instance(instance)
    return to_schedule(compiled, hold_plan(compiled, plan.by_operation, **options), "held")


@pytest.mark.parametrize("seed", range(60))
def test_a_plan_that_can_stand_is_held_to_the_minute(seed: int) -> None:
    instance = random_instance(seed, tidy=True)
    compiled = compile_instance(instance)
    for outcome in (dispatch(compiled, RuleSpec()), greedy_list(compiled)):
        plan = to_schedule(compiled, outcome, "plan")
        if not plan.unassigned:
            assert schedule_fingerprint(held(instance, plan)) == schedule_fingerprint(plan)


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("may_switch", [False, True])
def test_what_is_left_of_a_plan_after_changes_is_valid(seed: int, may_switch: bool) -> None:
    instance = random_instance(seed, tidy=True)
    compiled = compile_instance(instance)
    plan = to_schedule(compiled, dispatch(compiled, RuleSpec()), "plan")
    draw = random.Random(seed)
    forgotten = {name for name in plan.by_operation if draw.random() < 0.3}
    rest = Schedule(tuple(item for item in plan.operations if item.operation_id not in forgotten), (), "plan")
    committed = set(instance.commitment_by_id)
    machine = draw.choice(instance.plant.machines).machine_id
    free = [name for name in instance.open_time if name not in {c.machine_id for c in instance.commitments}]
    closed = {name: instance.open_time[name].without([(300, 700)]) for name in free if name == machine}
    changed = replace(instance, open_time={**instance.open_time, **closed})
    first = {name for name in forgotten - committed if draw.random() < 0.5}
    assert validate(changed, held(changed, rest, first=first, may_switch=may_switch)) == ()


def _two_jobs() -> tuple[Instance, Schedule]:
    plant = tiny_plant([tiny_machine("M1"), tiny_machine("M2")])
    instance = tiny_instance(
        [tiny_operation("A-P1", minutes=60), tiny_operation("B-P1", minutes=30)], plant=plant
    )
    compiled = compile_instance(instance)
    return instance, to_schedule(compiled, greedy_list(compiled), "plan")


def test_a_closed_machine_delays_only_what_it_had() -> None:
    instance, plan = _two_jobs()
    machine = plan.by_operation["A-P1"].machine_id
    closed = replace(instance, open_time={**instance.open_time, machine: OpenTime.of([(100, 5000, 0)])})
    after = held(closed, plan)
    assert (after.by_operation["A-P1"].machine_id, after.by_operation["A-P1"].start) == (machine, 100)
    assert after.by_operation["B-P1"] == plan.by_operation["B-P1"]
    switched = held(closed, plan, may_switch=True)
    assert [(item.machine_id == machine, item.start) for item in switched.operations] == [
        (False, 0),
        (False, 60),
    ]


def test_a_new_operation_waits_behind_the_plan_unless_it_goes_first() -> None:
    plant = tiny_plant([tiny_machine("M1")])
    operations = [tiny_operation("A-P1", minutes=60), tiny_operation("N-P1", minutes=10)]
    instance = tiny_instance(operations, plant=plant, open_time={"M1": always_open()})
    compiled = compile_instance(instance)
    whole = to_schedule(compiled, greedy_list(compiled), "plan")
    plan = Schedule(
        tuple(replace(item, start=0, end=60) for item in whole.operations if item.operation_id == "A-P1"),
        (),
        "plan",
    )
    assert held(instance, plan).by_operation["N-P1"].start == 60
    first = held(instance, plan, first={"N-P1"})
    assert (first.by_operation["N-P1"].start, first.by_operation["A-P1"].start) == (0, 10)
