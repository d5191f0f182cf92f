"""The frozen horizon: what the active plan starts soon stays byte for byte, or a note says why it cannot.

Rows that a planner confirmed are frozen however late they start. What should have begun by now and has not is
free.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from shopfloor.data.assembly_clock import Clock
from shopfloor.data.assembly_notes import Notebook
from shopfloor.data.assembly_orders import Orders
from shopfloor.data.assembly_state import Shop
from shopfloor.domain.instance import Commitment, CommitmentKind, Job, Operation

CONFIRMED = "confirmed"


def commit_frozen(
    orders: Orders,
    running: list[Commitment],
    shop: Shop,
    *,
    clock: Clock,
    notebook: Notebook,
    freeze_until: int,
) -> list[Commitment]:
    """Return the commitments of frozen operations.

    An operation is let go when its machine is gone, closed or still busy, or when its predecessor, release or
    material slipped past its start.

    Args:
        running: Commitments of running operations.
        freeze_until: Minute before which the active plan holds.
    """
    jobs = {job.job_id: job for job in orders.jobs}
    held = {item.operation_id: item for item in running}
    busy: dict[tuple[str, int], int] = {(item.machine_id, item.slot): item.end for item in running}
    frozen = []
    for operation, planned in _planned(orders, held, shop, clock, freeze_until):
        reason = _reason_to_let_go(operation, planned, jobs[operation.job_id], held, shop)
        place = (planned.machine_id, planned.slot)
        if not reason and busy.get(place, planned.start) > planned.start:
            reason = "MACHINE_BUSY"
        if planned.start < clock.now:
            reason = "NOT_STARTED"
        if reason:
            detail = f"the active plan had it on {planned.machine_id} at minute {planned.start}"
            notebook.add(f"FROZEN_MOVED_{reason}", operation.operation_id, detail)
            continue
        held[operation.operation_id] = planned
        busy[place] = planned.end
        frozen.append(planned)
    return frozen


def _planned(
    orders: Orders, held: Mapping[str, Commitment], shop: Shop, clock: Clock, freeze_until: int
) -> list[tuple[Operation, Commitment]]:
    """Return the open operations that the active plan freezes, in order of start."""
    found = []
    for operation in orders.operations:
        row = shop.plan_rows.get(operation.operation_id)
        if row is None or operation.operation_id in held or operation.operation_id in orders.aside:
            continue
        planned = _commitment(row, clock)
        if planned.start < freeze_until or row["status"] == CONFIRMED:
            found.append((operation, planned))
    return sorted(found, key=lambda pair: (pair[1].start, pair[0].sequence, pair[0].operation_id))


def _commitment(row: Mapping[str, object], clock: Clock) -> Commitment:
    start, end = row["start_time"], row["end_time"]
    assert isinstance(start, datetime) and isinstance(end, datetime)
    return Commitment(
        operation_id=str(row["operation_id"]),
        machine_id=str(row["machine_id"]),
        start=clock.floor(start),
        end=clock.ceil(end),
        kind=CommitmentKind.FROZEN,
        setup_minutes=int(str(row["setup_minutes"])),
        level=int(str(row["overtime_level"])),
        slot=int(str(row["slot"])),
    )


def _reason_to_let_go(
    operation: Operation, planned: Commitment, job: Job, held: Mapping[str, Commitment], shop: Shop
) -> str:
    """Return why a frozen operation must move, or ""."""
    machine = shop.machine(planned.machine_id)
    if machine is None or planned.slot >= machine.capacity:
        return "MACHINE_GONE"
    if machine.machine_type != operation.machine_type or shop.plant.is_restricted(
        machine.machine_id, operation.family, operation.sequence
    ):
        return "MACHINE_NOT_ELIGIBLE"
    open_time = shop.open_time[machine.machine_id]
    row = shop.plan_rows[operation.operation_id]
    work = planned.setup_minutes + int(str(row["run_minutes"]))
    is_open = open_time.is_open(planned.start, planned.level)
    if not is_open or open_time.advance(planned.start, work, planned.level) != planned.end:
        return "MACHINE_DOWN"
    if operation.predecessor is None:
        return "RELEASE_SLIPPED" if planned.start < job.release else ""
    before = held.get(operation.predecessor)
    return "PREDECESSOR_SLIPPED" if before is None or before.end > planned.start else ""
