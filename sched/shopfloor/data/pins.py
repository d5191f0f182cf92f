"""Planners' pins as they are stored: one word per operation, the latest counts.

Whether a pin can hold is not asked here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from shopfloor.data.connection import reading
from shopfloor.data.errors import run_transaction
from shopfloor.data.instants import to_utc_naive
from shopfloor.data.tables import schedule_pins


@dataclass(frozen=True, slots=True)
class PinRow:
    """A pin as a planner gives it.

    Attributes:
        start_time: When it is to start, aware or naive UTC; None = free.
        position: Which one it is on its machine from now, from 1; None = free.
        created_at: From when it counts.
        expires_at: Until when it counts; None = as long as the operation is open.
    """

    operation_id: str
    machine_id: str | None
    start_time: datetime | None
    position: int | None
    pinned_by: str
    reason: str
    created_at: datetime
    expires_at: datetime | None = None

    def values(self) -> dict[str, object]:
        """Return the row's columns, times naive UTC."""
        times = {name: getattr(self, name) for name in ("start_time", "created_at", "expires_at")}
        return {
            "operation_id": self.operation_id,
            "machine_id": self.machine_id,
            "position": self.position,
            "pinned_by": self.pinned_by[:64],
            "reason": self.reason[:255],
        } | {name: None if instant is None else to_utc_naive(instant) for name, instant in times.items()}


def write_pin(engine: sa.Engine, row: PinRow) -> None:
    """Store a pin in the place of all earlier ones of its operation."""

    def _write(connection: sa.Connection) -> bool:
        connection.execute(_pins_of(row.operation_id))
        connection.execute(sa.insert(schedule_pins).values(**row.values()))
        return True

    run_transaction(engine, _write, doing="pin", read_back=lambda: _is_there(engine, row) or None)


def remove_pins(engine: sa.Engine, operation_id: str) -> int:
    """Remove all pins of an operation and return how many there were."""

    def _remove(connection: sa.Connection) -> int:
        return int(connection.execute(_pins_of(operation_id)).rowcount)

    return run_transaction(engine, _remove, doing="unpin", read_back=lambda: None)


def _pins_of(operation_id: str) -> sa.Delete:
    return sa.delete(schedule_pins).where(schedule_pins.c.operation_id == operation_id)


def _is_there(engine: sa.Engine, row: PinRow) -> bool:
    wanted = row.values()
    with reading(engine) as connection:
        found = connection.execute(
            sa.select(schedule_pins).where(schedule_pins.c.operation_id == row.operation_id)
        ).mappings()
        return any(all(stored[name] == value for name, value in wanted.items()) for stored in found)
