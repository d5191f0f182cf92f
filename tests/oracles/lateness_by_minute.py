"""Where a job's time goes, one minute after the other: the slow twin of `domain.explain_chain`."""

from __future__ import annotations

from collections.abc import Sequence

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
            cause, is_open = _cause(instance, schedule, item, minute, has_opened)
            has_opened = has_opened or is_open
            if cause == "work":
                cause = "setup" if setup_left > 0 else "unavoidable"
                setup_left -= 1
            found[cause] = found.get(cause, 0) + 1
        ready = max(ready, item.end)
    return found


def _cause(
    instance: Instance, schedule: Schedule, item: ScheduledOperation, minute: int, has_opened: bool
) -> tuple[str, bool]:
    """Return the cause of a minute, and whether it counts as open."""
    operation = instance.operation_by_id[item.operation_id]
    release = instance.job_by_id[item.job_id].release
    if minute < item.start and operation.predecessor is None and minute < release:
        return "material", False
    open_time = instance.open_time[item.machine_id]
    is_open = _has(open_time, minute, item.level)
    down = instance.downtime.get(item.machine_id)
    if not is_open and down is not None and _has(down, minute, item.level):
        return "downtime", False
    if not is_open and (minute >= item.start or not has_opened):
        return "closed", False
    if minute >= item.start:
        return "work", True
    if _is_held(instance, item.operation_id):
        return "frozen_or_pinned", is_open
    on_slot = [
        other
        for other in schedule.operations
        if (other.machine_id, other.slot) == (item.machine_id, item.slot) and minute < other.end
    ]
    holder = min(on_slot, key=lambda other: other.start)
    if holder.operation_id == item.operation_id:
        work = item.setup_minutes + item.run_minutes
        has_room = is_open and (
            operation.is_interruptible
            or all(_has(open_time, later, item.level) for later in range(minute, minute + work))
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


def _has(open_time: OpenTime, minute: int, level: int) -> bool:
    rows = zip(open_time.starts, open_time.ends, open_time.kinds, strict=True)
    return any(start <= minute < end and kind <= level for start, end, kind in rows)


def _horizon(instance: Instance) -> int:
    ends = [int(end) for open_time in instance.open_time.values() for end in open_time.ends]
    return max([instance.now, *ends, *(commitment.end for commitment in instance.commitments)])
