"""Operations that run at `as_of`: constants with a machine, a slot, a start and a netted remainder.

The end that the data may know by now is not used: the remainder is planned work less work done, at least a
minute.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pandas as pd

from shopfloor.data.assembly_clock import Clock, whole_minutes
from shopfloor.data.assembly_history import History, Running
from shopfloor.data.assembly_notes import Notebook
from shopfloor.data.assembly_orders import Orders
from shopfloor.data.frames import rows_of
from shopfloor.domain.instance import Commitment, CommitmentKind, Operation
from shopfloor.domain.open_time import OpenTime, WindowKind
from shopfloor.domain.plant import Machine, Plant


@dataclass(frozen=True)
class Shop:
    """The plant with its open time, what downtime took of it, and the active plan's rows by operation id."""

    plant: Plant
    open_time: Mapping[str, OpenTime]
    plan_rows: Mapping[str, Mapping[str, object]]
    downtime: Mapping[str, OpenTime] = field(default_factory=dict)

    def machine(self, machine_id: str) -> Machine | None:
        """Return the active machine of that name."""
        index = self.plant.machine_index.get(machine_id)
        return None if index is None else self.plant.machines[index]


def plan_rows_known_at(scheduled_jobs: pd.DataFrame, clock: Clock) -> dict[str, dict[str, object]]:
    """Return the active plan's rows by operation id; none when it was made after `as_of`."""
    rows = scheduled_jobs[scheduled_jobs["scheduled_date"] <= pd.Timestamp(clock.as_of_row)]
    return {row["operation_id"]: row for row in rows_of(rows, "scheduled_jobs")}


def commit_running(
    orders: Orders, history: History, shop: Shop, *, clock: Clock, notebook: Notebook
) -> list[Commitment]:
    """Return the commitments of running operations, and net the remaining work in `orders`.

    Two operations that run on one slot cannot both be true: the later start counts, the other is open again.
    """
    by_machine: dict[str, list[int]] = defaultdict(list)
    for index, operation in enumerate(orders.operations):
        rest = orders.remaining.get(operation.operation_id)
        if operation.operation_id in history.running:
            by_machine[history.running[operation.operation_id].machine_id].append(index)
        elif rest is not None:
            orders.operations[index] = replace(operation, processing_minutes=rest)
    commitments: list[Commitment] = []
    for machine_id in sorted(by_machine):
        started = {
            index: history.running[orders.operations[index].operation_id] for index in by_machine[machine_id]
        }
        machine = shop.machine(machine_id)
        slots = list(range(machine.capacity if machine else 0))
        for index in sorted(started, key=lambda index: started[index].started, reverse=True):
            operation, running = orders.operations[index], started[index]
            level = _level(running, shop, clock)
            rest = _rest(operation, running, orders, shop, level=level, clock=clock)
            orders.operations[index] = replace(operation, processing_minutes=rest)
            if machine is None or not slots:
                why = "its machine is not active" if machine is None else "a later one runs on its machine"
                notebook.add("NOT_RUNNING", operation.operation_id, f"{why}: {machine_id}; it is open again")
                continue
            slot = _slot(slots, operation.operation_id, machine_id, shop)
            slots.remove(slot)
            end = shop.open_time[machine_id].advance(clock.now, rest, level)
            if end < 0:
                notebook.add("NO_OPEN_TIME", machine_id, f"{operation.operation_id} is taken to run on")
                end = clock.now + rest
            commitments.append(
                Commitment(
                    operation_id=operation.operation_id,
                    machine_id=machine_id,
                    start=clock.floor(running.started),
                    end=end,
                    kind=CommitmentKind.IN_PROGRESS,
                    setup_minutes=whole_minutes(running.setup_minutes or 0.0),
                    level=level,
                    slot=slot,
                )
            )
    return sorted(commitments, key=lambda item: (item.machine_id, item.slot))


def _level(running: Running, shop: Shop, clock: Clock) -> int:
    """Return the active plan's overtime level, else the lowest one that is open at the start."""
    row = shop.plan_rows.get(running.row_id)
    if row is not None and row["machine_id"] == running.machine_id:
        return int(str(row["overtime_level"]))
    open_time = shop.open_time.get(running.machine_id)
    start = clock.floor(running.started)
    if open_time is None:
        return WindowKind.REGULAR
    return next((int(level) for level in WindowKind if open_time.is_open(start, level)), WindowKind.REGULAR)


def _rest(
    operation: Operation, running: Running, orders: Orders, shop: Shop, *, level: int, clock: Clock
) -> int:
    """Return the machine minutes left: the plant's own figure, else planned less worked; at least 1."""
    if running.row_id in orders.remaining:
        return orders.remaining[running.row_id]
    machine = shop.machine(running.machine_id)
    speed = machine.speed_factor if machine else 1.0
    planned = whole_minutes(running.setup_minutes or 0.0) + whole_minutes(
        operation.processing_minutes / speed
    )
    open_time = shop.open_time.get(running.machine_id)
    start = clock.floor(running.started)
    worked = clock.now - start if open_time is None else open_time.work_between(start, clock.now, level)
    return max(1, planned - worked)


def _slot(free: list[int], operation_id: str, machine_id: str, shop: Shop) -> int:
    """Return the slot that the active plan gave it when it is free, else the first free one."""
    row = shop.plan_rows.get(operation_id)
    if row is not None and row["machine_id"] == machine_id and row["slot"] in free:
        return int(str(row["slot"]))
    return free[0]
