"""What a change would do to the plan in force: plan it in memory, compare job by job, write nothing.

The baseline is the active plan as facts leave it, so that all that moves, moves because of the change: the
search starts from it and pays for every operation that it moves. Without an active plan the baseline is the
optimiser's own plan of the unchanged plant.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from shopfloor.domain.errors import InvalidPlan
from shopfloor.domain.fingerprint import instance_fingerprint
from shopfloor.domain.granted_overtime import GrantedOvertime, granted_hours_worked
from shopfloor.domain.instance import Instance, Job, PlannedStart
from shopfloor.domain.kpis import (
    MINUTES_PER_DAY,
    MOVED_TOLERANCE_MINUTES,
    Kpis,
    completion_by_job,
    compute_kpis,
)
from shopfloor.domain.schedule import Schedule, ScheduledOperation
from shopfloor.domain.validator import validate
from shopfloor.engine.actor import ActorSpec
from shopfloor.engine.arrays import Compiled, compile_instance
from shopfloor.engine.dispatch import Outcome, to_schedule
from shopfloor.engine.held_plan import hold_plan
from shopfloor.engine.objective import Objective
from shopfloor.engine.optimise import Budget, Limits, optimise
from shopfloor.engine.rules import RuleSpec

log = logging.getLogger(__name__)

MOVES_PRICE = 0.5
"""Least price of a moved operation, in days of tardiness of a job of weight 1: an answer should be calm."""


@dataclass(frozen=True)
class Question:
    """A change, as the problem before and after it.

    Attributes:
        before: The problem as it is.
        after: With the change in it.
        planned: The active plan's rows by operation_id; empty = none is in force.
        new_jobs: Jobs that only `after` has.
        granted: Overtime granted in `after`, one entry per work centre.
        budget: Of each search.
        starts: Rules and policies to start from, the champion's.
    """

    before: Instance
    after: Instance
    planned: Mapping[str, ScheduledOperation]
    objective: Objective
    budget: Budget
    new_jobs: Collection[str] = ()
    granted: Sequence[GrantedOvertime] = ()
    starts: Sequence[RuleSpec | ActorSpec] = ()
    seed: int = 0


@dataclass(frozen=True, slots=True)
class MovedJob:
    """A job whose completion moves; minutes of the instance, None = it has no completion.

    Attributes:
        before: Completion in the baseline; None for a job that is new.
        after: Completion with the change.
    """

    job: Job
    before: int | None
    after: int

    @property
    def delta_minutes(self) -> int | None:
        """How much later it is done, minutes; negative = earlier."""
        return None if self.before is None else self.after - self.before

    @property
    def is_late(self) -> bool:
        return self.after > self.job.due

    @property
    def was_late(self) -> bool:
        return self.before is not None and self.before > self.job.due

    @property
    def added_tardiness_days(self) -> float:
        """Days of tardiness more than before."""
        was = 0 if self.before is None else max(0, self.before - self.job.due)
        return (max(0, self.after - self.job.due) - was) / MINUTES_PER_DAY


@dataclass(frozen=True)
class PlannedSide:
    """One side of the comparison: a problem, its plan and the plan's figures."""

    instance: Instance
    schedule: Schedule
    kpis: Kpis


@dataclass(frozen=True)
class Answer:
    """What the change does.

    Attributes:
        before: The baseline.
        after: The plan with the change.
        is_active_plan: The baseline is the plan in force; else the optimiser's.
        slipped: Operations that facts alone have moved since the active plan was made.
        moved: Jobs whose completion moves, those that lose most tardiness first; new jobs are not in it.
        new: Jobs that only the change brings.
        moved_operations: Operations with another machine or a start more than 30 minutes off, whenever.
        granted_hours: Hours worked in granted overtime windows.
        seconds: Wall time of both plans.
    """

    before: PlannedSide
    after: PlannedSide
    is_active_plan: bool
    slipped: int
    moved: tuple[MovedJob, ...]
    new: tuple[MovedJob, ...]
    moved_operations: int
    granted_hours: float
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def cost_to_others(self) -> float:
        """Weighted tardiness that jobs which are there already gain, days; negative = they win."""
        return sum(item.job.weight * item.added_tardiness_days for item in self.moved)

    @property
    def newly_late(self) -> tuple[MovedJob, ...]:
        return tuple(item for item in self.moved if item.is_late and not item.was_late)

    @property
    def no_longer_late(self) -> tuple[MovedJob, ...]:
        return tuple(item for item in self.moved if item.was_late and not item.is_late)


