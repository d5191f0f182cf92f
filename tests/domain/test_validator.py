"""Every rule is broken once, alone, in a valid plan: exactly its code comes back, about that operation."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from builders import (
    busy_instance,
    left_out,
    placed,
    serial_schedule,
    tiny_instance,
    tiny_operation,
    tiny_schedule,
)
from tiny_plan import adding, edit, tiny_answer, tiny_problem, without

from shopfloor.domain.errors import InvalidPlan
from shopfloor.domain.instance import Commitment, CommitmentKind, Instance, Pin
from shopfloor.domain.plant import Restriction
from shopfloor.domain.schedule import Schedule
from shopfloor.domain.validator import RULES, require_valid, validate

PROBLEM = tiny_problem()
PLAN = tiny_answer(PROBLEM)


def put(operation_id: str, machine_id: str, **fields):
    return placed(PROBLEM, operation_id, machine_id, **fields)


BROKEN: dict[tuple[str, str], Schedule] = {
    ("UNKNOWN_OPERATION", "Z-P1"): adding(PLAN, unassigned=[left_out("Z-P1", "NO_ELIGIBLE_MACHINE")]),
    ("DUPLICATE_OPERATION", "A-P1"): adding(PLAN, PLAN.by_operation["A-P1"]),
    ("MISSING_OPERATION", "E-P3"): without(PLAN, "E-P3"),
    ("SCHEDULED_AND_UNASSIGNED", "E-P3"): adding(PLAN, unassigned=[left_out("E-P3", "BAD_PIN")]),
    ("SET_ASIDE_SCHEDULED", "Q-P1"): adding(without(PLAN, "Q-P1"), put("Q-P1", "M3", start=700, setup=5)),
    ("UNASSIGNED_WITHOUT_CODE", "X-P1"): adding(
        without(PLAN, "X-P1"),
        unassigned=[replace(left_out("X-P1"), code="")],
    ),
    ("UNJUSTIFIED", "E-P3"): adding(without(PLAN, "E-P3"), unassigned=[left_out("E-P3", "NO_OPEN_TIME")]),
    ("UNKNOWN_MACHINE", "E-P3"): edit(PLAN, "E-P3", machine_id="M9"),
    ("WRONG_JOB", "E-P3"): edit(PLAN, "E-P3", job_id="A"),
    ("WRONG_MACHINE_TYPE", "E-P3"): adding(without(PLAN, "E-P3"), put("E-P3", "M3", start=700, setup=20)),
    ("LEVEL_RANGE", "E-P3"): edit(PLAN, "E-P3", level=3),
    ("EMPTY_INTERVAL", "E-P3"): edit(PLAN, "E-P3", end=700),
    ("BEFORE_NOW", "A-P1"): edit(PLAN, "A-P1", start=485, end=565),
    ("BEFORE_RELEASE", "B-P1"): edit(PLAN, "B-P1", start=590, end=670),
    ("CLOSED_START", "E-P3"): edit(PLAN, "E-P3", start=965, end=1440 + 480 + 35),
    ("WORK_MINUTES", "E-P3"): edit(PLAN, "E-P3", end=736),
    ("NOT_CONTIGUOUS", "A-P2"): edit(PLAN, "A-P2", start=900, end=1440 + 480 + 60),
    ("RUN_MINUTES", "E-P3"): edit(PLAN, "E-P3", run_minutes=31, end=736),
    ("PRECEDENCE", "A-P2"): edit(PLAN, "A-P2", start=569, end=689),
    ("PREDECESSOR_UNASSIGNED", "X-P2"): adding(without(PLAN, "X-P2"), put("X-P2", "M1", start=735, setup=20)),
    ("SLOT_OUT_OF_RANGE", "E-P3"): edit(PLAN, "E-P3", slot=1, setup_minutes=20, end=750),
    ("SLOT_OVERLAP", "E-P3"): edit(PLAN, "E-P3", start=679, end=714),
    ("SETUP_MINUTES", "E-P3"): edit(PLAN, "E-P3", setup_minutes=4, end=734),
    ("COMMITMENT_MOVED", "D-P1"): edit(PLAN, "D-P1", start=601, end=666),
    ("COMMITMENT_FLAG", "D-P1"): edit(PLAN, "D-P1", is_committed=False),
}
OTHER_INSTANCE: dict[tuple[str, str], Instance] = {
    ("RESTRICTED_MACHINE", "E-P3"): replace(
        PROBLEM, plant=replace(PROBLEM.plant, restrictions=(Restriction("M1", sequence=3),))
    ),
    ("PIN_VIOLATED", "E-P3"): replace(PROBLEM, pins=(*PROBLEM.pins, Pin("E-P3", machine_id="M2"))),
}


def found(instance: Instance, schedule: Schedule) -> list[tuple[str, str]]:
    return [(violation.code, violation.where) for violation in validate(instance, schedule)]


def test_the_plan_of_the_picture_is_valid():
    assert validate(PROBLEM, PLAN) == ()
    require_valid(PROBLEM, PLAN)


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken[0])
def test_one_fault_in_the_plan_gives_exactly_its_code(broken):
    assert found(PROBLEM, BROKEN[broken]) == [broken]


@pytest.mark.parametrize("broken", OTHER_INSTANCE, ids=lambda broken: broken[0])
def test_one_wish_against_the_plan_gives_exactly_its_code(broken):
    assert found(OTHER_INSTANCE[broken], PLAN) == [broken]


def test_every_rule_is_broken_somewhere_above():
    assert {rule.__name__.upper() for rule in RULES} == {code for code, _ in [*BROKEN, *OTHER_INSTANCE]}


@pytest.mark.parametrize(
    ("operation_id", "code", "objection"),
    [
        ("E-P3", "NO_ELIGIBLE_MACHINE", "machine M1 is eligible"),
        ("E-P3", "BAD_PIN", "it has no pin"),
        ("E-P3", "PREDECESSOR_UNASSIGNED", "predecessor None has a place"),
        ("E-P3", "QUARANTINED", "it was not set aside"),
        ("E-P3", "MISSING_ROUTE", "it was not set aside"),
        ("E-P3", "NO_OPEN_TIME", "machine M1 has room from minute 680"),
    ],
)
def test_a_reason_that_is_not_true_is_refused(operation_id, code, objection):
    plan = adding(without(PLAN, operation_id), unassigned=[left_out(operation_id, code)])
    (violation,) = validate(PROBLEM, plan)
    assert (violation.code, violation.where) == ("UNJUSTIFIED", operation_id)
    assert violation.values == {"code": code, "because": objection}


def test_the_code_of_what_was_set_aside_stays():
    plan = adding(without(PLAN, "Q-P1"), unassigned=[left_out("Q-P1", "MISSING_ROUTE")])
    assert found(PROBLEM, plan) == [("UNJUSTIFIED", "Q-P1")]


def test_no_open_time_is_true_for_work_that_is_longer_than_the_horizon():
    instance = tiny_instance([tiny_operation("A-P1", minutes=60 * 1440)])
    assert validate(instance, tiny_schedule([], unassigned=[left_out("A-P1")])) == ()


def test_the_first_operation_on_a_machine_pays_its_setup():
    assert found(PROBLEM, edit(PLAN, "A-P1", setup_minutes=0, end=550)) == [("SETUP_MINUTES", "A-P1")]


def test_nothing_goes_before_a_frozen_operation_that_makes_its_setup_longer():
    plan = adding(without(PLAN, "E-P3"), put("E-P3", "M2", start=530, setup=20))
    assert found(PROBLEM, plan) == [("SETUP_MINUTES", "D-P1")]


@pytest.mark.parametrize(("start", "valid"), [(700, True), (701, False)])
def test_a_start_pin_is_met_to_the_minute(start, valid):
    instance = replace(PROBLEM, pins=(Pin("E-P3", machine_id="M1", start=700),))
    assert (found(instance, edit(PLAN, "E-P3", start=start, end=start + 35)) == []) is valid


@pytest.mark.parametrize("field", ["level", "slot", "setup_minutes"])
def test_no_field_of_a_commitment_changes(field):
    codes = {code for code, _ in found(PROBLEM, edit(PLAN, "C-P1", **{field: 1}))}
    assert codes == {"COMMITMENT_MOVED"}


def test_a_commitment_is_not_left_out():
    plan = adding(without(PLAN, "D-P1"), unassigned=[left_out("D-P1")])
    assert found(PROBLEM, plan) == [("COMMITMENT_MOVED", "D-P1")]


def test_what_runs_on_a_machine_that_left_the_plant_stays_a_fact():
    gone = Commitment("C-P1", "OLD", 400, 520, CommitmentKind.IN_PROGRESS)
    instance = replace(PROBLEM, commitments=(gone, PROBLEM.commitments[1]))
    assert found(instance, edit(PLAN, "C-P1", machine_id="OLD")) == []


def test_operations_may_touch():
    assert found(PROBLEM, edit(PLAN, "E-P3", start=680, end=715)) == []


def test_two_slots_of_a_machine_run_at_the_same_time():
    plant = replace(
        PROBLEM.plant, machines=(replace(PROBLEM.plant.machines[0], capacity=2), *PROBLEM.plant.machines[1:])
    )
    plan = edit(PLAN, "E-P3", start=600, slot=1, setup_minutes=20, end=650)
    assert found(replace(PROBLEM, plant=plant), plan) == []


def test_an_invalid_plan_is_refused_with_its_numbers():
    with pytest.raises(InvalidPlan, match="WORK_MINUTES E-P3: open 36, needed 35"):
        require_valid(PROBLEM, edit(PLAN, "E-P3", end=736))


@pytest.mark.parametrize("seed", range(20))
def test_no_false_alarm_on_plans_of_a_plain_planner(seed):
    instance = busy_instance(120, n_machines=14, seed=seed)
    assert validate(instance, serial_schedule(instance, level=seed % 3)) == ()


def test_the_time_to_judge_a_plan_grows_with_its_size_and_not_with_its_square():
    seconds = []
    for n_operations in (500, 5000):
        instance = busy_instance(n_operations)
        schedule = serial_schedule(instance)
        began = time.process_time()
        assert validate(instance, schedule) == ()
        seconds.append(time.process_time() - began)
    assert seconds[1] < 50 * seconds[0]
