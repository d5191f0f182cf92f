"""Commitments and start pins become reservations of a slot.

A start pin reserves the first eligible slot that is not reserved then, with the longest setup it may need;
a pin that finds none blocks its operation.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from shopfloor.domain.instance import Commitment
from shopfloor.engine import layout as at
from shopfloor.engine.compile_calendars import Calendars
from shopfloor.engine.compile_positions import Positions
from shopfloor.engine.layout import Code, Ints, Role

_Row = tuple[int, ...]


def reservation_table(positions: Positions, op: Ints, elig: Ints, calendars: Calendars) -> Ints:
    """Return `Problem.reservation`; pins without a place are blocked in `op`, the others named there."""
    book = _Book(positions, calendars)
    instance = positions.instance
    for commitment in instance.commitments:
        if commitment.operation_id in positions.row_of:
            book.commit(commitment)
    for pin in sorted(instance.pins, key=lambda p: (p.start is None, p.start or 0, p.operation_id)):
        i = positions.row_of.get(pin.operation_id, -1)
        if pin.start is None or i < 0 or op[i, at.OP_ROLE] != Role.START_PIN:
            continue
        pairs = elig[op[i, at.OP_ELIG_LO] : op[i, at.OP_ELIG_HI]].tolist()
        if not book.pin(i, pin.start, int(op[i, at.OP_FAMILY]), pairs):
            op[i, at.OP_ROLE], op[i, at.OP_CODE] = Role.BLOCKED, Code.BAD_PIN
    table = book.table()
    op[table[:, at.RES_OP], at.OP_RESERVATION] = np.arange(len(table))
    return table


class _Book:
    """Who has reserved which slot so far."""

    def __init__(self, positions: Positions, calendars: Calendars) -> None:
        self.positions = positions
        self.calendars = calendars
        self.by_slot: defaultdict[int, list[_Row]] = defaultdict(list)

    def commit(self, commitment: Commitment) -> None:
        """Write a commitment down as it is."""
        positions = self.positions
        slot = positions.slot_of.get((commitment.machine_id, commitment.slot), -1)
        begin = max(commitment.start, positions.instance.now)
        work = max(0, commitment.end - begin)
        if slot >= 0 and work:
            calendar = self.calendars.cal_of[positions.machine_of_slot[slot], commitment.level]
            work = _work_between(self.calendars, calendar, begin, commitment.end)
        row = (
            positions.row_of[commitment.operation_id],
            slot,
            commitment.start,
            commitment.end,
            commitment.setup_minutes,
            commitment.level,
            0,
            max(1, work),
        )
        self.by_slot[slot].append(row)

    def pin(self, i: int, start: int, family: int, pairs: list[list[int]]) -> bool:
        """Reserve the first free slot of (slot, run minutes) for operation row i; False if there is none."""
        if start < self.positions.instance.now:
            return False
        plant, families = self.positions.plant, self.positions.families
        for slot, run in pairs:
            index = self.positions.machine_of_slot[slot]
            setup = max(
                plant.setup_minutes(plant.machines[index], before, families[family])
                for before in (None, *families)
            )
            end = _advance(self.calendars, self.calendars.cal_of[index, 0], start, run + setup)
            taken = self.by_slot[slot]
            if end < 0 or any(row[at.RES_START] < end and start < row[at.RES_END] for row in taken):
                continue
            taken.append((i, slot, start, end, setup, 0, 1, run + setup))
            return True
        return False

    def table(self) -> Ints:
        """Return all reservations by slot and start."""
        rows = [row for slot in self.by_slot.values() for row in slot]
        rows.sort(key=lambda row: (row[at.RES_SLOT], row[at.RES_START], row[at.RES_END], row[at.RES_OP]))
        return np.array(rows, dtype=np.int64).reshape(-1, at.RES_COLUMNS)


def _work_between(calendars: Calendars, calendar: int, begin: int, end: int) -> int:
    rows = slice(calendars.cal_off[calendar], calendars.cal_off[calendar + 1])
    overlap = np.minimum(calendars.cal_end[rows], end) - np.maximum(calendars.cal_start[rows], begin)
    return int(np.maximum(overlap, 0).sum())


def _advance(calendars: Calendars, calendar: int, t: int, work: int) -> int:
    for row in range(calendars.cal_off[calendar], calendars.cal_off[calendar + 1]):
        begin, end = max(t, int(calendars.cal_start[row])), int(calendars.cal_end[row])
        if begin + work <= end:
            return begin + work
        work -= max(0, end - begin)
    return -1
