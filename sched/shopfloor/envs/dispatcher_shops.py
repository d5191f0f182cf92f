"""Shops and order books for the single dispatcher, drawn by seed: from two machines to a whole plant.

A shop is fixed by its specification, so one dispatcher learns one floor; the book is drawn again for every
seed. The twin draws instances of the real plant; these are the exercises before it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

import numpy as np

from shopfloor.domain.calendar import OpenTime, expand, plant_default_calendar
from shopfloor.domain.instance import Instance, Job, Operation
from shopfloor.domain.plant import Machine, Plant

EPOCH: Final = datetime(2026, 3, 2, tzinfo=UTC)
"""A Monday."""

DAY: Final = 1440
HELD_OUT_SEEDS: Final = 1_000_000
"""Books for learning have seeds below it, books for judging seeds from it on."""

STREAM: Final = 4242
"""First word of a book's random stream."""

Source = Callable[[int, int], Instance]
"""Draws an instance from (seed, operations at most)."""

WEIGHTS: Final = (1.0, 2.0, 3.0, 4.0, 5.0)
WEIGHT_SHARES: Final = (0.3, 0.3, 0.2, 0.12, 0.08)


@dataclass(frozen=True, slots=True)
class ShopSpec:
    """How a shop and its books are drawn.

    Attributes:
        centres: Machines of each work centre.
        n_jobs: Jobs of a book; 0 = as many as its operations allow.
        max_steps: Longest route.
        mean_run: Mean run of an operation in minutes; runs are lognormal.
        setup_same, setup_different: Setup minutes of every machine.
        n_families: Families; each job has one.
        released_later: Share of the jobs that are released after the beginning.
        pressure: Mean allowance of a job beyond its own work, in units of the book's work per machine.
        has_shifts: Whether the plant's own week applies; otherwise the shop never closes.
        started_share: Share of the jobs whose first steps are done already.
    """

    centres: tuple[int, ...]
    n_jobs: int
    max_steps: int
    mean_run: float = 180.0
    setup_same: int = 0
    setup_different: int = 30
    n_families: int = 3
    released_later: float = 0.3
    pressure: float = 0.6
    has_shifts: bool = False
    started_share: float = 0.0

    @property
    def n_machines(self) -> int:
        """Machines of all centres."""
        return sum(self.centres)


def drawn_from(spec: ShopSpec) -> Source:
    """Return the source of a specification's books."""

    def draw(seed: int, max_operations: int) -> Instance:
        return draw_instance(spec, seed=seed, max_operations=max_operations)

    return draw


def draw_instance(spec: ShopSpec, *, seed: int, max_operations: int) -> Instance:
    """Draw a book.

    Args:
        seed: Of every draw; the same seed gives the same book.
        max_operations: Operations at most; the last job's route is cut to fit.

    Raises:
        ValueError: There is room for no operation, or a negative seed.
    """
    if max_operations < 1 or seed < 0:
        raise ValueError(
            f"cannot draw a book of {max_operations} operations with seed {seed}\n"
            "hint: both are whole numbers, the first positive, the second not negative"
        )
    rng = np.random.default_rng([STREAM, seed])
    routes = _draw_routes(spec, rng, max_operations)
    shares = _centre_shares(spec)
    n_operations = sum(len(route) for route in routes)
    n_days = 1.0 if not spec.has_shifts else 2.4  # closed time makes a working minute this much longer
    span = n_operations * spec.mean_run / spec.n_machines * n_days
    jobs: list[Job] = []
    operations: list[Operation] = []
    for number, route in enumerate(routes):
        runs = [max(5, round(_run(spec, rng))) for _ in route]
        release = round(rng.uniform(0.0, 0.5 * span)) if rng.random() < spec.released_later else 0
        allowance = rng.normal(spec.pressure, 0.5) * span
        due = round(release + 1.3 * n_days * sum(runs) + max(0.0, allowance))
        family = f"F{int(rng.integers(spec.n_families))}"
        weight = float(rng.choice(WEIGHTS, p=WEIGHT_SHARES))
        job = Job(f"J{number + 1:03d}", family, weight, release, due)
        jobs.append(job)
        done = int(rng.integers(1, 4)) if rng.random() < spec.started_share else 0
        for step, minutes in enumerate(runs):
            operations.append(
                Operation(
                    operation_id=f"{job.job_id}_P{done + step + 1:02d}",
                    job_id=job.job_id,
                    family=family,
                    sequence=done + step + 1,
                    machine_type=f"WC{int(rng.choice(len(shares), p=shares)):02d}",
                    processing_minutes=minutes,
                    predecessor=operations[-1].operation_id if step else None,
                )
            )
    plant, open_time = _floor(spec)
    return Instance(
        epoch=EPOCH,
        as_of=EPOCH,
        plant_tz="UTC",
        plant=plant,
        open_time=open_time,
        jobs=tuple(jobs),
        operations=tuple(operations),
    )


def _draw_routes(spec: ShopSpec, rng: np.random.Generator, max_operations: int) -> list[range]:
    """Draw how many steps each job has."""
    routes: list[range] = []
    left = max_operations
    while left > 0 and (not spec.n_jobs or len(routes) < spec.n_jobs):
        n_steps = min(left, int(rng.integers(1, spec.max_steps + 1)))
        routes.append(range(n_steps))
        left -= n_steps
    return routes


def _run(spec: ShopSpec, rng: np.random.Generator) -> float:
    sigma = 0.6
    return spec.mean_run * float(np.exp(rng.normal(-0.5 * sigma**2, sigma)))


def _centre_shares(spec: ShopSpec) -> np.ndarray:
    """Return how often a step needs each centre: by its machines, every third centre a bottleneck."""
    share = np.array(
        [machines * (1.4 if centre % 3 == 1 else 1.0) for centre, machines in enumerate(spec.centres)]
    )
    return share / share.sum()


@lru_cache(maxsize=16)
def _floor(spec: ShopSpec) -> tuple[Plant, dict[str, OpenTime]]:
    machines = tuple(
        Machine(
            f"WC{centre:02d}-{number + 1}",
            f"WC{centre:02d}",
            setup_time_same=spec.setup_same,
            setup_time_different=spec.setup_different,
        )
        for centre, n in enumerate(spec.centres)
        for number in range(n)
    )
    horizon = 180 * DAY
    hours = OpenTime.of([(0, horizon, 0)])
    if spec.has_shifts:
        hours = expand(plant_default_calendar(), zone="UTC", epoch=EPOCH, start=0, end=horizon)
    return Plant(machines), {machine.machine_id: hours for machine in machines}
