"""What the Gantt picture shows of an older plan: old places, kinds of change, and their counts as sentences.

Plain JSON values, as in `gantt_data`. What counts as a change is `domain.plan_changes`' to say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from shopfloor.domain.plan_changes import ChangeKind, PlanChanges
from shopfloor.domain.schedule import ScheduledOperation

NOWHERE = -1
"""Row of an old place on a machine that is not in the picture."""


def old_place(
    changes: PlanChanges | None,
    item: ScheduledOperation,
    *,
    row_of: Mapping[tuple[str, int], int],
    text: Callable[[int], str],
) -> dict[str, Any]:
    """Return the entries of one bar: `change`, its kind or "", and `was`, its old place or None.

    Args:
        row_of: Row of each machine slot.
        text: Turns a minute into plant-local text.
    """
    change = None if changes is None else changes.operations.get(item.operation_id)
    if change is None:
        return {"change": "", "was": None}
    place = change.before
    if place is None:
        return {"change": change.kind.value, "was": None}
    return {
        "change": change.kind.value,
        "was": {
            "row": row_of.get((place.machine_id, place.slot), NOWHERE),
            "machine": place.machine_id,
            "start": place.start,
            "end": place.start + (item.end - item.start) if place.end is None else place.end,
            "startText": text(place.start),
            "shift": change.minutes,
        },
    }


def change_summary(changes: PlanChanges | None, name: str) -> dict[str, Any] | None:
    """Return the counts for the header; None when the picture compares with nothing.

    Args:
        name: What the older plan is called.
    """
    if changes is None:
        return None
    counts = changes.counts
    moved = counts[ChangeKind.EARLIER] + counts[ChangeKind.LATER] + counts[ChangeKind.OTHER_MACHINE]
    return {
        "name": name,
        "moved": moved,
        "machine": counts[ChangeKind.OTHER_MACHINE],
        "earlier": counts[ChangeKind.EARLIER],
        "later": counts[ChangeKind.LATER],
        "new": counts[ChangeKind.NEW],
        "lost": counts[ChangeKind.LOST],
        "newlyLate": len(changes.newly_late),
        "recovered": len(changes.no_longer_late),
    }


def job_entries(changes: PlanChanges | None, job_id: str) -> dict[str, Any]:
    """Return the entries of one job: `shift`, minutes later than before or None, and `newlyLate`."""
    change = None if changes is None else changes.jobs.get(job_id)
    if change is None:
        return {"shift": None, "newlyLate": False, "recovered": False}
    return {
        "shift": change.minutes,
        "newlyLate": change.is_newly_late,
        "recovered": change.is_no_longer_late,
    }
