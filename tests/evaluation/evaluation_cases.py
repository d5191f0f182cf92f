"""A tiny plant for the tests of evaluation: two lathes and a mill, eight-hour days, eight two-step orders."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from shopfloor.domain.calendar import OpenTime
from shopfloor.domain.instance import Commitment, CommitmentKind, Instance, Job, Operation
from shopfloor.domain.plant import Machine, Plant

DAY = 1440
MONDAY = datetime(2025, 6, 2, tzinfo=UTC)


def working_days(days: int = 200) -> OpenTime:
    return OpenTime.of((day * DAY + 480, day * DAY + 960, 0) for day in range(days))


def tiny_instance(seed: int = 0, *, n_jobs: int = 8, has_commitment: bool = False) -> Instance:
    """Draw an instance at Monday 08:00 (minute 480); the mill is the bottleneck."""
    rng = np.random.default_rng(seed)
    machines = (
        Machine("L1", "LATHE", 10, 30),
        Machine("L2", "LATHE", 10, 30, speed_factor=0.8),
        Machine("M1", "MILL", 15, 60, current_setup_family="A"),
    )
    jobs, operations = [], []
    for index in range(n_jobs):
        family = "ABC"[index % 3]
        job = Job(f"J{index}", family, float(rng.integers(1, 6)), 480, int(rng.integers(1, 6)) * DAY)
        jobs.append(job)
        turn, mill = (int(minutes) for minutes in rng.integers(60, 420, 2))
        operations += [
            Operation(f"J{index}_P01", job.job_id, family, 1, "LATHE", turn),
            Operation(f"J{index}_P02", job.job_id, family, 2, "MILL", mill, predecessor=f"J{index}_P01"),
        ]
    first = operations[0]
    running = Commitment(first.operation_id, "L1", 480, 480 + 120, CommitmentKind.IN_PROGRESS)
    return Instance(
        epoch=MONDAY,
        as_of=datetime(2025, 6, 2, 8, tzinfo=UTC),
        plant_tz="UTC",
        plant=Plant(machines),
        open_time={machine.machine_id: working_days() for machine in machines},
        jobs=tuple(jobs),
        operations=tuple(operations),
        commitments=(running,) if has_commitment else (),
    )
