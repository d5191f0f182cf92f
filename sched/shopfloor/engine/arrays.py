"""An instance becomes flat arrays: once per instance, before any kernel runs.

No scheduling decision is taken here; the only judgement is which operations cannot be scheduled at all
(no eligible machine, a pin that contradicts itself), and each of them keeps its code.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from shopfloor.domain.calendar import OpenTime
from shopfloor.domain.instance import Instance, Operation
from shopfloor.domain.plant import Machine
from shopfloor.engine import layout as at
from shopfloor.engine.compile_calendars import N_LEVELS, Calendars, merged, pack
from shopfloor.engine.layout import Code, Ints, Problem, Role

__all__ = ["Compiled", "Problem", "Slot", "compile_instance", "run_minutes"]

STRETCH_SPAN = 28 * 1440
"""Minutes after now over which the share of open time is measured."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One slot of a machine: `slot` counts from 0 within the machine."""

    machine_id: str
    slot: int


@dataclass(frozen=True, eq=False)
class Compiled:
    """An instance with its arrays and the ids that its positions stand for.

    Attributes:
        problem: The arrays.
        instance: What they were made from.
        operation_ids: Id of each operation row.
        job_ids: Id of each job row.
        slots: Machine and slot number of each slot row.
        work_centres: Machine type of each work-centre row.
    """

    problem: Problem
    instance: Instance
    operation_ids: tuple[str, ...]
    job_ids: tuple[str, ...]
    slots: tuple[Slot, ...]
    work_centres: tuple[str, ...]

    @property
    def n_operations(self) -> int:
        """Operations, committed ones included."""
        return len(self.operation_ids)


def run_minutes(processing_minutes: int, speed_factor: float) -> int:
    """Return the run minutes on a machine of that speed, rounded up once, at least 1."""
    return max(1, math.ceil(processing_minutes / speed_factor - 1e-9))


def compile_instance(instance: Instance) -> Compiled:
    """Return the arrays of an instance.

    Args:
        instance: Checked by its own constructor.
    """
    return _Compiler(instance).compiled()


