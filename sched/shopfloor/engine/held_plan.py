"""A plan held on to: every operation stays on its machine, in its order, and starts no earlier than planned.

What cannot stand any more (its machine is closed or taken, its predecessor is later, its start has passed)
moves later, and nothing else does. New operations go into the gaps, or before all others. It optimises
nothing: it is the plan in force as facts leave it, and a start for the search.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from shopfloor.domain.instance import Operation
from shopfloor.domain.open_time import BEYOND_HORIZON
from shopfloor.domain.plant import Machine
from shopfloor.domain.schedule import ScheduledOperation
from shopfloor.engine.arrays import Compiled
from shopfloor.engine.compile_operations import run_minutes
from shopfloor.engine.dispatch import Outcome, greedy_list
from shopfloor.engine.layout import Code

_FIRST = -(1 << 40)
_LAST = 1 << 40


@dataclass(frozen=True, slots=True)
class _Row:
    """What a slot holds from `start` to `end`; minutes.

    Attributes:
        index: Position of the operation.
        is_constant: A commitment: its setup was promised and may only turn out shorter.
        is_pin: A start pin: it holds the longest setup that it may need until the end.
    """

    index: int
    start: int
    end: int
    family: str
    setup: int
    run: int
    level: int
    is_constant: bool = False
    is_pin: bool = False


def hold_plan(
    compiled: Compiled,
    planned: Mapping[str, ScheduledOperation],
    *,
    first: Collection[str] = (),
    may_switch: bool = False,
) -> Outcome:
    """Return the plan that keeps as much of `planned` as the instance allows.

    Args:
        planned: Rows of the plan to hold, by operation_id; operations that it lacks are added after all
            others, into gaps where they fit.
        first: Operations that go before all others instead.
        may_switch: An operation that would start late on its machine may take any eligible one.
    """
    return _Holder(compiled, planned, frozenset(first), may_switch).run()


class _Holder:
    """Slots while they are being filled."""

    def __init__(
        self,
        compiled: Compiled,
        planned: Mapping[str, ScheduledOperation],
        first: frozenset[str],
        may_switch: bool,
    ) -> None:
        self.instance = compiled.instance
        self.planned, self.first, self.may_switch = planned, first, may_switch
        self.greedy = greedy_list(compiled)
        self.slot_of = {(slot.machine_id, slot.slot): i for i, slot in enumerate(compiled.slots)}
        self.families = (None, *sorted({operation.family for operation in self.instance.operations}))
        self.given_up: set[str] = set()
        self._clear()

    def _clear(self) -> None:
        self.lines: dict[tuple[str, int], list[_Row]] = {place: [] for place in self.slot_of}
        self.ends: dict[str, int] = {}
        self.placed: dict[str, tuple[tuple[str, int], _Row]] = {}
        self.codes = {item.operation_id: Code[item.code.value] for item in self.instance.set_aside}
        self.codes |= dict.fromkeys(self.given_up, Code.BAD_PIN)

    def run(self) -> Outcome:
        """Fill the slots; a start pin that turns out impossible is given up, and all is filled again."""
        n_given_up = -1
        while n_given_up < len(self.given_up):
            n_given_up = len(self.given_up)
            self._clear()
            self._fill()
        return self._outcome()

    def _fill(self) -> None:
        instance = self.instance
        for index, operation in enumerate(instance.operations):
            held = instance.commitment_by_id.get(operation.operation_id)
            if held is not None:
                self.ends[operation.operation_id] = held.end
                place = (held.machine_id, held.slot)
                row = _Row(
                    index, held.start, held.end, operation.family, held.setup_minutes, 0, held.level, True
                )
                if place in self.lines:
                    self._insert(place, row)
        order = self._in_order()
        for index in order:
            self._reserve(index)
        for index in order:
            self._place(index)
        self._try_again()

    def _try_again(self) -> None:
        """Place what found no time while pins held the longest setup that they might have needed."""
        waiting = (Code.NO_OPEN_TIME, Code.PREDECESSOR_UNASSIGNED)
        aside = {item.operation_id for item in self.instance.set_aside}
        left = {name for name, code in self.codes.items() if code in waiting and name not in aside}
        for index in self._in_order(left) if left else ():
            del self.codes[self.instance.operations[index].operation_id]
            self._place(index)

    def _in_order(self, again: Collection[str] = ()) -> list[int]:
        """Return the free operations without a code by planned start, predecessors first.

        Args:
            again: Return these instead.
        """
        keys: dict[str, int] = {}
        rows = []
        for index, operation in enumerate(self.instance.operations):
            name = operation.operation_id
            pin = self.instance.pin_by_id.get(name)
            if pin is not None and pin.start is not None:
                key = pin.start
            elif name in self.first:
                key = _FIRST
            elif name in self.planned:
                key = self.planned[name].start
            else:
                key = _LAST
            if operation.predecessor is not None:
                key = max(key, keys[operation.predecessor])
            keys[name] = key
            is_free = name not in self.instance.commitment_by_id and name not in self.codes
            if name in again or (is_free and not again):
                rows.append((key, index))
        return [index for _, index in sorted(rows)]

    def _reserve(self, index: int) -> None:
        """Keep the minutes of a start pin free, with the longest setup it may need."""
        operation = self.instance.operations[index]
        pin = self.instance.pin_by_id.get(operation.operation_id)
        if pin is None or pin.start is None:
            return
        for machine in self.instance.eligible_machines(operation):
            setup = max(
                self.instance.plant.setup_minutes(machine, family, operation.family)
                for family in self.families
            )
            run = run_minutes(operation.processing_minutes, machine.speed_factor)
            start, end = self._times(machine, operation, pin.start, setup + run, 0)
            for slot in range(machine.capacity):
                place = (machine.machine_id, slot)
                row = _Row(index, start, end, operation.family, setup, run, 0, is_pin=True)
                is_taken = any(other.start < end and start < other.end for other in self.lines[place])
                if start == pin.start and end != BEYOND_HORIZON and not is_taken:
                    self._insert(place, row)
                    self.placed[operation.operation_id] = (place, row)
                    return
        self.codes[operation.operation_id] = Code.BAD_PIN

    def _place(self, index: int) -> None:
        operation = self.instance.operations[index]
        name = operation.operation_id
        if name in self.codes:
            return
        ready = self._ready(operation)
        if ready is None or (name in self.placed and ready > self.placed[name][1].start):
            self.codes[name] = Code.PREDECESSOR_UNASSIGNED if ready is None else Code.BAD_PIN
            if name in self.placed:
                self.given_up.add(name)
            return
        if name in self.placed:
            self.ends[name] = self._settle_pin(name)
            return
        found = self._best(index, operation, ready)
        if found is None:
            is_pinned = name in self.instance.pin_by_id
            has_machine = bool(self.instance.eligible_machines(operation))
            missing = Code.BAD_PIN if is_pinned else Code.NO_ELIGIBLE_MACHINE
            self.codes[name] = Code.NO_OPEN_TIME if has_machine else missing
            return
        place, row = found
        self._insert(place, row)
        self.placed[name] = found
        self.ends[name] = row.end

    def _ready(self, operation: Operation) -> int | None:
        """Return the first minute at which an operation may start, or None when it never may."""
        if operation.predecessor is not None:
            end = self.ends.get(operation.predecessor)
            return None if end is None else max(self.instance.now, end)
        return max(self.instance.now, self.instance.job_by_id[operation.job_id].release)

    def _best(self, index: int, operation: Operation, ready: int) -> tuple[tuple[str, int], _Row] | None:
        """Return the place that the plan has for an operation, else the one that finishes it first."""
        machines = {m.machine_id: m for m in self.instance.eligible_machines(operation)}
        before = self.planned.get(operation.operation_id)
        if before is not None and before.machine_id in machines:
            machine = machines[before.machine_id]
            slot = min(before.slot, machine.capacity - 1)
            row = self._fit(index, machine, slot, max(ready, before.start), before.level)
            if row is not None and (row.start == before.start or not self.may_switch):
                return (machine.machine_id, slot), row
        level = 0 if before is None else before.level
        found = [
            (place, row)
            for machine in machines.values()
            for place in ((machine.machine_id, slot) for slot in range(machine.capacity))
            if (row := self._fit(index, machine, place[1], ready, level)) is not None
        ]
        return min(found, key=lambda pair: (pair[1].end, self.slot_of[pair[0]]), default=None)

    def _fit(self, index: int, machine: Machine, slot: int, ready: int, level: int) -> _Row | None:
        """Return the first gap of a slot that takes an operation and leaves everything else as it is."""
        operation = self.instance.operations[index]
        plant = self.instance.plant
        run = run_minutes(operation.processing_minutes, machine.speed_factor)
        free, family = self.instance.now, machine.current_setup_family
        for after in (*self.lines[(machine.machine_id, slot)], None):
            if after is None or max(ready, free) < after.start:
                setup = plant.setup_minutes(machine, family, operation.family)
                start, end = self._times(machine, operation, max(ready, free), setup + run, level)
                is_before = after is None or (end <= after.start and self._is_kept(machine, operation, after))
                if end != BEYOND_HORIZON and is_before:
                    return _Row(index, start, end, operation.family, setup, run, level)
            if after is not None:
                free, family = max(free, after.end), after.family
        return None

    def _is_kept(self, machine: Machine, operation: Operation, after: _Row) -> bool:
        """Tell whether what follows keeps its setup when the operation goes before it."""
        if after.is_pin:
            return True
        needed = self.instance.plant.setup_minutes(machine, operation.family, after.family)
        return needed <= after.setup if after.is_constant else needed == after.setup

    def _times(
        self, machine: Machine, operation: Operation, ready: int, work: int, level: int
    ) -> tuple[int, int]:
        open_time = self.instance.open_time[machine.machine_id]
        if operation.is_interruptible:
            return open_time.next_open(ready, level), open_time.advance(ready, work, level)
        start = open_time.fits(ready, work, level)
        return (start, start + work) if start != BEYOND_HORIZON else (BEYOND_HORIZON, BEYOND_HORIZON)

    def _settle_pin(self, name: str) -> int:
        """Give a start pin the setup that what comes before it asks for, and return its end."""
        place, row = self.placed[name]
        operation = self.instance.operations[row.index]
        machine = self.instance.plant.machines[self.instance.plant.machine_index[place[0]]]
        line = self.lines[place]
        position = line.index(row)
        family = line[position - 1].family if position else machine.current_setup_family
        setup = self.instance.plant.setup_minutes(machine, family, operation.family)
        _, end = self._times(machine, operation, row.start, setup + row.run, row.level)
        line[position] = replace(row, end=end, setup=setup, is_pin=False)
        self.placed[name] = (place, line[position])
        return end

    def _insert(self, place: tuple[str, int], row: _Row) -> None:
        line = self.lines[place]
        line.append(row)
        line.sort(key=lambda item: (item.start, item.end))

    def _outcome(self) -> Outcome:
        """Return the arrays; commitments as every other solver has them."""
        base = self.greedy
        slot, start, end = base.slot.copy(), base.start.copy(), base.end.copy()
        setup, run, level, code = base.setup.copy(), base.run.copy(), base.level.copy(), base.code.copy()
        for index, operation in enumerate(self.instance.operations):
            name = operation.operation_id
            if name in self.instance.commitment_by_id:
                continue
            found = self.placed.get(name)
            if found is None:
                code[index] = self.codes[name]
                slot[index], start[index], end[index], setup[index], run[index] = -1, 0, 0, 0, 0
                continue
            place, row = found
            slot[index], start[index], end[index] = self.slot_of[place], row.start, row.end
            setup[index], run[index], level[index], code[index] = row.setup, row.run, row.level, 0
        finish = int(end.max()) if len(end) else self.instance.now
        return Outcome(slot, start, end, setup, run, level, code, len(self.placed), finish)
