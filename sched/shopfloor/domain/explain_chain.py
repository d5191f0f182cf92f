"""Where a job's time goes: every minute of its chain, from now to its completion, belongs to one cause.

The chain of a job is walked back from its last operation to end, over predecessors, to now; a lot that ends
earlier is not on it. Between the end of one operation and the end of the next (its step) a minute is

    material          before the release of the job's first operation
    downtime          its machine would be open at the operation's overtime level, were it not down
    closed            it waits for the first open minute of its machine after it is ready
    frozen_or_pinned  it waits for its own frozen or pinned start
    predecessor       its slot is held by, or kept for, another lot of the same job
    frozen_or_pinned  its slot is held by, or kept for, an operation that may not move
    queue             its slot is held by, or kept for, another job
    closed            its machine is closed, or, for an operation that must not pause, open for too short
    queue             it waits and nobody can say for what
    setup, unavoidable  open minutes of its own setup and of its own run

in this order: the first that is true counts. So a night during which another job holds the slot is that job's:
without it the operation would have started before. A slot is kept for the next operation on it when it stands
idle before that one. An operation without a place takes its job to the end of the horizon, for the cause that
its code stands for.

Nothing is compared with a due date here: that is `explain`'s.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from shopfloor.domain.bounds import REGULAR_LEVEL, EarliestStep, horizon_end
from shopfloor.domain.instance import CommitmentKind, Instance, Operation, Unassigned, UnassignedCode
from shopfloor.domain.open_time import BEYOND_HORIZON
from shopfloor.domain.schedule import Schedule, ScheduledOperation


class Cause(StrEnum):
    """Why a job is late; codes are stored, sentences are made from them."""

    UNAVOIDABLE = "unavoidable"
    QUEUE = "queue"
    SETUP = "setup"
    CLOSED = "closed"
    DOWNTIME = "downtime"
    PREDECESSOR = "predecessor"
    MATERIAL = "material"
    FROZEN_OR_PINNED = "frozen_or_pinned"


CAUSE_OF_CODE: Mapping[UnassignedCode, Cause] = {
    UnassignedCode.NO_OPEN_TIME: Cause.CLOSED,
    UnassignedCode.PREDECESSOR_UNASSIGNED: Cause.PREDECESSOR,
    UnassignedCode.BAD_PIN: Cause.FROZEN_OR_PINNED,
}
"""What an operation without a place waits for; every other code is a fault of the data, hence unavoidable."""


@dataclass(frozen=True)
class ChainStep:
    """One operation of the chain and the wait before it.

    Attributes:
        machine_id: Where it runs; empty = it has no place.
        ready: Minute at which its predecessor has ended; now for the first of the chain.
        start: Start minute of its setup; never before `ready`.
        end: End minute; the end of the horizon without a place.
        minutes: Minutes of [ready, end) by cause; they add up to `end - ready`.
        waited_for: Minutes of the wait by (cause, job_id): queue and frozen_or_pinned only.
        left_out: Why it has no place.
    """

    operation_id: str
    machine_id: str
    ready: int
    start: int
    end: int
    minutes: Mapping[Cause, int]
    waited_for: Mapping[tuple[Cause, str], int] = field(default_factory=dict)
    left_out: Unassigned | None = None


class Chains:
    """The chains of one plan, and of jobs that have the shop to themselves.

    Args:
        alone: `bounds.earliest_steps` of the instance.
    """

    def __init__(self, instance: Instance, schedule: Schedule, alone: Mapping[str, EarliestStep]) -> None:
        self.instance = instance
        self.schedule = schedule
        self.alone = alone
        self.horizon = horizon_end(instance)
        self.left_out = {row.operation_id: row for row in schedule.unassigned}
        self.operations: dict[str, list[Operation]] = {}
        for operation in instance.operations:
            self.operations.setdefault(operation.job_id, []).append(operation)
        self._slots: dict[tuple[str, int], list[ScheduledOperation]] = {}
        for item in sorted(schedule.operations, key=lambda item: (item.start, item.end)):
            self._slots.setdefault((item.machine_id, item.slot), []).append(item)
        self._ends = {place: [item.end for item in items] for place, items in self._slots.items()}

    def of_job(self, job_id: str) -> tuple[ChainStep, ...]:
        """Return the steps of the plan's chain, in order of time."""
        operations = self.operations[job_id]
        items = self.schedule.by_operation
        lost = next((operation for operation in operations if operation.operation_id not in items), None)
        last = lost or max(operations, key=lambda operation: items[operation.operation_id].end)
        steps: list[ChainStep] = []
        ready = self.instance.now
        for operation in self._route_to(last):
            item = items.get(operation.operation_id)
            step = self._step_left_out(operation, ready) if item is None else self._step(item, ready)
            steps.append(step)
            ready = step.end
        return tuple(steps)

    def of_job_alone(self, job_id: str) -> tuple[ChainStep, ...]:
        """Return the steps of the job's chain with the shop to itself."""
        last = max(self.operations[job_id], key=lambda operation: self.alone[operation.operation_id].end)
        steps: list[ChainStep] = []
        ready = self.instance.now
        for operation in self._route_to(last):
            step = self._step_alone(operation, ready)
            steps.append(step)
            ready = step.end
        return tuple(steps)

    def _route_to(self, last: Operation) -> list[Operation]:
        route = [last]
        while route[-1].predecessor is not None:
            route.append(self.instance.operation_by_id[route[-1].predecessor])
        return route[::-1]

    def _step(self, item: ScheduledOperation, ready: int) -> ChainStep:
        operation = self.instance.operation_by_id[item.operation_id]
        start, end = max(ready, item.start), max(ready, item.end)
        minutes: Counter[Cause] = Counter()
        begin = self._count_material(minutes, operation, ready, start)
        waited_for: Counter[tuple[Cause, str]] = Counter()
        self._count_wait(minutes, waited_for, operation, item, (begin, start))
        setup = item.setup_minutes if item.start >= self.instance.now else 0
        self._count_work(minutes, item.machine_id, item.level, (start, end), setup)
        return ChainStep(item.operation_id, item.machine_id, ready, start, end, +minutes, +waited_for)

    def _count_material(self, minutes: Counter[Cause], operation: Operation, ready: int, start: int) -> int:
        """Count the wait for the release; return where the rest of the wait begins."""
        if operation.predecessor is not None:
            return ready
        release = min(max(ready, self.instance.job_by_id[operation.job_id].release), start)
        minutes[Cause.MATERIAL] += release - ready
        return release

    def _count_wait(
        self,
        minutes: Counter[Cause],
        waited_for: Counter[tuple[Cause, str]],
        operation: Operation,
        item: ScheduledOperation,
        wait: tuple[int, int],
    ) -> None:
        """Share the minutes of `wait` out, idle gaps to whatever the slot is kept for."""
        at = self._count_until_open(minutes, item.machine_id, item.level, wait)
        if self._may_not_move(item.operation_id):
            minutes[Cause.FROZEN_OR_PINNED] += self._count_down(minutes, item, (at, wait[1]))
            return
        place = (item.machine_id, item.slot)
        others = self._slots.get(place, [])
        for other in others[bisect_right(self._ends.get(place, []), at) :]:
            if other.start >= wait[1] or other.operation_id == item.operation_id:
                break
            end = min(other.end, wait[1])
            if end <= at:
                continue
            cause = self._cause_of_holder(operation, other)
            found = self._count_down(minutes, item, (at, end))
            minutes[cause] += found
            if cause is not Cause.PREDECESSOR:
                waited_for[cause, other.job_id] += found
            at = end
        self._count_idle(minutes, operation, item, (at, wait[1]))

    def _cause_of_holder(self, operation: Operation, other: ScheduledOperation) -> Cause:
        if other.job_id == operation.job_id:
            return Cause.PREDECESSOR
        return Cause.FROZEN_OR_PINNED if self._may_not_move(other.operation_id) else Cause.QUEUE

    def _count_idle(
        self, minutes: Counter[Cause], operation: Operation, item: ScheduledOperation, idle: tuple[int, int]
    ) -> None:
        """Count the wait on a free slot: `closed` while an uninterruptible operation has no room, else queue."""
        at, end = idle
        self._count_not_open(minutes, item.machine_id, item.level, idle)
        open_time = self.instance.open_time.get(item.machine_id)
        if operation.is_interruptible or open_time is None:
            minutes[Cause.QUEUE] += self._open(item.machine_id, item.level, idle)
            return
        work = item.setup_minutes + item.run_minutes
        while at < end:
            room = open_time.fits(at, work, item.level)
            room = end if room == BEYOND_HORIZON else min(room, end)
            minutes[Cause.CLOSED] += self._open(item.machine_id, item.level, (at, room))
            at = min(end, open_time.block_end(room, item.level) - work + 1) if room < end else end
            minutes[Cause.QUEUE] += at - room

    def _may_not_move(self, operation_id: str) -> bool:
        commitment = self.instance.commitment_by_id.get(operation_id)
        if commitment is not None:
            return commitment.kind is not CommitmentKind.IN_PROGRESS
        pin = self.instance.pin_by_id.get(operation_id)
        return pin is not None and pin.start is not None

    def _step_left_out(self, operation: Operation, ready: int) -> ChainStep:
        row = self.left_out.get(operation.operation_id)
        cause = Cause.UNAVOIDABLE if row is None else CAUSE_OF_CODE.get(row.code, Cause.UNAVOIDABLE)
        end = max(ready, self.horizon)
        return ChainStep(operation.operation_id, "", ready, end, end, {cause: end - ready}, left_out=row)

    def _step_alone(self, operation: Operation, ready: int) -> ChainStep:
        step = self.alone[operation.operation_id]
        commitment = self.instance.commitment_by_id.get(operation.operation_id)
        end = max(ready, step.end)
        minutes: Counter[Cause] = Counter()
        if commitment is not None:
            machine_id, level, setup = commitment.machine_id, commitment.level, commitment.setup_minutes
            if commitment.start < self.instance.now:
                setup = 0
            start = max(ready, commitment.start)
        elif step.machine is not None:
            machine_id, level, setup = step.machine.machine_id, REGULAR_LEVEL, step.setup_minutes
            pin = self.instance.pin_by_id.get(operation.operation_id)
            start = max(ready, pin.start if pin is not None and pin.start is not None else ready)
        else:
            return ChainStep(operation.operation_id, "", ready, end, end, {Cause.UNAVOIDABLE: end - ready})
        release = self.instance.job_by_id[operation.job_id].release
        if commitment is None and operation.predecessor is None:
            start = max(start, min(release, end))
        begin = self._count_material(minutes, operation, ready, start)
        begin = self._count_until_open(minutes, machine_id, level, (begin, start))
        down = self._down(machine_id, level, (begin, start))
        minutes[Cause.DOWNTIME] += down
        minutes[Cause.FROZEN_OR_PINNED] += start - begin - down
        self._count_work(minutes, machine_id, level, (start, end), setup, at_most=step.run_minutes)
        return ChainStep(operation.operation_id, machine_id, ready, start, end, +minutes)

    def _count_work(
        self,
        minutes: Counter[Cause],
        machine_id: str,
        level: int,
        span: tuple[int, int],
        setup: int,
        *,
        at_most: int = 0,
    ) -> None:
        """Share the minutes of work out.

        Args:
            at_most: Run minutes; more open minutes than setup and run are a wait for a stretch that is long
                enough. 0 = all that is open.
        """
        self._count_not_open(minutes, machine_id, level, span)
        found = self._open(machine_id, level, span)
        setup = min(setup, found)
        run = min(found - setup, at_most or found)
        minutes[Cause.SETUP] += setup
        minutes[Cause.UNAVOIDABLE] += run
        minutes[Cause.CLOSED] += found - setup - run

    def _count_until_open(
        self, minutes: Counter[Cause], machine_id: str, level: int, span: tuple[int, int]
    ) -> int:
        """Count what is not open at the beginning of `span`; return where its first open minute is."""
        open_time = self.instance.open_time.get(machine_id)
        opens = span[0] if open_time is None else open_time.next_open(span[0], level)
        opens = span[1] if opens == BEYOND_HORIZON else min(opens, span[1])
        self._count_not_open(minutes, machine_id, level, (span[0], opens))
        return opens

    def _count_down(self, minutes: Counter[Cause], item: ScheduledOperation, span: tuple[int, int]) -> int:
        """Count the downtime in `span`; return the other minutes."""
        down = self._down(item.machine_id, item.level, span)
        minutes[Cause.DOWNTIME] += down
        return span[1] - span[0] - down

    def _count_not_open(
        self, minutes: Counter[Cause], machine_id: str, level: int, span: tuple[int, int]
    ) -> None:
        down = self._down(machine_id, level, span)
        minutes[Cause.DOWNTIME] += down
        minutes[Cause.CLOSED] += max(0, span[1] - span[0]) - self._open(machine_id, level, span) - down

    def _down(self, machine_id: str, level: int, span: tuple[int, int]) -> int:
        """Return the minutes of `span` that would be open, were the machine not down."""
        downtime = self.instance.downtime.get(machine_id)
        return 0 if downtime is None else downtime.work_between(span[0], span[1], level)

    def _open(self, machine_id: str, level: int, span: tuple[int, int]) -> int:
        """Return the open minutes of `span`; all of them on a machine that left the plant."""
        open_time = self.instance.open_time.get(machine_id)
        if open_time is None:
            return max(0, span[1] - span[0])
        return open_time.work_between(span[0], span[1], level)
