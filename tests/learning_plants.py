"""Small random plants to learn on: a few work centres, bottleneck queues, setups, mixed due dates."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from shopfloor.domain.instance import Instance, Job, Operation
from shopfloor.domain.open_time import OpenTime
from shopfloor.domain.plant import Machine, Plant

EPOCH = datetime(2026, 3, 2, tzinfo=UTC)
DAY = 1440


def day_shifts(n_days: int = 120) -> OpenTime:
    """Open 06:00-16:00 every day, from minute 0."""
    starts = np.arange(n_days, dtype=np.int64) * DAY + 360
    return OpenTime(starts, starts + 600, np.zeros(n_days, dtype=np.int8))


def random_instance(seed: int, *, n_jobs: int = 25, machines: tuple[int, ...] = (2, 1, 3)) -> Instance:
    """Return an instance whose queues make jobs late: routes of 1..3 operations over the work centres.

    Args:
        machines: Machines of each work centre.
    """
    rng = np.random.default_rng((77, seed))
    plant = Plant(
        tuple(
            Machine(f"M{w}{m}", f"WC{w}", setup_time_same=5, setup_time_different=40)
            for w, count in enumerate(machines)
            for m in range(count)
        )
    )
    shifts = day_shifts()
    jobs, operations = [], []
    for j in range(n_jobs):
        family = f"F{rng.integers(5)}"
        route = rng.permutation(len(machines))[: rng.integers(1, len(machines) + 1)]
        minutes = [int(60 * rng.lognormal(0.8, 0.6)) + 10 for _ in route]
        due = int(DAY * rng.uniform(0.5, 6.0) + 2.4 * sum(minutes))
        jobs.append(Job(f"J{j:03d}", family, float(rng.integers(1, 6)), 0, due))
        before = None
        for step, (centre, work) in enumerate(zip(route, minutes, strict=True), start=1):
            name = f"J{j:03d}-P{step:02d}"
            operations.append(Operation(name, f"J{j:03d}", family, step, f"WC{centre}", work, before))
            before = name
    return Instance(
        epoch=EPOCH,
        as_of=EPOCH,
        plant_tz="UTC",
        plant=plant,
        open_time={machine.machine_id: shifts for machine in plant.machines},
        jobs=tuple(jobs),
        operations=tuple(operations),
    )
