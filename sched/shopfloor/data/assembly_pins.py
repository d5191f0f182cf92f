"""Planners' pins: the ones in force, merged per operation; an impossible one sets its operation aside as
BAD_PIN and says who pinned it and why it cannot hold.

    a machine          the operation is eligible there only
    a start            minutes on a machine are reserved; what must end before it is committed in time
    a position         the operations numbered 1..n on a machine are committed one after another from now, and
                       the gaps between them are closed to everything else

Every solver keeps reservations, commitments and closed time by construction, so a pin that is not refused
here is kept. Whether a plan keeps it is the validator's question.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from shopfloor.data.assembly_clock import Clock
from shopfloor.data.assembly_notes import Notebook
from shopfloor.data.assembly_orders import Orders
from shopfloor.data.assembly_pin_places import Places
from shopfloor.data.assembly_state import Shop
from shopfloor.data.frames import rows_of
from shopfloor.domain.instance import Commitment, Operation, Pin, UnassignedCode
from shopfloor.domain.open_time import WindowKind


@dataclass(frozen=True)
class PinsInForce:
    """What pins ask of a solver.

    Attributes:
        pins: At most one per operation: a machine, or a machine and a start.
        commitments: Operations that pins leave no choice for.
        closed: Minutes on each machine that pinned positions keep free, [start, end).
    """

    pins: tuple[Pin, ...] = ()
    commitments: tuple[Commitment, ...] = ()
    closed: Mapping[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Wish:
    """All that the pins of one operation say."""

    pin: Pin
    position: int | None

    @property
    def who(self) -> str:
        """Who pinned it and why, in words."""
        reason = f" ({self.pin.reason})" if self.pin.reason else ""
        return f"pinned by {self.pin.by or 'nobody'}{reason}"


def pins_in_force(
    frame: pd.DataFrame,
    orders: Orders,
    held: Mapping[str, Commitment],
    shop: Shop,
    *,
    clock: Clock,
    notebook: Notebook,
) -> PinsInForce:
    """Return the pins of open operations that are not committed; impossible ones set operations aside.

    Args:
        frame: Cast frame of `schedule_pins`.
        held: Commitments by operation id: a constant needs no pin.
    """
    return _Pinning(orders, held, shop, clock, notebook).run(frame)


class _Pinning:
    """The pins of one assembly."""

    def __init__(
        self, orders: Orders, held: Mapping[str, Commitment], shop: Shop, clock: Clock, notebook: Notebook
    ) -> None:
        self.orders, self.held, self.shop, self.clock, self.notebook = orders, held, shop, clock, notebook
        self.operations = {operation.operation_id: operation for operation in orders.operations}
        self.jobs = {job.job_id: job for job in orders.jobs}

    def run(self, frame: pd.DataFrame) -> PinsInForce:
        wishes, numbers = self._wishes(frame)
        machine_of = {name: str(wish.pin.machine_id) for name, wish in wishes.items()}
        places = Places(
            self.orders, self.held, self.shop, clock=self.clock, machine_of=machine_of,
            fixed_elsewhere={n for n, w in wishes.items() if w.position or w.pin.start is not None},
        )  # fmt: skip
        starts = [wish for wish in wishes.values() if wish.pin.start is not None]
        for wish in sorted(starts, key=lambda wish: wish.pin.start or 0):
            assert wish.pin.start is not None
            reason = places.reserve(wish.pin.operation_id, machine_of[wish.pin.operation_id], wish.pin.start)
            self._refuse(wishes, wish, reason)
        self._line_up(wishes, numbers, places)
        for name, why in places.supports.items():
            self.notebook.add("PINNED_WITH", name, f"committed so that {why} can be where it is pinned")
        for machine_id, gaps in places.closed.items():
            open_time = self.shop.open_time[machine_id]
            minutes = sum(open_time.work_between(start, end, WindowKind.REGULAR) for start, end in gaps)
            if minutes:
                detail = f"kept free for {minutes / 60:.1f} h so that pinned positions come first"
                self.notebook.add("PINNED_GAP", machine_id, detail)
        lined_up = {item.operation_id for item in places.commitments}
        return PinsInForce(
            tuple(wish.pin for name, wish in wishes.items() if name not in lined_up),
            tuple(places.commitments),
            {name: tuple(rows) for name, rows in places.closed.items()},
        )

    def _wishes(self, frame: pd.DataFrame) -> tuple[dict[str, _Wish], dict[str, set[int]]]:
        """Return the possible wishes by operation, and all position numbers in force per machine."""
        now = pd.Timestamp(self.clock.as_of_row)
        is_made = frame["created_at"].isna() | (frame["created_at"] <= now)
        is_alive = frame["expires_at"].isna() | (frame["expires_at"] > now)
        rows: dict[str, list[dict[str, Any]]] = {}
        numbers: dict[str, set[int]] = {}
        for row in sorted(rows_of(frame[is_made & is_alive], "schedule_pins"), key=lambda row: row["pin_id"]):
            operation_id = str(row["operation_id"])
            if row["position"] is not None:
                numbers.setdefault(str(row["machine_id"]), set()).add(row["position"])
            if operation_id not in self.operations or operation_id in self.held:
                self.notebook.add("PIN_WITHOUT_USE", operation_id, "not open, or committed already")
            else:
                rows.setdefault(operation_id, []).append(row)
        wishes: dict[str, _Wish] = {}
        for operation_id, given in rows.items():
            wish = _merged(given, self.clock)
            wishes[operation_id] = wish
            reason = _self_contradiction(given, wish) or self._contradiction(wish.pin)
            self._refuse(wishes, wish, reason)
        return wishes, numbers

    def _refuse(self, wishes: dict[str, _Wish], wish: _Wish, reason: str) -> None:
        """Set the operation of an impossible pin aside."""
        if reason:
            name = wish.pin.operation_id
            self.orders.set_aside(name, UnassignedCode.BAD_PIN, f"{wish.who}: {reason}")
            wishes.pop(name, None)

    def _line_up(self, wishes: dict[str, _Wish], numbers: Mapping[str, set[int]], places: Places) -> None:
        """Commit the operations with a position, machine by machine, what comes before on another one first."""
        lines: dict[str, list[_Wish]] = {}
        for wish in wishes.values():
            if wish.position is not None:
                lines.setdefault(str(wish.pin.machine_id), []).append(wish)
        for line in lines.values():
            line.sort(key=lambda wish: wish.position or 0)
        waiting = {wish.pin.operation_id for line in lines.values() for wish in line}
        blocked: dict[str, str] = {}
        last: dict[str, _Wish] = {}
        while waiting:
            heads = [(machine_id, line[0]) for machine_id, line in sorted(lines.items()) if line]
            ready = [head for head in heads if not self._waits_for(head[1], waiting)]
            machine_id, wish = (ready or heads)[0]
            lines[machine_id].pop(0)
            waiting.discard(wish.pin.operation_id)
            before = last.get(machine_id)
            if before is not None and before.position == wish.position:
                reason = f"{before.pin.operation_id} has that position on {machine_id}, {before.who}"
                self._refuse(wishes, wish, reason)
                continue
            last[machine_id] = wish
            reason = blocked.get(machine_id, "") or _gap_in(numbers[machine_id], wish)
            reason = reason or places.append(wish.pin.operation_id, machine_id)
            self._refuse(wishes, wish, reason)
            if reason:
                blocked[machine_id] = f"{wish.pin.operation_id} before it on {machine_id} cannot hold"

    def _waits_for(self, wish: _Wish, waiting: set[str]) -> bool:
        """Tell whether an operation before this one has a position too and no place yet."""
        before = self.operations[wish.pin.operation_id].predecessor
        while before is not None and before in self.operations:
            if before in waiting:
                return True
            before = self.operations[before].predecessor
        return False

    def _contradiction(self, pin: Pin) -> str:
        """Return how a pin contradicts the facts, or ""."""
        operation = self.operations[pin.operation_id]
        machine = self.shop.machine(str(pin.machine_id))
        if machine is None:
            return f"pinned machine is not active: {pin.machine_id}"
        if machine.machine_type != operation.machine_type:
            return f"pinned machine is of another type: {pin.machine_id} is {machine.machine_type}"
        if self.shop.plant.is_restricted(machine.machine_id, operation.family, operation.sequence):
            return f"a restriction excludes the pinned machine: {pin.machine_id}"
        open_time = self.shop.open_time[machine.machine_id]
        if open_time.next_open(self.clock.now, WindowKind.REGULAR) < 0:
            return f"the pinned machine has no open time: {pin.machine_id}"
        return "" if pin.start is None else self._start_contradiction(pin, operation, pin.start)

    def _start_contradiction(self, pin: Pin, operation: Operation, start: int) -> str:
        clock = self.clock
        if start < clock.now:
            return f"pinned start is past: {self._time(start)}, now {self._time(clock.now)}"
        if not self.shop.open_time[str(pin.machine_id)].is_open(start, WindowKind.REGULAR):
            return f"{pin.machine_id} is closed in regular time at the pinned start: {self._time(start)}"
        before = self.held.get(operation.predecessor) if operation.predecessor else None
        if before is not None and start < before.end:
            return (
                f"pinned start lies before the end of {before.operation_id}: {self._time(start)} < "
                f"{self._time(before.end)}"
            )
        release = self.jobs[operation.job_id].release
        if operation.predecessor is None and start < release:
            return f"pinned start lies before the release: {self._time(start)} < {self._time(release)}"
        return ""

    def _time(self, minute: int) -> str:
        return self.clock.local_text(minute)


def _gap_in(numbers: set[int], wish: _Wish) -> str:
    """Return which position before this one nobody is pinned to, in words, or ""."""
    missing = next((number for number in range(1, wish.position or 1) if number not in numbers), None)
    if missing is None:
        return ""
    return f"nothing is pinned to position {missing} on {wish.pin.machine_id}: number from 1 without gaps"


def _merged(rows: list[dict[str, Any]], clock: Clock) -> _Wish:
    """Return what all rows of an operation say together."""
    machines = [row["machine_id"] for row in rows if row["machine_id"] is not None]
    starts = [row["start_time"] for row in rows if row["start_time"] is not None]
    positions = [row["position"] for row in rows if row["position"] is not None]
    pin = Pin(
        operation_id=str(rows[0]["operation_id"]),
        machine_id=machines[0] if machines else None,
        start=clock.floor(starts[0]) if starts else None,
        by=str(rows[-1]["pinned_by"] or ""),
        reason=str(rows[-1]["reason"] or ""),
    )
    return _Wish(pin, positions[0] if positions else None)


def _self_contradiction(rows: list[dict[str, Any]], wish: _Wish) -> str:
    """Return why the pins of one operation cannot be one, or ""."""
    said = {name: {row[name] for row in rows} - {None} for name in ("machine_id", "start_time", "position")}
    many = [f"{name} {sorted(map(str, values))}" for name, values in said.items() if len(values) > 1]
    if many:
        by = ", ".join(sorted({str(row["pinned_by"]) for row in rows}))
        return f"pins of {by} contradict each other: {', '.join(many)}"
    if wish.position is not None and wish.position < 1:
        return f"positions count from 1: {wish.position}"
    if wish.position is not None and wish.pin.start is not None:
        return "a start and a position together: pin one of them"
    if wish.pin.machine_id is None and (wish.pin.start is not None or wish.position is not None):
        return "a pinned start or position needs its machine"
    if wish.pin.machine_id is None:
        return "the pin names neither machine nor start"
    return ""
