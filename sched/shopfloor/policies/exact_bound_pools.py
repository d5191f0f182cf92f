"""Slots that nothing but their first free minute and their setup tells apart, as one pool with one working time.

On the working time of a pool closed minutes do not exist, so that an operation that pauses over a night is one
window. Knows no job and no cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from shopfloor.domain.bounds import REGULAR_LEVEL
from shopfloor.domain.instance import Instance
from shopfloor.domain.open_time import OpenTime
from shopfloor.domain.plant import Machine

LONG_AGO = -(2**40)
SPARE_DAYS = 4
SPARE_SHARE = 1.25
MINUTES_PER_DAY = 1440

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_Slot = tuple[Machine, int, OpenTime]
_Kind = tuple[str, float, int, int]


@dataclass(frozen=True, eq=False)
class Pool:
    """Slots of one work centre with the same speed, setup times and calendar.

    Attributes:
        machine: Any of its machines: speed and setups are those of all.
        machine_ids: Its machines.
        open_time: Regular open time from now on, as if no slot were busy at first.
        slots: Machine and slot number of each, with its open time: `open_time` without a prefix.
        now: Minute 0 of the working time.
        until: Minute at which the pool's working time is cut.
    """

    machine: Machine
    machine_ids: frozenset[str]
    open_time: OpenTime
    slots: tuple[tuple[tuple[str, int], OpenTime], ...]
    now: int
    until: int

    @cached_property
    def length(self) -> int:
        """Working minutes until the cut."""
        return int(self.work_by(np.array([self.until]))[0])

    @cached_property
    def slot_minutes(self) -> int:
        """Minutes that all slots together may work until the cut."""
        return sum(int(_work_by(open_time, np.array([self.until]))[0]) for _, open_time in self.slots)

    def work_by(self, minutes: Ints) -> Ints:
        """Return the working minutes from now to each minute."""
        return _work_by(self.open_time, minutes)

    def reach(self, work: Ints) -> Ints:
        """Return the first minute by which so many working minutes have passed; the cut when too many."""
        starts, before = self.open_time.starts, _before(self.open_time)
        index = np.searchsorted(before, work, side="left") - 1
        inside = np.clip(index, 0, len(starts) - 1)
        found = np.where(index < 0, self.now, starts[inside] + work - before[inside])
        return np.where(work > before[-1], self.until, found)


def pools_of(instance: Instance, *, until: int) -> dict[str, list[Pool]]:
    """Return the pools of each work centre that has regular open time.

    A slot joins a pool when its calendar is the pool's from some minute on: an operation there works in exactly
    the pool's minutes. Otherwise it is a pool of its own.
    """
    grouped: dict[_Kind, list[_Slot]] = {}
    for machine, slot, open_time in _slot_times(instance, until):
        kind = (
            machine.machine_type, machine.speed_factor, machine.setup_time_same, machine.setup_time_different,
        )  # fmt: skip
        grouped.setdefault(kind, []).append((machine, slot, open_time))
    found: dict[str, list[Pool]] = {}
    for kind, slots in grouped.items():
        slots.sort(key=lambda row: (int(row[2].starts[0]), -_minutes(row[2])))
        alike: list[list[_Slot]] = []
        for row in slots:
            for members in alike:
                if _is_tail(row[2], members[0][2]):
                    members.append(row)
                    break
            else:
                alike.append([row])
        for members in alike:
            machine, _, open_time = members[0]
            ids = frozenset(row[0].machine_id for row in members)
            rows = tuple(((row[0].machine_id, row[1]), row[2]) for row in members)
            pool = Pool(machine, ids, open_time, rows, instance.now, until)
            found.setdefault(kind[0], []).append(pool)
    return found


def cut_of(instance: Instance) -> int:
    """Return a minute by which a plan that wastes a fifth of its busiest work centre is done."""
    committed = instance.commitment_by_id
    work: dict[str, float] = {}
    for operation in instance.operations:
        if operation.operation_id not in committed:
            work[operation.machine_type] = (
                work.get(operation.machine_type, 0.0) + operation.processing_minutes
            )
    latest = max([instance.now, *(item.end for item in instance.commitments)])
    last = max([latest, *(int(t.ends[-1]) for t in instance.open_time.values() if len(t.ends))])
    grid = np.arange(instance.now, last + MINUTES_PER_DAY, MINUTES_PER_DAY)
    speed: dict[str, Floats] = {}
    for machine, _, open_time in _slot_times(instance, last):
        done = machine.speed_factor * _work_by(open_time, grid)
        speed[machine.machine_type] = speed.get(machine.machine_type, np.zeros(len(grid))) + done
    ends = [
        int(grid[min(int(np.searchsorted(speed[centre], SPARE_SHARE * minutes)), len(grid) - 1)])
        for centre, minutes in work.items()
        if centre in speed
    ]
    return min(last, max([latest, *ends]) + SPARE_DAYS * MINUTES_PER_DAY)


def _slot_times(instance: Instance, until: int) -> list[_Slot]:
    """Return the regular open time of each slot from now on, its commitments taken out."""
    held: dict[tuple[str, int], list[tuple[int, int]]] = {}
    for item in instance.commitments:
        held.setdefault((item.machine_id, item.slot), []).append((item.start, item.end))
    seen: dict[int, OpenTime] = {}
    found = []
    for machine in instance.plant.machines:
        open_time = instance.open_time[machine.machine_id]
        if id(open_time) not in seen:
            seen[id(open_time)] = open_time.at_level(REGULAR_LEVEL).without([(LONG_AGO, instance.now)])
        for slot in range(machine.capacity):
            free = seen[id(open_time)].without(held.get((machine.machine_id, slot), ()))
            if len(free.starts) and free.starts[0] < until:
                found.append((machine, slot, free))
    return found


def _is_tail(open_time: OpenTime, reference: OpenTime) -> bool:
    tail = reference.without([(LONG_AGO, int(open_time.starts[0]))])
    return np.array_equal(tail.starts, open_time.starts) and np.array_equal(tail.ends, open_time.ends)


def _minutes(open_time: OpenTime) -> int:
    return int((open_time.ends - open_time.starts).sum())


def _before(open_time: OpenTime) -> Ints:
    return np.concatenate([[0], np.cumsum(open_time.ends - open_time.starts)])


def _work_by(open_time: OpenTime, minutes: Ints) -> Ints:
    before = _before(open_time)
    index = np.searchsorted(open_time.ends, minutes, side="right")
    inside = np.minimum(index, len(open_time.starts) - 1)
    begun = before[inside] + np.maximum(0, minutes - open_time.starts[inside])
    return np.where(index < len(open_time.starts), begun, before[-1])
