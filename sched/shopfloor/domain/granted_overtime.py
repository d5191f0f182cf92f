"""Overtime that somebody grants: a work centre's overtime windows of the next working days count as open.

Every solver then works through them as through regular time, without electing it per operation; the hours
that a plan works there are counted apart, because they are paid as overtime. Night windows stay closed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from shopfloor.domain.errors import RefusedInput
from shopfloor.domain.instance import Commitment, CommitmentKind, Instance
from shopfloor.domain.kpis import working_days_end
from shopfloor.domain.open_time import BEYOND_HORIZON, OpenTime, WindowKind, merged
from shopfloor.domain.schedule import Schedule


@dataclass(frozen=True)
class GrantedOvertime:
    """An instance with overtime granted.

    Attributes:
        until: Minute that ends the last working day of the grant.
        windows: Granted windows of each machine, [start, end) minutes.
    """

    instance: Instance
    until: int
    windows: Mapping[str, tuple[tuple[int, int], ...]]

    @property
    def hours(self) -> float:
        """Machine hours that were granted; a machine with k slots has k times its windows."""
        plant = self.instance.plant
        capacity = {machine.machine_id: machine.capacity for machine in plant.machines}
        return (
            sum(capacity[name] * (end - start) for name, rows in self.windows.items() for start, end in rows)
            / 60
        )


def grant_overtime(instance: Instance, machine_type: str, n_days: int) -> GrantedOvertime:
    """Return the instance with the overtime windows of a work centre open for `n_days` working days.

    What runs on them works on through the granted windows; what is frozen keeps its times.

    Args:
        n_days: Working days, today included, >= 1.

    Raises:
        RefusedInput: No active machine is of that type, or no overtime window lies in these days.
    """
    if n_days < 1:
        raise RefusedInput(f"overtime needs at least one day: {n_days}")
    if machine_type not in instance.plant.machine_types:
        known = ", ".join(instance.plant.machine_types)
        raise RefusedInput(f"no active machine of type {machine_type!r}\nhint: there are {known}")
    until = working_days_end(instance, n_days)
    windows: dict[str, tuple[tuple[int, int], ...]] = {}
    open_time = dict(instance.open_time)
    for machine in instance.plant.machines:
        if machine.machine_type == machine_type:
            name = machine.machine_id
            open_time[name], windows[name] = _opened(instance.open_time[name], instance.now, until)
    if not any(windows.values()):
        raise RefusedInput(f"{machine_type} has no overtime window in the next {n_days} working days")
    commitments = tuple(_worked_on(instance, item, open_time) for item in instance.commitments)
    return GrantedOvertime(replace(instance, open_time=open_time, commitments=commitments), until, windows)


def granted_hours_worked(granted: GrantedOvertime, schedule: Schedule) -> float:
    """Return the hours that a plan works inside the granted windows; frozen operations pause there."""
    frozen = {
        item.operation_id for item in granted.instance.commitments if item.kind is CommitmentKind.FROZEN
    }
    minutes = 0
    for name, rows in granted.windows.items():
        for item in schedule.by_machine.get(name, ()):
            if item.operation_id not in frozen:
                minutes += sum(max(0, min(item.end, end) - max(item.start, start)) for start, end in rows)
    return minutes / 60


def _worked_on(instance: Instance, item: Commitment, open_time: Mapping[str, OpenTime]) -> Commitment:
    """Return a running operation with the end that its open time gives it now."""
    before, after = instance.open_time.get(item.machine_id), open_time.get(item.machine_id)
    if item.kind is not CommitmentKind.IN_PROGRESS or before is None or after is None or before is after:
        return item
    rest = before.work_between(instance.now, item.end, item.level)
    end = after.advance(instance.now, rest, item.level)
    return item if end == BEYOND_HORIZON else replace(item, end=end)


def _opened(open_time: OpenTime, now: int, until: int) -> tuple[OpenTime, tuple[tuple[int, int], ...]]:
    """Return open time with its overtime windows in [now, until) regular, and those windows."""
    kept = open_time.without([(now, until)])
    inside = open_time.without([(-(1 << 40), now), (until, 1 << 40)])
    is_granted = inside.kinds == WindowKind.OVERTIME
    kinds = np.where(is_granted, np.int8(WindowKind.REGULAR), inside.kinds).astype(np.int8)
    starts = np.concatenate([kept.starts, inside.starts])
    order = np.argsort(starts, kind="stable")
    opened = merged(
        starts[order],
        np.concatenate([kept.ends, inside.ends])[order],
        np.concatenate([kept.kinds, kinds])[order],
    )
    rows = zip(inside.starts[is_granted].tolist(), inside.ends[is_granted].tolist(), strict=True)
    return opened, tuple(rows)
