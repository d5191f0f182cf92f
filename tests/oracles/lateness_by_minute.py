"""Where a job's time goes, one minute after the other: the slow twin of `domain.explain_chain`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shopfloor.domain.instance import CommitmentKind, Instance
from shopfloor.domain.open_time import OpenTime
from shopfloor.domain.schedule import Schedule, ScheduledOperation

OF_CODE = {
    "NO_OPEN_TIME": "closed",
    "PREDECESSOR_UNASSIGNED": "predecessor",
    "BAD_PIN": "frozen_or_pinned",
}


def minutes_of_chain(instance: Instance, schedule: Schedule, route: Sequence[str]) -> dict[str, int]:
    """Return the minutes per cause of a chain of operations, from now to its end."""
    found: dict[str, int] = {}
    world = _World(instance, schedule)
    ready = instance.now
    for operation_id in route:
        item = schedule.by_operation.get(operation_id)
        if item is None:
            code = next(row.code for row in schedule.unassigned if row.operation_id == operation_id)
            cause, end = OF_CODE.get(str(code), "unavoidable"), _horizon(instance)
            found[cause] = found.get(cause, 0) + max(0, end - ready)
            ready = max(ready, end)
            continue
        setup_left = item.setup_minutes if item.start >= instance.now else 0
        has_opened = False
        for minute in range(ready, item.end):
            cause, is_open = _cause(world, item, minute, has_opened)
            has_opened = has_opened or is_open
            if cause == "work":
                cause = "setup" if setup_left > 0 else "unavoidable"
                setup_left -= 1
            found[cause] = found.get(cause, 0) + 1
        ready = max(ready, item.end)
    return found


def _cause(world: _World, item: ScheduledOperation, minute: int, has_opened: bool) -> tuple[str, bool]:
    """Return the cause of a minute, and whether it counts as open."""
    instance = world.instance
    operation = instance.operation_by_id[item.operation_id]
    release = instance.job_by_id[item.job_id].release
    if minute < item.start and operation.predecessor is None and minute < release:
        return "material", False
    is_open = world.open.has(item.machine_id, minute, item.level)
    if not is_open and world.down.has(item.machine_id, minute, item.level):
        return "downtime", False
    if not is_open and (minute >= item.start or not has_opened):
        return "closed", False
    if minute >= item.start:
        return "work", True
    if _is_held(instance, item.operation_id):
        return "frozen_or_pinned", is_open
    holder = next(other for other in world.slots[item.machine_id, item.slot] if minute < other.end)
    if holder.operation_id == item.operation_id:
        work = item.setup_minutes + item.run_minutes
        has_room = is_open and (
            operation.is_interruptible
            or all(
                world.open.has(item.machine_id, later, item.level) for later in range(minute, minute + work)
            )
        )
        return "queue" if has_room else "closed", is_open
    if holder.job_id == item.job_id:
        return "predecessor", is_open
    return "frozen_or_pinned" if _is_held(instance, holder.operation_id) else "queue", is_open


def _is_held(instance: Instance, operation_id: str) -> bool:
    kinds = {c.operation_id: c.kind for c in instance.commitments}
    if operation_id in kinds:
        return kinds[operation_id] is CommitmentKind.FROZEN
    return any(pin.operation_id == operation_id and pin.start is not None for pin in instance.pins)


class _Minutes:
    """Open minutes spelled out, one set per machine and level."""

    def __init__(self, open_time: Mapping[str, OpenTime]) -> None:
        self.open_time = open_time
        self.known: dict[tuple[str, int], set[int]] = {}

    def has(self, machine_id: str, minute: int, level: int) -> bool:
        key = (machine_id, level)
        if key not in self.known:
            found: set[int] = set()
            stretches = self.open_time.get(machine_id)
            if stretches is not None:
                rows = (stretches.starts.tolist(), stretches.ends.tolist(), stretches.kinds.tolist())
                for start, end, kind in zip(*rows, strict=True):
                    if kind <= level:
                        found.update(range(start, end))
            self.known[key] = found
        return minute in self.known[key]


class _World:
    """The instance and its plan, minute by minute."""

    def __init__(self, instance: Instance, schedule: Schedule) -> None:
        self.instance = instance
        self.open, self.down = _Minutes(instance.open_time), _Minutes(instance.downtime)
        self.slots: dict[tuple[str, int], list[ScheduledOperation]] = {}
        for item in sorted(schedule.operations, key=lambda item: item.start):
            self.slots.setdefault((item.machine_id, item.slot), []).append(item)


def _horizon(instance: Instance) -> int:
    ends = [int(end) for open_time in instance.open_time.values() for end in open_time.ends]
    return max([instance.now, *ends, *(commitment.end for commitment in instance.commitments)])