class _Compiler:
    """The tables of one instance while they are being filled."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.plant = instance.plant
        self.work_centres = self.plant.machine_types
        self.wc_of = {name: index for index, name in enumerate(self.work_centres)}
        families = {operation.family for operation in instance.operations}
        families |= {
            m.current_setup_family for m in self.plant.machines if m.current_setup_family is not None
        }
        self.families = sorted(families)
        self.family_of = {name: index for index, name in enumerate(self.families)}
        self.row_of = {operation.operation_id: i for i, operation in enumerate(instance.operations)}
        self.job_of = {job.job_id: i for i, job in enumerate(instance.jobs)}
        by_centre = sorted(
            range(len(self.plant.machines)),
            key=lambda i: (self.wc_of[self.plant.machines[i].machine_type], i),
        )
        self.slot_of: dict[tuple[str, int], int] = {}
        for index in by_centre:
            for number in range(self.plant.machines[index].capacity):
                self.slot_of[(self.plant.machines[index].machine_id, number)] = len(self.slot_of)
        self._eligible: dict[tuple[str, str, int], tuple[Machine, ...]] = {}

    def compiled(self) -> Compiled:
        calendars = self.calendars()
        op, elig, mean = self.operations()
        reservation = self.reservations(op, elig, calendars)
        succ_off, succ = self.successors(op)
        work = np.zeros((len(op), at.WORK_COLUMNS))
        work[:, at.WORK_MEAN] = mean
        for i in range(len(op) - 1, -1, -1):
            parent = op[i, at.OP_PRED]
            if parent >= 0:
                through = mean[i] + work[i, at.WORK_AFTER]
                work[parent, at.WORK_AFTER] = max(work[parent, at.WORK_AFTER], through)
        slot = self.slots(reservation)
        wc, wc_mean = self.centres(op, slot, mean)
        constant = np.array([self.instance.now, self.horizon(), len(self.families)], dtype=np.int64)
        problem = Problem(
            op=op,
            op_work=work,
            succ_off=succ_off,
            succ=succ,
            elig=elig,
            job=self.jobs(op),
            job_weight=np.array([job.weight for job in self.instance.jobs], dtype=np.float64),
            slot=slot,
            machine=self.machines(),
            wc=wc,
            wc_mean=wc_mean,
            setup=self.setup_cube(),
            reservation=reservation,
            greedy_order=self.greedy_order(),
            constant=constant,
            stretch=np.array([self.stretch(calendars), self.mean_weight()]),
            **calendars._asdict(),
        )
        return Compiled(
            problem=problem,
            instance=self.instance,
            operation_ids=tuple(self.row_of),
            job_ids=tuple(self.job_of),
            slots=tuple(Slot(machine_id, number) for machine_id, number in self.slot_of),
            work_centres=self.work_centres,
        )

    def calendars(self) -> Calendars:
        nothing = np.zeros(0, dtype=np.int64)
        shared: dict[int, list[tuple[Ints, Ints]]] = {}
        rows = []
        for machine in self.plant.machines:
            open_time: OpenTime | None = self.instance.open_time.get(machine.machine_id)
            if open_time is None:
                rows.append([(nothing, nothing)] * N_LEVELS)
                continue
            if id(open_time) not in shared:
                starts = np.asarray(open_time.starts, dtype=np.int64)
                ends = np.asarray(open_time.ends, dtype=np.int64)
                kinds = np.asarray(open_time.kinds)
                shared[id(open_time)] = [
                    merged(starts[kinds <= level], ends[kinds <= level]) for level in range(N_LEVELS)
                ]
            rows.append(shared[id(open_time)])
        return pack(rows)

    def horizon(self) -> int:
        ends = [int(np.max(t.ends)) for t in self.instance.open_time.values() if len(t.ends)]
        ends += [commitment.end for commitment in self.instance.commitments]
        return max([self.instance.now, *ends])

    def stretch(self, calendars: Calendars) -> float:
        now = self.instance.now
        until = min(now + STRETCH_SPAN, max(self.horizon(), now + 1))
        opened = 0
        for machine in range(len(calendars.cal_of)):
            calendar = calendars.cal_of[machine, 0]
            rows = slice(calendars.cal_off[calendar], calendars.cal_off[calendar + 1])
            begin = np.maximum(calendars.cal_start[rows], now)
            end = np.minimum(calendars.cal_end[rows], until)
            opened += int(np.maximum(end - begin, 0).sum())
        share = opened / max(1, len(calendars.cal_of) * (until - now))
        return 1.0 / min(1.0, max(share, 0.02))

    def mean_weight(self) -> float:
        jobs = self.instance.jobs
        return max(1e-9, sum(job.weight for job in jobs) / len(jobs)) if jobs else 1.0

    def eligible(self, operation: Operation) -> tuple[Machine, ...]:
        if operation.operation_id in self.instance.pin_by_id:
            return self.instance.eligible_machines(operation)
        key = (operation.machine_type, operation.family, operation.sequence)
        if key not in self._eligible:
            self._eligible[key] = self.instance.eligible_machines(operation)
        return self._eligible[key]

    def operations(self) -> tuple[Ints, Ints, np.ndarray]:
        instance = self.instance
        aside = {item.operation_id: Code[item.code.value] for item in instance.set_aside}
        op = np.zeros((len(instance.operations), at.OP_COLUMNS), dtype=np.int64)
        mean = np.ones(len(instance.operations))
        elig: list[tuple[int, int]] = []
        for i, operation in enumerate(instance.operations):
            pin = instance.pin_by_id.get(operation.operation_id)
            row = op[i]
            row[at.OP_JOB] = self.job_of[operation.job_id]
            row[at.OP_FAMILY] = self.family_of[operation.family]
            row[at.OP_WC] = self.wc_of.get(operation.machine_type, -1)
            row[at.OP_PRED] = -1 if operation.predecessor is None else self.row_of[operation.predecessor]
            row[at.OP_SEQUENCE] = operation.sequence
            row[at.OP_INTERRUPTIBLE] = operation.is_interruptible
            row[at.OP_RESERVATION] = -1
            row[at.OP_ELIG_LO] = len(elig)
            if operation.operation_id in instance.commitment_by_id:
                row[at.OP_ROLE] = Role.COMMITTED
                mean[i] = max(1, operation.processing_minutes)
            elif operation.operation_id in aside:
                row[at.OP_ROLE], row[at.OP_CODE] = Role.BLOCKED, aside[operation.operation_id]
            else:
                pairs = sorted(
                    (self.slot_of[(machine.machine_id, number)], run_minutes(operation.processing_minutes, f))
                    for machine in self.eligible(operation)
                    for f in [machine.speed_factor]
                    for number in range(machine.capacity)
                )
                elig += pairs
                if pairs:
                    mean[i] = sum(minutes for _, minutes in pairs) / len(pairs)
                    row[at.OP_ROLE] = Role.START_PIN if pin and pin.start is not None else Role.NORMAL
                else:
                    row[at.OP_ROLE] = Role.BLOCKED
                    row[at.OP_CODE] = Code.BAD_PIN if pin and pin.machine_id else Code.NO_ELIGIBLE_MACHINE
            row[at.OP_ELIG_HI] = len(elig)
        return op, np.array(elig, dtype=np.int64).reshape(-1, at.ELIG_COLUMNS), mean

    def reservations(self, op: Ints, elig: Ints, calendars: Calendars) -> Ints:
        now = self.instance.now
        rows: list[tuple[int, ...]] = []
        for commitment in self.instance.commitments:
            if commitment.operation_id not in self.row_of:
                continue
            slot = self.slot_of.get((commitment.machine_id, commitment.slot), -1)
            begin = max(commitment.start, now)
            work = max(0, commitment.end - begin)
            if slot >= 0 and work:
                machine = self.plant.machine_index[commitment.machine_id]
                work = _work_between(
                    calendars, calendars.cal_of[machine, commitment.level], begin, commitment.end
                )
            rows.append(
                (
                    self.row_of[commitment.operation_id],
                    slot,
                    commitment.start,
                    commitment.end,
                    commitment.setup_minutes,
                    commitment.level,
                    0,
                    max(1, work),
                )
            )
        for pin in sorted(self.instance.pins, key=lambda p: (p.start is None, p.start or 0, p.operation_id)):
            i = self.row_of.get(pin.operation_id, -1)
            if pin.start is None or i < 0 or op[i, at.OP_ROLE] != Role.START_PIN:
                continue
            row = self._pin_row(i, pin.start, (op, elig, calendars), rows)
            if row is None:
                op[i, at.OP_ROLE], op[i, at.OP_CODE] = Role.BLOCKED, Code.BAD_PIN
            else:
                rows.append(row)
        rows.sort(key=lambda row: (row[at.RES_SLOT], row[at.RES_START], row[at.RES_END], row[at.RES_OP]))
        table = np.array(rows, dtype=np.int64).reshape(-1, at.RES_COLUMNS)
        for position, row in enumerate(rows):
            op[row[at.RES_OP], at.OP_RESERVATION] = position
        return table

    def _pin_row(
        self, i: int, start: int, tables: tuple[Ints, Ints, Calendars], rows: list[tuple[int, ...]]
    ) -> tuple[int, ...] | None:
        """Return the reservation of a start pin on the first slot that is not reserved then, or None."""
        op, elig, calendars = tables
        if start < self.instance.now:
            return None
        for slot, run in elig[op[i, at.OP_ELIG_LO] : op[i, at.OP_ELIG_HI]]:
            machine = self.plant.machines[self._machine_of_slot(slot)]
            calendar = calendars.cal_of[self._machine_of_slot(slot), 0]
            setups = [
                self.plant.setup_minutes(machine, before, self.families[op[i, at.OP_FAMILY]])
                for before in (None, *self.families)
            ]
            end = _advance(calendars, calendar, start, int(run) + max(setups))
            if end < 0:
                continue
            clash = any(
                row[at.RES_SLOT] == slot and row[at.RES_START] < end and start < row[at.RES_END]
                for row in rows
            )
            if not clash:
                return (i, int(slot), start, end, max(setups), 0, 1, int(run) + max(setups))
        return None

    def _machine_of_slot(self, slot: int) -> int:
        machine_id, _ = list(self.slot_of)[slot]
        return self.plant.machine_index[machine_id]

    def successors(self, op: Ints) -> tuple[Ints, Ints]:
        parents = op[:, at.OP_PRED]
        children = np.flatnonzero(parents >= 0)
        order = children[np.argsort(parents[children], kind="stable")]
        offsets = np.zeros(len(op) + 1, dtype=np.int64)
        np.add.at(offsets, parents[children] + 1, 1)
        return np.cumsum(offsets), order.astype(np.int64)

    def jobs(self, op: Ints) -> Ints:
        job = np.zeros((len(self.instance.jobs), at.JOB_COLUMNS), dtype=np.int64)
        for i, item in enumerate(self.instance.jobs):
            arrival = self.instance.now if item.known_at is None else item.known_at
            job[i, : at.JOB_FIRST_OP] = (item.release, item.due, max(arrival, self.instance.now))
        np.add.at(job[:, at.JOB_N_OPS], op[:, at.OP_JOB], 1)
        for i in range(len(op) - 1, -1, -1):
            job[op[i, at.OP_JOB], at.JOB_FIRST_OP] = i
        return job

    def slots(self, reservation: Ints) -> Ints:
        slot = np.zeros((len(self.slot_of), at.SLOT_COLUMNS), dtype=np.int64)
        for (machine_id, _), i in self.slot_of.items():
            index = self.plant.machine_index[machine_id]
            machine = self.plant.machines[index]
            family = (
                -1 if machine.current_setup_family is None else self.family_of[machine.current_setup_family]
            )
            lo, hi = np.searchsorted(reservation[:, at.RES_SLOT], [i, i + 1])
            slot[i] = (index, self.wc_of[machine.machine_type], family, lo, hi)
        return slot

    def machines(self) -> Ints:
        rows = [
            (self.wc_of[machine.machine_type], machine.setup_time_same, machine.setup_time_different)
            for machine in self.plant.machines
        ]
        return np.array(rows, dtype=np.int64).reshape(-1, at.MACHINE_COLUMNS)

    def centres(self, op: Ints, slot: Ints, mean: np.ndarray) -> tuple[Ints, np.ndarray]:
        wc = np.zeros((len(self.work_centres), at.WC_COLUMNS), dtype=np.int64)
        wc_mean = np.ones((len(self.work_centres), at.MEAN_COLUMNS))
        queue = 0
        everywhere = float(mean.mean()) if len(mean) else 1.0
        for i, name in enumerate(self.work_centres):
            members = np.flatnonzero(op[:, at.OP_WC] == i)
            lo, hi = np.searchsorted(slot[:, at.SLOT_WC], [i, i + 1])
            wc[i] = (lo, hi, queue, queue + len(members))
            queue += len(members)
            setups = [m.setup_time_different for m in self.plant.machines if m.machine_type == name]
            wc_mean[i, at.MEAN_RUN] = max(1.0, float(mean[members].mean()) if len(members) else everywhere)
            wc_mean[i, at.MEAN_SETUP] = max(1.0, sum(setups) / max(1, len(setups)))
        return wc, wc_mean

    def setup_cube(self) -> Ints:
        if not self.plant.setup_rules:
            return np.zeros(0, dtype=np.int64)
        n = len(self.families)
        cube = np.full((len(self.work_centres), n + 1, n), -1, dtype=np.int64)
        ranked = sorted(
            enumerate(self.plant.setup_rules),
            key=lambda item: (
                (item[1].from_family is not None) + (item[1].to_family is not None),
                item[1].machine_type is not None,
                item[1].from_family is not None,
                item[0],
            ),
        )
        everything = slice(None)
        for _, rule in ranked:
            known = {rule.from_family, rule.to_family} - {None} <= set(self.family_of)
            if not known or (rule.machine_type is not None and rule.machine_type not in self.wc_of):
                continue
            centre = everything if rule.machine_type is None else self.wc_of[rule.machine_type]
            before = everything if rule.from_family is None else self.family_of[rule.from_family] + 1
            after = everything if rule.to_family is None else self.family_of[rule.to_family]
            cube[centre, before, after] = rule.minutes
        return cube.ravel()

    def greedy_order(self) -> Ints:
        jobs = self.instance.job_by_id
        items = self.instance.operations

        def key(i: int) -> tuple[float, int, int, str]:
            job = jobs[items[i].job_id]
            return (-job.weight, job.release, items[i].sequence, items[i].operation_id)

        return np.array(sorted(range(len(items)), key=key), dtype=np.int64)


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
