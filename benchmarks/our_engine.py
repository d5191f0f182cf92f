"""Our kernels under the clock: whole episodes of rules and of the policy, sizes for the scaling law.

Meters count operations, but `scale_*` and `schedule_*`, which count whole schedules.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.decision_clock import DecisionClock
from benchmarks.meters import Meter, serve
from benchmarks.our_cases import default_plant_instance, factory_instance
from shopfloor.domain.validator import validate
from shopfloor.engine.actor import ActorSpec, check_weights, zero_weights
from shopfloor.engine.arrays import Compiled, compile_instance
from shopfloor.engine.dispatch import dispatch, outcome_of, to_schedule
from shopfloor.engine.episode import Episode, checked_levels
from shopfloor.engine.rules import Rule, RuleSpec
from shopfloor.engine.scenario import Disturbances, Scenario, realise

EDD = RuleSpec(Rule.EDD)
ATCS = RuleSpec(Rule.ATCS)
SCALE_JOBS = (70, 285, 1140, 4285)
"""About 500, 2 000, 8 000 and 30 000 operations."""

LATENCY_RUNS = 100


@lru_cache
def compiled_factory(n_jobs: int, bare: bool = False) -> Compiled:
    return compile_instance(factory_instance(n_jobs, bare=bare))


@lru_cache
def compiled_plant() -> Compiled:
    return compile_instance(default_plant_instance())


def rough_week(compiled: Compiled) -> Scenario:
    """Breakdowns of every machine type and uncertain durations."""
    types = compiled.work_centres
    rough = Disturbances(dict.fromkeys(types, 250.0), dict.fromkeys(types, 4.0), duration_sigma=0.12)
    return realise(compiled, rough, 1)


def episode_meter(compiled: Compiled, spec: RuleSpec | ActorSpec, *, rough: bool = False) -> Meter:
    """Whole episodes; the amount is operations."""
    episode = Episode(compiled, spec, scenario=rough_week(compiled) if rough else None)
    episode.run(0.0, 0)

    def meter() -> float:
        episode.run(0.0, 0)
        return compiled.n_operations

    return meter


def schedules_meter(compiled: Compiled, spec: RuleSpec) -> Meter:
    """Whole schedules, read out as an outcome."""
    episode = Episode(compiled, spec)
    levels = checked_levels(compiled, None)

    def meter() -> float:
        episode.run(0.0, 0)
        outcome_of(episode.state, levels)
        return 1.0

    meter()
    return meter


def validator_meter(n_jobs: int) -> Meter:
    """Validations of a finished schedule."""
    compiled = compiled_factory(n_jobs)
    schedule = to_schedule(compiled, dispatch(compiled, EDD), "rule:EDD")

    def meter() -> float:
        assert not validate(compiled.instance, schedule)
        return 1.0

    return meter


def trained_size_weights() -> ActorSpec:
    """A policy of the size that is deployed, with random weights so that nothing is skipped as zero."""
    draw = np.random.default_rng(0)
    shapes = zero_weights(64, 32)._asdict()
    weights = {name: draw.normal(0, 0.1, value.shape) for name, value in shapes.items()}
    weights["idle_b"] = np.full(2, -1e6)
    return ActorSpec(check_weights(type(zero_weights())(**weights)), ATCS, beta=1.0)


def decision_meters(compiled: Compiled) -> dict[str, Meter]:
    """Decisions of the policy as deployed, in whole episodes: simulation and features are in the time.

    `latency` runs the same episodes with a stopwatch around each decision (observation, mask, network,
    choice) and has p50 and p99 in microseconds beside it.
    """
    spec = trained_size_weights()
    clock = DecisionClock(compiled, spec)
    episode = Episode(compiled, spec)
    episode.run(0.0, 0)
    n_decisions = len(clock.run())

    def decisions() -> float:
        episode.run(0.0, 0)
        return n_decisions

    def latency() -> dict[str, float]:
        single = np.concatenate([clock.microseconds() for _ in range(LATENCY_RUNS)])
        p50, p99 = np.percentile(single, [50, 99])
        return {"amount": len(single), "p50_us": float(p50), "p99_us": float(p99)}

    return {"decisions": decisions, "latency": latency}


def meters() -> dict[str, Meter]:
    """Return everything that this player can be asked for; all kernels are warm afterwards."""
    factory, bare, plant = compiled_factory(500), compiled_factory(500, True), compiled_plant()
    made: dict[str, Meter] = {
        "kernel_edd": episode_meter(factory, EDD, rough=True),
        "kernel_atcs": episode_meter(factory, ATCS, rough=True),
        "kernel_bare": episode_meter(bare, EDD),
        "schedule_factory": schedules_meter(factory, ATCS),
        "schedule_plant": schedules_meter(plant, ATCS),
        "validate": validator_meter(500),
    } | decision_meters(plant)
    for n_jobs in SCALE_JOBS:
        compiled = compiled_factory(n_jobs)
        made[f"scale_edd_{compiled.n_operations}"] = schedules_meter(compiled, EDD)
        made[f"scale_atcs_{compiled.n_operations}"] = schedules_meter(compiled, ATCS)
    return made


if __name__ == "__main__":
    serve("shopfloor", meters())
