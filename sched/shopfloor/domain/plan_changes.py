"""What changed between two plans: operations that moved, came or lost their place, jobs that became late.

One definition for pictures, exports and what-if. An operation has moved when its machine is another one or
its start moved by more than the tolerance of `moved_operations`; slots of one machine are alike. What is
committed has not moved: it is a fact of the shop. Unlike the KPI the whole plan counts, not its first days.
Nothing is judged: whether a change was worth it is asked elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from shopfloor.domain.instance import Instance, PlannedStart
from shopfloor.domain.kpis import MOVED_TOLERANCE_MINUTES, completion_by_job
from shopfloor.domain.schedule import Schedule


class ChangeKind(StrEnum):
    """What happened to an operation."""

    EARLIER = "earlier"
    LATER = "later"
    OTHER_MACHINE = "other machine"
    NEW = "new"
    LOST = "left out"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a plan has an operation, in minutes of the instance of the newer plan.

    Attributes:
        end: End minute; None = not known.
        job_id: Its job; empty = not known.
    """

    machine_id: str
    slot: int
    start: int
    end: int | None = None
    job_id: str = ""


@dataclass(frozen=True, slots=True)
class OperationChange:
    """One operation that is not where it was.

    Attributes:
        before: Its old place; None for a new operation.
        minutes: New start less old start; 0 when one of them is missing.
    """

    operation_id: str
    kind: ChangeKind
    before: Place | None
    minutes: int = 0


@dataclass(frozen=True, slots=True)
class JobChange:
    """One job in both plans.

    Attributes:
        before: Completion minute of the older plan.
        after: Completion minute of the newer plan.
        due: Due minute.
    """

    job_id: str
    before: int
    after: int
    due: int

    @property
    def minutes(self) -> int:
        """Minutes later (positive) or earlier."""
        return self.after - self.before

    @property
    def is_newly_late(self) -> bool:
        """Whether it was on time and is late now."""
        return self.before <= self.due < self.after

    @property
    def is_no_longer_late(self) -> bool:
        """Whether it was late and is on time now."""
        return self.after <= self.due < self.before


@dataclass(frozen=True)
class PlanChanges:
    """All changes of a plan against an older one.

    Attributes:
        operations: Changed operations by operation_id; what stayed is not there.
        jobs: Jobs whose completion is known in both plans, by job_id, in the instance's order.
    """

    operations: Mapping[str, OperationChange] = field(default_factory=dict)
    jobs: Mapping[str, JobChange] = field(default_factory=dict)

    @cached_property
    def counts(self) -> Mapping[ChangeKind, int]:
        """Operations of each kind; kinds without any are 0."""
        kinds = [change.kind for change in self.operations.values()]
        return {kind: kinds.count(kind) for kind in ChangeKind}

    @cached_property
    def newly_late(self) -> tuple[str, ...]:
        """Jobs that were on time and are late now."""
        return tuple(job.job_id for job in self.jobs.values() if job.is_newly_late)

    @cached_property
    def no_longer_late(self) -> tuple[str, ...]:
        """Jobs that were late and are on time now."""
        return tuple(job.job_id for job in self.jobs.values() if job.is_no_longer_late)


def places_of(before: Schedule | Mapping[str, Place] | Mapping[str, PlannedStart]) -> dict[str, Place]:
    """Return the places of an older plan, whatever it comes as.

    Args:
        before: A schedule in the same minutes, or places by operation_id. A `PlannedStart` has no end and no
            job, so that completions cannot be compared with it.
    """
    if isinstance(before, Schedule):
        return {
            item.operation_id: Place(item.machine_id, item.slot, item.start, item.end, item.job_id)
            for item in before.operations
        }
    return {
        name: place if isinstance(place, Place) else Place(place.machine_id, 0, place.start)
        for name, place in before.items()
    }


def compare_plans(
    instance: Instance,
    schedule: Schedule,
    before: Schedule | Mapping[str, Place] | Mapping[str, PlannedStart],
) -> PlanChanges:
    """Return what `schedule` changes against an older plan.

    Operations of the older plan that are not open any more are done, not changed.

    Args:
        instance: The newer plan's problem.
        before: The older plan; its minutes are the instance's.
    """
    old = places_of(before)
    changes = {}
    for operation in instance.operations:
        change = _change(instance, schedule, operation.operation_id, old.get(operation.operation_id))
        if change is not None:
            changes[operation.operation_id] = change
    return PlanChanges(changes, _job_changes(instance, schedule, old))


def _change(
    instance: Instance, schedule: Schedule, operation_id: str, before: Place | None
) -> OperationChange | None:
    after = schedule.by_operation.get(operation_id)
    if after is None:
        return None if before is None else OperationChange(operation_id, ChangeKind.LOST, before)
    if before is None:
        return OperationChange(operation_id, ChangeKind.NEW, None)
    if operation_id in instance.commitment_by_id:
        return None
    shift = after.start - before.start
    if after.machine_id != before.machine_id:
        return OperationChange(operation_id, ChangeKind.OTHER_MACHINE, before, shift)
    if abs(shift) <= MOVED_TOLERANCE_MINUTES:
        return None
    kind = ChangeKind.LATER if shift > 0 else ChangeKind.EARLIER
    return OperationChange(operation_id, kind, before, shift)


def _job_changes(instance: Instance, schedule: Schedule, old: Mapping[str, Place]) -> dict[str, JobChange]:
    """Compare completions of jobs whose open operations all had a place before."""
    unknown = {
        operation.job_id
        for operation in instance.operations
        if (place := old.get(operation.operation_id)) is None or place.end is None
    }
    ends: dict[str, int] = {}
    for operation in instance.operations:
        if operation.job_id not in unknown:
            end = old[operation.operation_id].end or 0
            ends[operation.job_id] = max(end, ends.get(operation.job_id, end))
    completion = completion_by_job(instance, schedule)
    return {
        job.job_id: JobChange(job.job_id, ends[job.job_id], completion[job.job_id], job.due)
        for job in instance.jobs
        if job.job_id in ends
    }
