"""Places for pinned operations on their machines: what is taken, what still fits, and what must come before.

Each place that is given away holds the longest setup that it may need, unless what runs before it is known.
It chooses only where a pin leaves a choice: predecessors go where they end first, as late as is safe.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from shopfloor.data.assembly_clock import Clock
from shopfloor.data.assembly_orders import Orders
from shopfloor.data.assembly_state import Shop
from shopfloor.domain.bounds import run_minutes
from shopfloor.domain.instance import Commitment, CommitmentKind, Operation
from shopfloor.domain.open_time import BEYOND_HORIZON, WindowKind
from shopfloor.domain.plant import Machine

_HEAD_STARTS = tuple(days * 1440 for days in (1, 2, 3, 5, 8, 13, 21, 34))
"""How long before a pinned start its predecessors may begin, tried in this order, then from now on."""


@dataclass(frozen=True, slots=True)
class _Taken:
    """Minutes of a slot that are given away.

    Attributes:
        setup: What was promised to a commitment; None = a start pin, whose setup is worked out later.
    """

    start: int
    end: int
    operation_id: str
    family: str
    setup: int | None


class Places:
    """Slots of machines while pins are put on them.

    Attributes:
        commitments: Operations with a place that no solver may change.
        closed: Gaps before pinned positions, per machine.
        supports: Predecessors that were committed, and for which operation.
    """

    def __init__(
        self,
        orders: Orders,
        held: Mapping[str, Commitment],
        shop: Shop,
        *,
        clock: Clock,
        machine_of: Mapping[str, str],
        fixed_elsewhere: Collection[str],
    ) -> None:
        """Take note of what is committed already.

        Args:
            machine_of: Pinned machine of each pinned operation.
            fixed_elsewhere: Operations with a pinned start or position of their own.
        """
        self.shop, self.clock, self.now, self.aside = shop, clock, clock.now, orders.aside
        self.machine_of, self.fixed_elsewhere = machine_of, fixed_elsewhere
        self.operations = {operation.operation_id: operation for operation in orders.operations}
        self.jobs = {job.job_id: job for job in orders.jobs}
        self.families = (None, *sorted({operation.family for operation in orders.operations}))
        self.ends = {name: item.end for name, item in held.items()}
        self.commitments: list[Commitment] = []
        self.closed: dict[str, list[tuple[int, int]]] = {}
        self.supports: dict[str, str] = {}
        self._lined_up: dict[str, tuple[int, str | None]] = {}
        self._taken: dict[tuple[str, int], list[_Taken]] = {}
        for item in held.values():
            family = self.operations[item.operation_id].family
            row = _Taken(item.start, item.end, item.operation_id, family, item.setup_minutes)
            self._taken.setdefault((item.machine_id, item.slot), []).append(row)

    def reserve(self, operation_id: str, machine_id: str, start: int) -> str:
        """Reserve minutes for a start pin and commit what must end before; return why not, or ""."""
        operation, machine = self.operations[operation_id], self._machine(machine_id)
        work = self._longest_setup(machine, operation) + run_minutes(operation, machine)
        begin, end = self._times(machine, operation, start, work)
        if begin != start or end == BEYOND_HORIZON:
            return f"it does not fit on {machine_id} from {self._time(start)} on: {work} minutes with setup"
        slots = [(machine_id, slot) for slot in range(machine.capacity)]
        reasons = [self._clash(place, start, end, operation) for place in slots]
        free = next((place for place, reason in zip(slots, reasons, strict=True) if not reason), None)
        if free is None:
            return reasons[0]
        n_before = len(self.commitments)
        reason = self._support(operation, by=start)
        if not reason and self._clash(free, start, end, operation):
            reason = f"what comes before it needs {machine_id} then"
        if reason:
            self._undo(n_before)
            return reason
        row = _Taken(start, end, operation_id, operation.family, None)
        self._taken.setdefault(free, []).append(row)
        self.ends[operation_id] = end
        return ""

    def append(self, operation_id: str, machine_id: str) -> str:
        """Commit an operation as the next one on a machine, as early as it can start; return why not, or ""."""
        operation, machine = self.operations[operation_id], self._machine(machine_id)
        if machine.capacity != 1:
            return f"{machine_id} runs {machine.capacity} at a time: a position says nothing, pin a start"
        n_before = len(self.commitments)
        reason = self._support(operation, by=None) or self._put_next(operation, machine)
        if reason:
            self._undo(n_before)
        return reason

    def _put_next(self, operation: Operation, machine: Machine) -> str:
        """Commit an operation behind what is lined up on its machine; return why not, or ""."""
        machine_id = machine.machine_id
        place, gaps = (machine_id, 0), []
        cursor, family = self._lined_up.get(machine_id, (self.now, machine.current_setup_family))
        ready = max(cursor, self._ready(operation))
        for row in (*self._rows(place), None):
            if row is not None and row.end <= cursor:
                family = row.family
                continue
            setup = self.shop.plant.setup_minutes(machine, family, operation.family)
            begin, end = self._times(machine, operation, ready, setup + run_minutes(operation, machine))
            if end == BEYOND_HORIZON:
                return f"{machine_id} has no open time left for it"
            if row is None or (end <= row.start and self._keeps_setup(machine, operation, row)):
                break
            if row.setup is None:
                return f"{row.operation_id} is pinned to a start on {machine_id} before it: pin a start"
            gaps.append((cursor, row.start))
            cursor, family = max(cursor, row.end), row.family
            ready = max(ready, cursor)
        gaps.append((cursor, begin))
        closed = self.closed.setdefault(machine_id, [])
        closed += [(start, stop) for start, stop in gaps if stop > start]
        self._commit(operation, machine, 0, (begin, end, setup))
        self._lined_up[machine_id] = (end, operation.family)
        return ""

    def _support(self, operation: Operation, *, by: int | None) -> str:
        """Commit the free predecessors of an operation so that they end by a minute; return why not, or ""."""
        chain: list[Operation] = []
        before = operation.predecessor
        while before is not None and before not in self.ends:
            if before in self.aside:
                return f"{before} before it has no place: {self.aside[before].code}"
            if before in self.fixed_elsewhere:
                return f"{before} before it is pinned to a later place"
            chain.insert(0, self.operations[before])
            before = self.operations[before].predecessor
        if not chain:
            end = self.ends.get(operation.predecessor or "", self.now)
            late = by is not None and end > by
            return f"{operation.predecessor} before it ends later: {self._time(end)}" if late else ""
        head_starts = [] if by is None else [by - days for days in _HEAD_STARTS if by - days > self.now]
        for start in (*head_starts, self.now):
            n_before = len(self.commitments)
            end = self._commit_chain(chain, start)
            if end != BEYOND_HORIZON and (by is None or end <= by):
                self.supports |= {step.operation_id: operation.operation_id for step in chain}
                return ""
            self._undo(n_before)
        wanted = "" if by is None else f" by {self._time(by)}"
        names = ", ".join(step.operation_id for step in chain)
        return f"what comes before it cannot be done{wanted}: {names}"

    def _commit_chain(self, chain: list[Operation], start: int) -> int:
        """Commit operations one after another from a minute on; return the last end, or -1."""
        end = start
        for step in chain:
            ready = max(start, self._ready(step))
            found = [
                (times[1], machine.machine_id, slot, machine, times)
                for machine in self._eligible(step)
                for slot in range(machine.capacity)
                if (times := self._gap(machine, slot, step, ready)) is not None
            ]
            if not found:
                return BEYOND_HORIZON
            end, _, slot, machine, times = min(found, key=lambda row: row[:3])
            self._commit(step, machine, slot, times)
        return end

    def _gap(self, machine: Machine, slot: int, step: Operation, ready: int) -> tuple[int, int, int] | None:
        """Return (start, end, setup) of the first gap that takes a step with its longest setup."""
        place = (machine.machine_id, slot)
        setup = self._longest_setup(machine, step)
        free = max(ready, self._lined_up.get(machine.machine_id, (self.now, None))[0])
        for row in (*self._rows(place), None):
            if row is not None and row.end <= free:
                continue
            start, end = self._times(machine, step, free, setup + run_minutes(step, machine))
            if end == BEYOND_HORIZON:
                return None
            if row is None or (end <= row.start and self._keeps_setup(machine, step, row)):
                return start, end, setup
            free = max(free, row.end)
        return None

    def _commit(self, operation: Operation, machine: Machine, slot: int, times: tuple[int, int, int]) -> None:
        start, end, setup = times
        name, place = operation.operation_id, (machine.machine_id, slot)
        self.commitments.append(
            Commitment(name, machine.machine_id, start, end, CommitmentKind.PINNED, setup, 0, slot)
        )
        self._taken.setdefault(place, []).append(_Taken(start, end, name, operation.family, setup))
        self.ends[name] = end

    def _undo(self, n_kept: int) -> None:
        """Take back the commitments after the first `n_kept`."""
        for item in self.commitments[n_kept:]:
            place = (item.machine_id, item.slot)
            self._taken[place] = [row for row in self._taken[place] if row.operation_id != item.operation_id]
            del self.ends[item.operation_id]
            self.supports.pop(item.operation_id, None)
        del self.commitments[n_kept:]

    def _clash(self, place: tuple[str, int], start: int, end: int, operation: Operation) -> str:
        """Return what is in the way of [start, end) on a slot, or ""."""
        rows = self._rows(place)
        for row in rows:
            if row.start < end and start < row.end:
                since, until = self._time(row.start), self._time(row.end)
                return f"{row.operation_id} has {place[0]} then: {since} to {until}"
        after = next((row for row in rows if row.start >= end), None)
        if after is not None and not self._keeps_setup(self._machine(place[0]), operation, after):
            return f"{after.operation_id}, which is fixed after it, would need a longer setup"
        return ""

    def _keeps_setup(self, machine: Machine, operation: Operation, after: _Taken) -> bool:
        if after.setup is None:
            return True
        return self.shop.plant.setup_minutes(machine, operation.family, after.family) <= after.setup

    def _rows(self, place: tuple[str, int]) -> list[_Taken]:
        return sorted(self._taken.get(place, ()), key=lambda row: (row.start, row.end))

    def _time(self, minute: int) -> str:
        return self.clock.local_text(minute)

    def _ready(self, operation: Operation) -> int:
        if operation.predecessor is not None:
            return max(self.now, self.ends[operation.predecessor])
        return max(self.now, self.jobs[operation.job_id].release)

    def _machine(self, machine_id: str) -> Machine:
        machine = self.shop.machine(machine_id)
        assert machine is not None, machine_id
        return machine

    def _eligible(self, operation: Operation) -> list[Machine]:
        pinned = self.machine_of.get(operation.operation_id)
        return [
            machine
            for machine in self.shop.plant.machines
            if machine.machine_type == operation.machine_type
            and pinned in (None, machine.machine_id)
            and not self.shop.plant.is_restricted(machine.machine_id, operation.family, operation.sequence)
        ]

    def _longest_setup(self, machine: Machine, operation: Operation) -> int:
        known = {*self.families, machine.current_setup_family}
        return max(self.shop.plant.setup_minutes(machine, name, operation.family) for name in known)

    def _times(self, machine: Machine, operation: Operation, ready: int, work: int) -> tuple[int, int]:
        """Return (start, end) of work begun at or after a minute in regular time; (-1, -1) beyond."""
        open_time = self.shop.open_time[machine.machine_id]
        if operation.is_interruptible:
            begin = open_time.next_open(ready, WindowKind.REGULAR)
            return begin, open_time.advance(ready, work, WindowKind.REGULAR)
        begin = open_time.fits(ready, work, WindowKind.REGULAR)
        return (begin, begin + work) if begin != BEYOND_HORIZON else (BEYOND_HORIZON, BEYOND_HORIZON)
