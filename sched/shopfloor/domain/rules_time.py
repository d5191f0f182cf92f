"""Rules about when: levels, releases, open time, and as many minutes of work as the operation needs.

One function per rule; each looks at one operation at a time. What other operations do is `rules_sequence`'s.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from shopfloor.domain.violation import LEVELS, Placed, PlanView, Violation


def level_range(view: PlanView) -> Iterator[Violation]:
    """The overtime level is 0 regular, 1 + overtime or 2 + night."""
    for operation_id, item in view.first_row.items():
        if item.level not in LEVELS:
            yield Violation("LEVEL_RANGE", operation_id, {"level": item.level})


def empty_interval(view: PlanView) -> Iterator[Violation]:
    """An operation ends after it starts."""
    for operation_id, item in view.first_row.items():
        if item.start >= item.end:
            yield Violation("EMPTY_INTERVAL", operation_id, {"start": item.start, "end": item.end})


def before_now(view: PlanView) -> Iterator[Violation]:
    """Only what is committed may start in the past."""
    for placed in view.placed:
        if placed.is_free and placed.item.start < view.now:
            found = {"start": placed.item.start, "now": view.now}
            yield Violation("BEFORE_NOW", placed.item.operation_id, found)


def before_release(view: PlanView) -> Iterator[Violation]:
    """The first operation of a job waits for its release; the past is `before_now`'s."""
    jobs = view.instance.job_by_id
    for placed in view.placed:
        if not placed.is_free or placed.operation.predecessor is not None:
            continue
        release = jobs[placed.operation.job_id].release
        if placed.item.start < release:
            found = {"start": placed.item.start, "release": release}
            yield Violation("BEFORE_RELEASE", placed.item.operation_id, found)


def closed_start(view: PlanView) -> Iterator[Violation]:
    """An operation starts in an open minute of its level."""
    for placed in _to_come(view):
        start, level = placed.item.start, placed.item.level
        opens = placed.open_time.next_open(start, level)
        if opens != start:
            found = {"start": start, "next_open": opens, "level": level}
            yield Violation("CLOSED_START", placed.item.operation_id, found)


def work_minutes(view: PlanView) -> Iterator[Violation]:
    """Between start and end lie as many open minutes as setup and run need, and the last minute works."""
    for placed in _to_come(view):
        item = placed.item
        needed = item.setup_minutes + item.run_minutes
        if placed.open_time.advance(item.start, needed, item.level) != item.end:
            found = {
                "open": placed.open_time.work_between(item.start, item.end, item.level),
                "needed": needed,
                "start": item.start,
                "end": item.end,
            }
            yield Violation("WORK_MINUTES", item.operation_id, found)


def not_contiguous(view: PlanView) -> Iterator[Violation]:
    """A non-interruptible operation has no pause from the beginning of its setup to its end."""
    for placed in _to_come(view):
        if placed.operation.is_interruptible:
            continue
        pause = placed.open_time.block_end(placed.item.start, placed.item.level)
        if placed.item.start < pause < placed.item.end:
            found = {"pause_at": pause, "end": placed.item.end}
            yield Violation("NOT_CONTIGUOUS", placed.item.operation_id, found)


def run_minutes(view: PlanView) -> Iterator[Violation]:
    """Run minutes are processing minutes / speed, rounded up; a commitment's are a fact."""
    for placed in view.placed:
        expected = math.ceil(placed.operation.processing_minutes / placed.machine.speed_factor - 1e-9)
        if placed.is_free and placed.item.run_minutes != expected:
            found = {"run": placed.item.run_minutes, "expected": expected}
            yield Violation("RUN_MINUTES", placed.item.operation_id, found)


def _to_come(view: PlanView) -> Iterator[Placed]:
    """Yield what does not run yet: what runs may contradict the calendar, because it is true."""
    return (placed for placed in view.placed if not placed.has_begun(view.now))
