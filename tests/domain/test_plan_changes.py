"""What changed between two plans, on plans small enough to see it."""

from __future__ import annotations

from dataclasses import replace

from builders import (
    DAY,
    busy_instance,
    left_out,
    placed,
    serial_schedule,
    tiny_instance,
    tiny_job,
    tiny_operation,
    tiny_schedule,
)
from hypothesis import given
from hypothesis import strategies as st
from tiny_plan import tiny_answer, tiny_problem

from shopfloor.domain.instance import PlannedStart
from shopfloor.domain.plan_changes import ChangeKind, Place, compare_plans, places_of


def two_jobs(*, due: int = 200):
    return tiny_instance(
        [tiny_operation("A-P1"), tiny_operation("A-P2", predecessor="A-P1"), tiny_operation("B-P1")],
        jobs=[tiny_job("A", due=due), tiny_job("B", due=due)],
    )


def plan_of(instance, a_start: int, b_machine: str = "M2"):
    return tiny_schedule(
        [
            placed(instance, "A-P1", "M1", start=a_start),
            placed(instance, "A-P2", "M1", start=a_start + 60),
            placed(instance, "B-P1", b_machine, start=0),
        ]
    )


def test_nothing_changed_between_a_plan_and_itself():
    instance = tiny_problem()
    changes = compare_plans(instance, tiny_answer(instance), tiny_answer(instance))
    assert not changes.operations and not any(changes.counts.values())
    assert {job.minutes for job in changes.jobs.values()} == {0}


def test_a_start_within_the_tolerance_has_not_moved():
    instance = two_jobs()
    kinds = []
    for to in (130, 131, 69):
        changes = compare_plans(instance, plan_of(instance, to), plan_of(instance, 100))
        kinds.append({name: change.kind for name, change in changes.operations.items()})
    later, earlier = ChangeKind.LATER, ChangeKind.EARLIER
    assert kinds == [{}, {"A-P1": later, "A-P2": later}, {"A-P1": earlier, "A-P2": earlier}]


def test_another_machine_counts_however_little_the_start_moved():
    instance = two_jobs()
    changes = compare_plans(instance, plan_of(instance, 0, "M1"), plan_of(instance, 0, "M2"))
    assert changes.operations["B-P1"].kind is ChangeKind.OTHER_MACHINE
    assert changes.operations["B-P1"].before == Place("M2", 0, 0, 60, "B")


def test_a_job_that_crosses_its_due_minute_is_newly_late_and_back():
    instance = two_jobs(due=200)
    before, after = plan_of(instance, 0), plan_of(instance, 100)
    changes = compare_plans(instance, after, before)
    assert (changes.newly_late, changes.no_longer_late, changes.jobs["A"].minutes) == (("A",), (), 100)
    back = compare_plans(instance, before, after)
    assert (back.newly_late, back.no_longer_late) == ((), ("A",))


def test_what_is_new_and_what_lost_its_place():
    instance = two_jobs()
    before = {
        "A-P1": Place("M1", 0, 0, 60, "A"),
        "B-P1": Place("M2", 0, 0, 60, "B"),
        "GONE-P1": Place("M1", 0, 0),
    }
    after = replace(plan_of(instance, 0), unassigned=(left_out("B-P1"),))
    after = replace(after, operations=tuple(item for item in after.operations if item.job_id != "B"))
    changes = compare_plans(instance, after, before)
    kinds = {name: change.kind for name, change in changes.operations.items()}
    assert kinds == {"A-P2": ChangeKind.NEW, "B-P1": ChangeKind.LOST}
    assert list(changes.jobs) == ["B"] and changes.newly_late == ("B",)


def test_what_is_committed_has_not_moved():
    instance = tiny_problem()
    before = places_of(tiny_answer(instance)) | {"C-P1": Place("M1", 0, 0, 10, "C")}
    assert compare_plans(instance, tiny_answer(instance), before).operations == {}


def test_a_plan_known_by_its_starts_alone_says_nothing_of_jobs():
    instance = two_jobs()
    changes = compare_plans(instance, plan_of(instance, 100), {"A-P1": PlannedStart("M1", 0)})
    assert changes.operations["A-P1"].minutes == 100
    assert changes.jobs == {}


@given(st.integers(0, 2**16), st.integers(-2 * DAY, 2 * DAY))
def test_a_plan_shifted_as_a_whole_moves_every_operation_by_as_much(seed, shift):
    instance = busy_instance(16, n_machines=6, seed=seed)
    before = serial_schedule(instance)
    moved = tuple(replace(item, start=item.start + shift, end=item.end + shift) for item in before.operations)
    changes = compare_plans(instance, replace(before, operations=moved), before)
    assert {change.minutes for change in changes.operations.values()} <= {shift}
    assert len(changes.operations) == (len(moved) if abs(shift) > 30 else 0)
    assert {job.minutes for job in changes.jobs.values()} == {shift}
    assert set(changes.newly_late).isdisjoint(changes.no_longer_late)
