"""What the single dispatcher should see, worked out slowly from the instance and the plan so far.

For shops of machines with one slot and nominal speed, jobs in one lot, no reservations and no waiting: the
exercises. It shares no code with the kernel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from shopfloor.domain.instance import Instance, Operation
from shopfloor.domain.plant import Machine
from shopfloor.engine.dispatcher_observation import DeskLayout
from shopfloor.engine.rules import RuleSpec


@dataclass(frozen=True)
class Placed:
    """Where an operation is: it has begun."""

    machine_id: str
    start: int
    end: int
    work: int


@dataclass
class DispatcherOracle:
    """A book, what was begun so far, and now.

    Attributes:
        centre: Machine type that is asked.
        stretch: Calendar minutes per working minute.
        levels: Overtime level by operation id.
    """

    instance: Instance
    placed: dict[str, Placed]
    now: int
    centre: str
    stretch: float
    levels: dict[str, int]
    rule: RuleSpec

    def __post_init__(self) -> None:
        self.by_job: dict[str, list[Operation]] = {job.job_id: [] for job in self.instance.jobs}
        for operation in self.instance.operations:
            self.by_job[operation.job_id].append(operation)

    def squash(self, x: float) -> float:
        return x / (1 + abs(x) / 3) / 3

    def mean_run(self, machine_type: str) -> float:
        minutes = [o.processing_minutes for o in self.instance.operations if o.machine_type == machine_type]
        every = [o.processing_minutes for o in self.instance.operations]
        return float(np.mean(minutes or every))

    def after(self, operation: Operation) -> int:
        return sum(
            o.processing_minutes for o in self.by_job[operation.job_id] if o.sequence > operation.sequence
        )

    def is_done(self, operation: Operation) -> bool:
        return operation.operation_id in self.placed and self.placed[operation.operation_id].end <= self.now

    def is_running(self, operation: Operation) -> bool:
        return operation.operation_id in self.placed and not self.is_done(operation)

    def waits(self, operation: Operation) -> bool:
        if operation.operation_id in self.placed:
            return False
        if operation.predecessor is not None:
            return self.is_done(self.instance.operation_by_id[operation.predecessor])
        return self.instance.job_by_id[operation.job_id].release <= self.now

    def estimate(self, job_id: str) -> float:
        release = self.instance.job_by_id[job_id].release
        ends = []
        for operation in self.by_job[job_id]:
            if operation.operation_id in self.placed:
                left = 0.0 if self.is_done(operation) else self.stretch * self.after(operation)
                ends.append(self.placed[operation.operation_id].end + left)
            else:
                begin = max(self.now, release)
                if operation.predecessor is None or self.waits(operation):
                    work = operation.processing_minutes + self.after(operation)
                    ends.append(begin + self.stretch * work)
        return max(ends)

    def margin(self, job_id: str) -> float:
        return self.instance.job_by_id[job_id].due - self.estimate(job_id)

    def is_idle(self, machine: Machine) -> bool:
        return all(
            item.end <= self.now for item in self.placed.values() if item.machine_id == machine.machine_id
        )

    def setup(self, machine: Machine, family: str) -> int:
        before = [
            (item.start, self.instance.operation_by_id[name].family)
            for name, item in self.placed.items()
            if item.machine_id == machine.machine_id
        ]
        last = max(before)[1] if before else machine.current_setup_family
        return self.instance.plant.setup_minutes(machine, last, family)

    def best_machine(self, operation: Operation) -> tuple[Machine, int] | None:
        """Return the idle open machine that would finish it first, and the setup there."""
        level = self.levels[operation.operation_id]
        options = []
        for number, machine in enumerate(self.instance.eligible_machines(operation)):
            hours = self.instance.open_time[machine.machine_id]
            if self.is_idle(machine) and hours.is_open(self.now, level):
                setup = self.setup(machine, operation.family)
                end = hours.advance(self.now, setup + operation.processing_minutes, level)
                options.append((end, number, machine, setup))
        if not options:
            return None
        _, _, machine, setup = min(options, key=lambda item: item[:2])
        return machine, setup

    def shown(self, job_id: str) -> tuple[int, Operation] | None:
        """Return the rank (0 may start, 1 waits, 2 runs, 3 pending) and operation that stand for a job."""
        left = [o for o in self.by_job[job_id] if not self.is_done(o)]
        if not left:
            return None
        operation = left[0]
        if self.is_running(operation):
            return 2, operation
        if not self.waits(operation):
            return 3, operation
        legal = operation.machine_type == self.centre and self.best_machine(operation) is not None
        return (0 if legal else 1), operation

    def window(self, size: int) -> list[tuple[int, str, Operation]]:
        """Return rank, job and operation of each shown job, in order."""
        rows = [(*found, job_id) for job_id in self.by_job if (found := self.shown(job_id)) is not None]
        rows.sort(key=lambda row: (row[0], self.margin(row[2])))
        return [(rank, job_id, operation) for rank, operation, job_id in rows[:size]]

    def log_index(self, operation: Operation) -> float:
        found = self.best_machine(operation)
        assert found is not None
        scale = self.mean_run(operation.machine_type)
        work = operation.processing_minutes + self.rule.tail * self.after(operation)
        job = self.instance.job_by_id[operation.job_id]
        slack = job.due - self.now - self.stretch * work
        index = math.log(job.weight / operation.processing_minutes)
        index -= max(0.0, slack) / (self.rule.k1 * self.stretch * scale)
        return index - found[1] / (self.rule.k2 * self.mean_setup(operation.machine_type))

    def mean_setup(self, machine_type: str) -> float:
        times = [
            m.setup_time_different for m in self.instance.plant.machines if m.machine_type == machine_type
        ]
        return max(1.0, float(np.mean(times)))

    def observation(self, layout: DeskLayout) -> np.ndarray:
        rows = [self.machine_row(machine) for machine in self.instance.plant.machines]
        rows += [[0.0] * 4] * (layout.n_machines - len(rows))
        window = self.window(layout.window)
        best = max(self.log_index(operation) for rank, _, operation in window if rank == 0)
        jobs = [self.job_row(*row, best=best) for row in window]
        jobs += [[0.0] * 6 + [-1.0, 0.0]] * (layout.window - len(jobs))
        legal = sum(rank == 0 for rank, _, _ in window)
        return np.array(
            [x for row in (*rows, *jobs, self.plant_row(legal / layout.window)) for x in row], np.float32
        )

    def queue(self, machine_type: str) -> list[Operation]:
        return [o for o in self.instance.operations if o.machine_type == machine_type and self.waits(o)]

    def machine_row(self, machine: Machine) -> list[float]:
        own = [item for item in self.placed.values() if item.machine_id == machine.machine_id]
        opened = self.instance.open_time[machine.machine_id].work_between(self.instance.now, self.now, 0)
        queue = self.queue(machine.machine_type)
        of_type = sum(m.machine_type == machine.machine_type for m in self.instance.plant.machines)
        late = [max(0.0, -self.margin(o.job_id)) / 1440 for o in queue]
        free = max([item.end for item in own], default=self.now)
        return [
            min(1.0, sum(item.work for item in own) / opened) if opened else 0.0,
            self.squash(float(np.mean(late))) if late else 0.0,
            min(1.0, math.log1p(len(queue) / of_type) / 3),
            self.squash(max(0, free - self.now) / 480),
        ]

    def job_row(self, rank: int, job_id: str, operation: Operation, *, best: float) -> list[float]:
        scale = self.mean_run(operation.machine_type)
        margin = self.margin(job_id)
        found = self.best_machine(operation) if rank == 0 else None
        index = (max(-6.0, self.log_index(operation) - best)) / 6 if rank == 0 else -1.0
        setup = found[1] / self.mean_setup(operation.machine_type) if found else 0.0
        return [
            min(1.0, self.instance.job_by_id[job_id].weight / 5),
            self.squash(max(0.0, -margin) / 1440),
            self.squash(margin / (self.stretch * scale)),
            self.squash(math.log(operation.processing_minutes / scale)),
            self.squash(setup),
            self.squash(self.after(operation) / scale),
            (1.0, 0.5, 0.0, -0.5)[rank],
            index,
        ]

    def plant_row(self, choices: float) -> list[float]:
        operations, machines = self.instance.operations, self.instance.plant.machines
        waiting = sum(self.waits(o) for o in operations)
        local = self.instance.to_datetime(self.now)
        types = self.instance.plant.machine_types
        crowded = sum(len(self.queue(name)) > sum(m.machine_type == name for m in machines) for name in types)
        margins = {job.job_id: self.margin(job.job_id) for job in self.instance.jobs}
        is_open = [
            job.job_id for job in self.instance.jobs if not all(map(self.is_done, self.by_job[job.job_id]))
        ]
        tardiness = sum(job.weight * max(0.0, -margins[job.job_id]) / 1440 for job in self.instance.jobs)
        return [
            self.squash((self.now - self.instance.now) / 10080),
            (local.hour * 60 + local.minute) / 1440,
            local.weekday() / 6,
            sum(map(self.is_done, operations)) / len(operations),
            min(1.0, math.log1p(waiting / len(machines)) / 3),
            sum(map(self.is_running, operations)) / len(machines),
            crowded / len(types),
            sum(margins[job_id] < 0 for job_id in is_open) / max(1, len(is_open)),
            min(1.0, math.log1p(tardiness) / 9),
            choices,
        ]