def answer(question: Question) -> Answer:
    """Return what the change of `question` does.

    Raises:
        InvalidPlan: No plan of the changed problem passes the validator.
    """
    began = time.perf_counter()
    baseline, is_active = _baseline(question)
    planned_at = time.perf_counter()
    starts = {item.operation_id: PlannedStart(item.machine_id, item.start) for item in baseline.operations}
    before = replace(question.before, active_plan=question.before.active_plan or starts)
    after = replace(question.after, active_plan=starts)
    schedule = _changed(question, after, baseline)
    sides = (
        PlannedSide(before, baseline, compute_kpis(before, baseline)),
        PlannedSide(after, schedule, compute_kpis(after, schedule)),
    )
    moved, new = _moved_jobs(*sides)
    return Answer(
        before=sides[0],
        after=sides[1],
        is_active_plan=is_active,
        slipped=_n_moved(question.planned, baseline) if is_active else 0,
        moved=moved,
        new=new,
        moved_operations=_n_moved(baseline.by_operation, schedule),
        granted_hours=sum(granted_hours_worked(granted, schedule) for granted in question.granted),
        seconds={"baseline": planned_at - began, "answer": time.perf_counter() - planned_at},
    )


def _baseline(question: Question) -> tuple[Schedule, bool]:
    """Return the plan to compare with, and whether it is the plan in force."""
    compiled = compile_instance(question.before)
    if question.planned:
        held = to_schedule(compiled, hold_plan(compiled, question.planned), "active")
        violations = validate(question.before, held)
        if not violations:
            return held, True
        log.warning("active_plan_cannot_be_held first=%s", violations[0])
    return _optimised(question, compiled, question.objective), False


def _changed(question: Question, after: Instance, baseline: Schedule) -> Schedule:
    """Return the plan with the change; the baseline itself when the change changes nothing."""
    unchanged = replace(question.before, active_plan=after.active_plan)
    if instance_fingerprint(unchanged) == instance_fingerprint(after):
        return baseline
    compiled = compile_instance(after)
    calm = replace(question.objective, moves=max(question.objective.moves, MOVES_PRICE), all_moves=True)
    new = {item.operation_id for item in after.operations if item.job_id in set(question.new_jobs)}
    outcomes = [
        hold_plan(compiled, baseline.by_operation, first=first, may_switch=may_switch)
        for first in ([(), new] if new else [()])
        for may_switch in (False, True)
    ]
    # The plan in force need not be better than greedy in every figure: no reason to turn it over.
    return _optimised(question, compiled, calm, outcomes, is_guarded=False)


def _optimised(
    question: Question,
    compiled: Compiled,
    objective: Objective,
    outcomes: Sequence[Outcome] = (),
    *,
    is_guarded: bool = True,
) -> Schedule:
    """Return a validated plan of the search."""
    found = optimise(
        compiled,
        objective=objective,
        budget=question.budget,
        seed=question.seed,
        starts=question.starts,
        outcomes=outcomes,
        limits=Limits(is_guarded=is_guarded),
    )
    schedule = to_schedule(compiled, found.outcome, "what-if")
    violations = validate(compiled.instance, schedule)
    if violations:
        raise InvalidPlan(f"the plan of the search breaks {len(violations)} rules, first: {violations[0]}")
    return schedule


def _moved_jobs(before: PlannedSide, after: PlannedSide) -> tuple[tuple[MovedJob, ...], tuple[MovedJob, ...]]:
    """Return the jobs whose completion moves, and those that are new."""
    old = completion_by_job(before.instance, before.schedule)
    rows = [
        MovedJob(after.instance.job_by_id[job_id], old.get(job_id), minute)
        for job_id, minute in completion_by_job(after.instance, after.schedule).items()
    ]
    moved = [row for row in rows if row.before is not None and row.before != row.after]
    moved.sort(
        key=lambda row: (
            -row.job.weight * row.added_tardiness_days, -(row.delta_minutes or 0), row.job.job_id
        )
    )  # fmt: skip
    return tuple(moved), tuple(row for row in rows if row.before is None)


def _n_moved(before: Mapping[str, ScheduledOperation], schedule: Schedule) -> int:
    """Return how many operations are elsewhere, or more than the tolerance off."""
    moved = 0
    for name, was in before.items():
        item = schedule.by_operation.get(name)
        moved += (
            item is None
            or item.machine_id != was.machine_id
            or abs(item.start - was.start) > MOVED_TOLERANCE_MINUTES
        )
    return moved
