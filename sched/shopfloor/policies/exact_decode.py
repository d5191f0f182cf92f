"""A sequence of every machine slot becomes a plan with real times: calendars, setups, commitments, pins.

Plain Python over the compiled arrays, regular time only. Every operation starts as early as its route, its
slot and the calendar let it, in the order given; nothing is reordered and no other slot is tried.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from shopfloor.engine import layout as at
from shopfloor.engine.arrays import Compiled
from shopfloor.engine.dispatch import Outcome
from shopfloor.engine.layout import Code, Role

NOWHERE = (-1, -1)


class Decoder:
    """One instance made ready to time many sequences."""

    def __init__(self, compiled: Compiled) -> None:
        problem = compiled.problem
        self.compiled = compiled
        self.now = int(problem.constant[at.CONST_NOW])
        self.op: list[list[int]] = problem.op.tolist()
        self.job: list[list[int]] = problem.job.tolist()
        self.slot: list[list[int]] = problem.slot.tolist()
        self.machine: list[list[int]] = problem.machine.tolist()
        self.reservation: list[list[int]] = problem.reservation.tolist()
        self.run = {
            (op, int(slot)): int(run)
            for op, row in enumerate(self.op)
            for slot, run in problem.elig[row[at.OP_ELIG_LO] : row[at.OP_ELIG_HI]]
        }
        self.eligible: dict[int, dict[int, int]] = {}
        for (op, slot), run in self.run.items():
            self.eligible.setdefault(op, {})[slot] = run
        self._setup = problem.setup
        self._families = int(problem.constant[at.CONST_FAMILIES])
        offsets = problem.cal_off.tolist()
        spans = [slice(low, high) for low, high in pairwise(offsets)]
        self._starts: list[list[int]] = [problem.cal_start[span].tolist() for span in spans]
        self._ends: list[list[int]] = [problem.cal_end[span].tolist() for span in spans]
        self._cal_of: list[int] = problem.cal_of[:, 0].tolist()

    def calendar_of(self, slot: int) -> int:
        """Return the row of a slot's calendar in regular time."""
        return self._cal_of[self.slot[slot][at.SLOT_MACHINE]]

    def stretches(self, calendar: int) -> tuple[Sequence[int], Sequence[int]]:
        """Return the starts and ends of a calendar's open stretches."""
        return self._starts[calendar], self._ends[calendar]

    def setup_minutes(self, slot: int, before: int, after: int) -> int:
        """Return the setup on a slot when family `after` follows `before` (-1 = unknown)."""
        machine = self.machine[self.slot[slot][at.SLOT_MACHINE]]
        if len(self._setup):
            n = self._families
            rule = int(self._setup[(machine[at.MACHINE_WC] * (n + 1) + before + 1) * n + after])
            if rule >= 0:
                return rule
        return machine[at.MACHINE_SAME] if before == after else machine[at.MACHINE_DIFFERENT]

    def earliest(self, slot: int, t: int, work: int, *, is_interruptible: bool) -> tuple[int, int]:
        """Return the first (start, end) of `work` minutes at or after t; (-1, -1) beyond the horizon."""
        calendar = self.calendar_of(slot)
        starts, ends = self._starts[calendar], self._ends[calendar]
        first = bisect_right(ends, t)
        if first == len(ends):
            return NOWHERE
        start = max(t, starts[first])
        for row in range(first, len(ends)):
            begin = max(t, starts[row])
            if begin + work <= ends[row]:
                return (start if is_interruptible else begin), begin + work
            if is_interruptible:
                work -= ends[row] - begin
        return NOWHERE

    def ready_at(self, op: int, ends: Mapping[int, int]) -> int:
        """Return the minute from which an operation may start, its predecessor's end among `ends`."""
        predecessor = self.op[op][at.OP_PRED]
        if predecessor >= 0:
            return max(self.now, ends[predecessor])
        job = self.job[self.op[op][at.OP_JOB]]
        return max(self.now, job[at.JOB_RELEASE], job[at.JOB_ARRIVAL])

    def decode(self, slot_of: Mapping[int, int], order: Sequence[int]) -> Outcome | None:
        """Return the plan, or None when the order breaks a start pin.

        Args:
            slot_of: Slot row of each operation to schedule, committed ones left out.
            order: Those operations, predecessors first; two on one slot run in this order.
        """
        timing = _Timing(self)
        for op in order:
            if not timing.place(op, slot_of[op]):
                return None
        timing.settle_pins()
        return timing.outcome()


