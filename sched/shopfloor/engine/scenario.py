"""Scenarios: the same instance with what really happens, which no policy sees in advance.

A scenario changes the world, never the problem: rules, features and finish estimates keep reading nominal
minutes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from shopfloor.engine import layout as at
from shopfloor.engine.arrays import Compiled
from shopfloor.engine.kernel.noise import realise_world
from shopfloor.engine.layout import Floats, World


@dataclass(frozen=True)
class Disturbances:
    """How rough the plant is.

    Attributes:
        mtbf_h: Mean calendar hours from a repair to the next failure by machine type; a missing type never
            fails.
        mttr_h: Mean calendar hours of a repair by machine type; a missing type takes 4 h.
        duration_sigma: Standard deviation of the log of realised / nominal minutes, >= 0; its mean is 1.
        rush_share: Share of the jobs without started work that nobody knows of at the beginning, 0..1.
        rush_span_h: They become known at a uniform minute of this many hours from now.
        breakdown_days: Breakdowns happen within this many days from now.
    """

    mtbf_h: Mapping[str, float] = field(default_factory=dict)
    mttr_h: Mapping[str, float] = field(default_factory=dict)
    duration_sigma: float = 0.0
    rush_share: float = 0.0
    rush_span_h: float = 120.0
    breakdown_days: float = 60.0

    def __post_init__(self) -> None:
        hours = [*self.mtbf_h.values(), *self.mttr_h.values(), self.rush_span_h, self.breakdown_days]
        if min(hours) < 0 or self.duration_sigma < 0 or not 0 <= self.rush_share <= 1:
            raise ValueError(
                f"disturbances must not be negative and shares lie in 0..1: {self}\n"
                "hint: leave a machine type out of mtbf_h to switch its breakdowns off"
            )

    def machine_hours(self, compiled: Compiled) -> tuple[Floats, Floats]:
        """Return mtbf and mttr of each machine in hours, float64 (machines,) each; mtbf 0 = never fails."""
        types = [machine.machine_type for machine in compiled.instance.plant.machines]
        up = np.array([self.mtbf_h.get(name, 0.0) for name in types], dtype=np.float64)
        down = np.array([self.mttr_h.get(name, 4.0) for name in types], dtype=np.float64)
        return up, down

    def knobs(self) -> Floats:
        """Return the other numbers as the kernels read them."""
        return np.array(
            [self.duration_sigma, self.rush_share, self.rush_span_h * 60.0, self.breakdown_days * 1440.0]
        )


@dataclass(frozen=True, eq=False)
class Scenario:
    """One realisation of the disturbances for one compiled instance.

    Attributes:
        world: Realised minutes, calendars and arrivals.
        seed: What it was drawn from.
        max_level: Highest overtime level whose calendars carry the breakdowns.
    """

    world: World
    seed: int
    max_level: int


def nominal_world(compiled: Compiled) -> World:
    """Return the world in which everything happens as planned."""
    p = compiled.problem
    return World(
        run=np.ascontiguousarray(p.elig[:, at.ELIG_RUN]),
        arrival=np.ascontiguousarray(p.job[:, at.JOB_ARRIVAL]),
        res_end=np.ascontiguousarray(p.reservation[:, at.RES_END]),
        res_work=np.ascontiguousarray(p.reservation[:, at.RES_WORK]),
        cal_of=p.cal_of,
        cal_off=p.cal_off,
        cal_start=p.cal_start,
        cal_end=p.cal_end,
        cal_cum=p.cal_cum,
    )


def realise(compiled: Compiled, disturbances: Disturbances, seed: int, *, max_level: int = 0) -> Scenario:
    """Draw what really happens.

    Args:
        seed: Names the realisation; the same seed gives the same one whatever is decided.
        max_level: Highest overtime level that the runs will use, 0..2.
    """
    up, down = disturbances.machine_hours(compiled)
    world = realise_world(compiled.problem, seed, up, down, disturbances.knobs(), max_level)
    return Scenario(world=world, seed=seed, max_level=max_level)
