"""Planners' pins: the ones in force, merged per operation; an impossible one sets its operation aside as
BAD_PIN.

Only what contradicts itself or the facts is refused here; whether a plan keeps a pin is the validator's
question.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from shopfloor.data.assembly_clock import Clock
from shopfloor.data.assembly_notes import Notebook
from shopfloor.data.assembly_orders import Orders
from shopfloor.data.assembly_state import Shop
from shopfloor.data.frames import rows_of
from shopfloor.domain.instance import Commitment, Job, Operation, Pin, UnassignedCode
from shopfloor.domain.open_time import WindowKind


def pins_in_force(
    frame: pd.DataFrame,
    orders: Orders,
    held: Mapping[str, Commitment],
    shop: Shop,
    *,
    clock: Clock,
    notebook: Notebook,
) -> list[Pin]:
    """Return at most one pin per open operation that is not committed; contradictions set operations aside.

    Args:
        frame: Cast frame of `schedule_pins`.
        held: Commitments by operation id: a constant needs no pin.
    """
    now = pd.Timestamp(clock.as_of_row)
    is_made = frame["created_at"].isna() | (frame["created_at"] <= now)
    is_alive = frame["expires_at"].isna() | (frame["expires_at"] > now)
    operations = {operation.operation_id: operation for operation in orders.operations}
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in sorted(rows_of(frame[is_made & is_alive], "schedule_pins"), key=lambda row: row["pin_id"]):
        operation_id = str(row["operation_id"])
        if operation_id not in operations or operation_id in held:
            notebook.add("PIN_WITHOUT_USE", operation_id, "not open, or committed already")
        else:
            rows.setdefault(operation_id, []).append(row)
    jobs = {job.job_id: job for job in orders.jobs}
    pins: list[Pin] = []
    taken: dict[tuple[str, int], int] = {}
    for operation_id, given in rows.items():
        operation = operations[operation_id]
        pin = _merged(given, clock)
        reason = (
            pin
            if isinstance(pin, str)
            else _contradiction(pin, operation, jobs[operation.job_id], held, shop, clock)
        )
        if not reason and isinstance(pin, Pin) and pin.start is not None:
            place = (str(pin.machine_id), pin.start)
            machine = shop.machine(place[0])
            taken[place] = taken.get(place, 0) + 1
            if machine is not None and taken[place] > machine.capacity:
                reason = f"another pin has {place[0]} at that minute"
        if reason:
            orders.set_aside(operation_id, UnassignedCode.BAD_PIN, reason)
        elif isinstance(pin, Pin):
            pins.append(pin)
    return pins


def _merged(rows: list[dict[str, Any]], clock: Clock) -> Pin | str:
    """Return the one pin that all rows of an operation say, or why they cannot be one."""
    machines = {row["machine_id"] for row in rows if row["machine_id"] is not None}
    starts = {clock.floor(row["start_time"]) for row in rows if row["start_time"] is not None}
    if any(row["position"] is not None for row in rows):
        return "pins of a sequence position are not honoured: pin a machine or a start"
    if len(machines) > 1 or len(starts) > 1:
        return f"pins contradict each other: machines {sorted(machines)}, starts {sorted(starts)}"
    if starts and not machines:
        return "a pinned start needs its machine"
    if not machines:
        return "the pin names neither machine nor start"
    return Pin(
        operation_id=str(rows[0]["operation_id"]),
        machine_id=next(iter(machines)),
        start=next(iter(starts), None),
        by=str(rows[-1]["pinned_by"] or ""),
        reason=str(rows[-1]["reason"] or ""),
    )


def _contradiction(
    pin: Pin, operation: Operation, job: Job, held: Mapping[str, Commitment], shop: Shop, clock: Clock
) -> str:
    """Return how a pin contradicts the facts, or ""."""
    machine = shop.machine(str(pin.machine_id))
    if machine is None:
        return f"pinned machine is not active: {pin.machine_id}"
    if machine.machine_type != operation.machine_type:
        return f"pinned machine is of another type: {pin.machine_id} is {machine.machine_type}"
    if shop.plant.is_restricted(machine.machine_id, operation.family, operation.sequence):
        return f"a restriction excludes the pinned machine: {pin.machine_id}"
    if pin.start is None:
        return ""
    if pin.start < clock.now:
        return f"pinned start is past: minute {pin.start}, now {clock.now}"
    if not shop.open_time[machine.machine_id].is_open(pin.start, WindowKind.NIGHT):
        return f"{pin.machine_id} is closed at the pinned start: minute {pin.start}"
    before = held.get(operation.predecessor) if operation.predecessor else None
    if before is not None and pin.start < before.end:
        return f"pinned start lies before the end of {before.operation_id}: minute {pin.start} < {before.end}"
    if operation.predecessor is None and pin.start < job.release:
        return f"pinned start lies before the release: minute {pin.start} < {job.release}"
    return ""