class _Timing:
    """The times of one sequence while they are being worked out."""

    def __init__(self, decoder: Decoder) -> None:
        self.decoder = decoder
        self.rows: dict[int, tuple[int, int, int, int, int]] = {}
        self.ends: dict[int, int] = {}
        self.code: dict[int, int] = {}
        self.free = [decoder.now] * len(decoder.slot)
        self.family = [row[at.SLOT_FAMILY] for row in decoder.slot]
        self.next = [row[at.SLOT_RES_LO] for row in decoder.slot]
        for row in decoder.reservation:
            if not row[at.RES_IS_PIN]:
                run = max(0, row[at.RES_WORK] - row[at.RES_SETUP])
                self._put(
                    row[at.RES_OP],
                    (row[at.RES_SLOT], row[at.RES_START], row[at.RES_END], row[at.RES_SETUP], run),
                )
        for op, columns in enumerate(decoder.op):
            if columns[at.OP_ROLE] == Role.BLOCKED:
                self.code[op] = columns[at.OP_CODE]

    def _put(self, op: int, row: tuple[int, int, int, int, int]) -> None:
        self.rows[op] = row
        self.ends[op] = row[2]

    def place(self, op: int, slot: int) -> bool:
        """Give one operation its times; False when it breaks a start pin."""
        decoder, columns = self.decoder, self.decoder.op[op]
        predecessor = columns[at.OP_PRED]
        is_pin = columns[at.OP_ROLE] == Role.START_PIN
        if predecessor >= 0 and predecessor not in self.rows:
            self.code[op] = Code.PREDECESSOR_UNASSIGNED
            return not is_pin
        ready = decoder.ready_at(op, self.ends)
        if is_pin:
            return self._place_pin(op, slot, ready)
        family, run = columns[at.OP_FAMILY], decoder.run[op, slot]
        free, before, position = self.free[slot], self.family[slot], self.next[slot]
        while True:
            setup = decoder.setup_minutes(slot, before, family)
            start, end = decoder.earliest(
                slot, max(ready, free), setup + run, is_interruptible=bool(columns[at.OP_INTERRUPTIBLE])
            )
            if end < 0:
                self.code[op] = Code.NO_OPEN_TIME
                return True
            if position >= decoder.slot[slot][at.SLOT_RES_HI]:
                break
            held = decoder.reservation[position]
            held_family = decoder.op[held[at.RES_OP]][at.OP_FAMILY]
            fits = end <= held[at.RES_START]
            if fits and decoder.setup_minutes(slot, family, held_family) <= held[at.RES_SETUP]:
                break
            free, before, position = max(free, held[at.RES_END]), held_family, position + 1
        self._put(op, (slot, start, end, setup, run))
        self.free[slot], self.family[slot], self.next[slot] = end, family, position
        return True

    def _place_pin(self, op: int, slot: int, ready: int) -> bool:
        held = self.decoder.reservation[self.decoder.op[op][at.OP_RESERVATION]]
        if slot != held[at.RES_SLOT] or ready > held[at.RES_START]:
            return False
        self._put(op, (slot, held[at.RES_START], held[at.RES_END], held[at.RES_SETUP], 0))
        return True

    def settle_pins(self) -> None:
        """Give each placed pin the setup that its real predecessor on the slot asks for."""
        decoder = self.decoder
        for held in decoder.reservation:
            op, slot = held[at.RES_OP], held[at.RES_SLOT]
            if not held[at.RES_IS_PIN] or op not in self.rows:
                continue
            start = held[at.RES_START]
            earlier = [
                (row[1], other) for other, row in self.rows.items() if row[0] == slot and row[1] < start
            ]
            before = decoder.slot[slot][at.SLOT_FAMILY]
            if earlier:
                before = decoder.op[max(earlier)[1]][at.OP_FAMILY]
            setup = decoder.setup_minutes(slot, before, decoder.op[op][at.OP_FAMILY])
            run = decoder.run[op, slot]
            _, end = decoder.earliest(
                slot, start, setup + run, is_interruptible=bool(decoder.op[op][at.OP_INTERRUPTIBLE])
            )
            self._put(op, (slot, start, end, setup, run))

    def outcome(self) -> Outcome:
        n = self.decoder.compiled.n_operations
        table = np.zeros((n, 5), dtype=np.int64)
        table[:, 0] = -1
        code = np.zeros(n, dtype=np.int64)
        for op in range(n):
            if op in self.rows:
                table[op] = self.rows[op]
            else:
                predecessor = self.decoder.op[op][at.OP_PRED]
                is_behind = predecessor >= 0 and predecessor not in self.rows
                missing = Code.PREDECESSOR_UNASSIGNED if is_behind else Code.NO_OPEN_TIME
                code[op] = self.code.get(op, missing)
        slot, start, end, setup, run = (np.ascontiguousarray(table[:, k]) for k in range(5))
        return Outcome(
            slot=slot,
            start=start,
            end=end,
            setup=setup,
            run=run,
            level=np.zeros(n, dtype=np.int64),
            code=code,
            n_decisions=len(self.rows),
            end_time=int(end.max()) if n else self.decoder.now,
        )
