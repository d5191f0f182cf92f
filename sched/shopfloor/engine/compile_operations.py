"""Operations become rows: what each needs, where it may run, who waits for whom, and who is alike.

The only judgement is which operations cannot be scheduled at all, and each of them keeps its code.
"""

from __future__ import annotations

import math

import numpy as np

from shopfloor.domain.instance import Instance, Operation, Pin
from shopfloor.engine import layout as at
from shopfloor.engine.compile_positions import Positions
from shopfloor.engine.layout import Code, Floats, Ints, Role

_Speeds = list[tuple[int, float]]
"""Slot row and speed factor of each eligible slot, by slot row."""


def run_minutes(processing_minutes: int, speed_factor: float) -> int:
    """Return the run minutes on a machine of that speed, rounded up once, at least 1."""
    return max(1, math.ceil(processing_minutes / speed_factor - 1e-9))


def operation_table(positions: Positions) -> tuple[Ints, Ints, Floats]:
    """Return `Problem.op` but for its groups and reservations, `Problem.elig`, and mean nominal run minutes."""
    instance = positions.instance
    eligible = _Eligible(positions)
    aside = {item.operation_id: Code[item.code.value] for item in instance.set_aside}
    op = np.zeros((len(instance.operations), at.OP_COLUMNS), dtype=np.int64)
    op[:, [at.OP_RESERVATION, at.OP_GROUP]] = -1
    mean = np.ones(len(op))
    elig: list[tuple[int, int]] = []
    for i, operation in enumerate(instance.operations):
        pin = instance.pin_by_id.get(operation.operation_id)
        before = operation.predecessor
        role, code = Role.NORMAL, Code.NONE
        lo = len(elig)
        if operation.operation_id in instance.commitment_by_id:
            role = Role.COMMITTED
            mean[i] = max(1, operation.processing_minutes)
        elif operation.operation_id in aside:
            role, code = Role.BLOCKED, aside[operation.operation_id]
        else:
            minutes = operation.processing_minutes
            pairs = [(slot, run_minutes(minutes, speed)) for slot, speed in eligible.slots(operation)]
            elig += pairs
            role, code = _role_of(pin, bool(pairs))
            if pairs:
                mean[i] = sum(run for _, run in pairs) / len(pairs)
        op[i, : at.OP_RESERVATION] = (
            positions.job_of[operation.job_id],
            positions.family_of[operation.family],
            positions.centre_of.get(operation.machine_type, -1),
            -1 if before is None else positions.row_of[before],
            operation.sequence,
            lo,
            len(elig),
            operation.is_interruptible,
            role,
            code,
        )
    return op, np.array(elig, dtype=np.int64).reshape(-1, at.ELIG_COLUMNS), mean


def _role_of(pin: Pin | None, has_slots: bool) -> tuple[Role, Code]:
    if has_slots:
        return (Role.START_PIN if pin and pin.start is not None else Role.NORMAL), Code.NONE
    return Role.BLOCKED, Code.BAD_PIN if pin and pin.machine_id else Code.NO_ELIGIBLE_MACHINE


class _Eligible:
    """Eligible slots, worked out once for all operations that agree in what decides about them."""

    def __init__(self, positions: Positions) -> None:
        self.positions = positions
        self.known: dict[tuple[str, str, int], _Speeds] = {}

    def slots(self, operation: Operation) -> _Speeds:
        if operation.operation_id in self.positions.instance.pin_by_id:
            return self._found(operation)
        key = (operation.machine_type, operation.family, operation.sequence)
        if key not in self.known:
            self.known[key] = self._found(operation)
        return self.known[key]

    def _found(self, operation: Operation) -> _Speeds:
        return sorted(
            (self.positions.slot_of[(machine.machine_id, number)], machine.speed_factor)
            for machine in self.positions.instance.eligible_machines(operation)
            for number in range(machine.capacity)
        )


def work_table(op: Ints, mean: Floats) -> Floats:
    """Return `Problem.op_work`."""
    work = np.zeros((len(op), at.WORK_COLUMNS))
    work[:, at.WORK_MEAN] = mean
    parents = op[:, at.OP_PRED].tolist()
    after = [0.0] * len(op)
    runs = mean.tolist()
    for i in range(len(op) - 1, -1, -1):
        if parents[i] >= 0:
            after[parents[i]] = max(after[parents[i]], runs[i] + after[i])
    work[:, at.WORK_AFTER] = after
    return work


def successors(op: Ints) -> tuple[Ints, Ints]:
    """Return `Problem.succ_off` and `Problem.succ`."""
    parents = op[:, at.OP_PRED]
    children = np.flatnonzero(parents >= 0)
    order = children[np.argsort(parents[children], kind="stable")]
    offsets = np.zeros(len(op) + 1, dtype=np.int64)
    np.add.at(offsets, parents[children] + 1, 1)
    return np.cumsum(offsets), order.astype(np.int64)


def group_table(op: Ints, elig: Ints, n_centres: int) -> tuple[Ints, Ints]:
    """Write the group of each operation that can wait into `op` and return `Problem.group`.

    Operations of one group agree in family, eligible slots and whether they may be interrupted.

    Returns:
        The table, and the first group of each work centre, int64 (work centres + 1,).
    """
    slots = elig[:, at.ELIG_SLOT].tolist()
    columns = (at.OP_WC, at.OP_FAMILY, at.OP_INTERRUPTIBLE, at.OP_ELIG_LO, at.OP_ELIG_HI)
    members: dict[tuple[int, int, int, tuple[int, ...]], list[int]] = {}
    waits = np.flatnonzero(op[:, at.OP_ROLE] == Role.NORMAL).tolist()
    for i, (centre, family, is_interruptible, lo, hi) in zip(
        waits, op[waits][:, columns].tolist(), strict=True
    ):
        members.setdefault((centre, family, is_interruptible, tuple(slots[lo:hi])), []).append(i)
    ranked = sorted(members)
    table = np.zeros((len(ranked), at.GROUP_COLUMNS), dtype=np.int64)
    n_waiting = n_slots = 0
    for number, key in enumerate(ranked):
        rows = members[key]
        op[rows, at.OP_GROUP] = number
        ends = (n_waiting + len(rows), n_slots + len(key[3]))
        table[number] = (rows[0], n_waiting, ends[0], n_slots, ends[1], key[2])
        n_waiting, n_slots = ends
    first = np.searchsorted([key[0] for key in ranked], range(n_centres + 1))
    return table, first


def job_table(positions: Positions, op: Ints) -> Ints:
    """Return `Problem.job`."""
    instance = positions.instance
    job = np.zeros((len(instance.jobs), at.JOB_COLUMNS), dtype=np.int64)
    for i, item in enumerate(instance.jobs):
        arrival = instance.now if item.known_at is None else item.known_at
        job[i, : at.JOB_FIRST_OP] = (item.release, item.due, max(arrival, instance.now))
    np.add.at(job[:, at.JOB_N_OPS], op[:, at.OP_JOB], 1)
    job[op[::-1, at.OP_JOB], at.JOB_FIRST_OP] = np.arange(len(op))[::-1]
    return job


def greedy_order(instance: Instance) -> Ints:
    """Return the order of the plant's own greedy: weight (descending), release, route position, id."""
    jobs = instance.job_by_id
    items = instance.operations

    def key(i: int) -> tuple[float, int, int, str]:
        job = jobs[items[i].job_id]
        return (-job.weight, job.release, items[i].sequence, items[i].operation_id)

    return np.array(sorted(range(len(items)), key=key), dtype=np.int64)
