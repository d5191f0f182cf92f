"""What an episode carries from decision to decision is what a look at everything would give, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.random_plants import random_instance

from shopfloor.engine.arrays import compile_instance
from shopfloor.engine.batch import BatchEngine
from shopfloor.engine.kernel.bank import (
    LAST_POTENTIAL,
    ROW_PROBLEM,
    Batch,
    problem_at,
    state_at,
    world_at,
)
from shopfloor.engine.kernel.estimates import EST_END, EST_OPEN, job_estimates
from shopfloor.engine.kernel.jit import entry
from shopfloor.engine.kernel.plant_state import plant_state
from shopfloor.engine.layout import Floats, Singles
from shopfloor.engine.observation import MAX_WORK_CENTRES, STATE_SIZE
from shopfloor.engine.rules import Rule, RuleSpec
from shopfloor.engine.scenario import Disturbances

ROUGH = Disturbances(
    {"T1": 6.0, "T2": 9.0}, {"T1": 1.5}, duration_sigma=0.3, rush_share=0.3, rush_span_h=10.0
)
PLANTS = [compile_instance(random_instance(seed)) for seed in range(12)]
N_ENVS = 2 * len(PLANTS)


@entry
def from_scratch(batch: Batch, env: int, estimates: Floats, known: Floats, seen: Singles) -> float:
    envs = batch.envs
    problem = problem_at(batch.bank, envs.row[env, ROW_PROBLEM])
    world = world_at(batch.bank, envs, env, problem)
    state = state_at(envs, env, problem)
    potential = job_estimates(problem, world, state, estimates)
    plant_state(problem, world, state, estimates, potential, known, seen)
    return potential


def check_environment(engine: BatchEngine, env: int) -> None:
    """Compare one environment that is not over with a look at all its operations and queues."""
    envs = engine._envs
    n_jobs = len(engine.compiled[envs.row[env, ROW_PROBLEM]].problem.job)
    wanted = np.zeros((n_jobs, 2))
    seen = np.zeros(STATE_SIZE, dtype=np.float32)
    nothing_known = np.full((MAX_WORK_CENTRES, 3), -1.0)
    potential = from_scratch(Batch(engine._bank, envs), env, wanted, nothing_known, seen)
    carried = envs.estimates[env, :n_jobs]
    assert potential == envs.last[env, LAST_POTENTIAL]
    np.testing.assert_array_equal(carried[:, EST_END], wanted[:, EST_END])
    np.testing.assert_array_equal(carried[:, EST_OPEN] > 0, wanted[:, EST_OPEN] > 0)
    np.testing.assert_array_equal(envs.glob[env], seen)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**31), rule=st.sampled_from([Rule.SPT, Rule.ATCS]))
def test_carried_estimates_equal_those_from_scratch(seed: int, rule: Rule) -> None:
    """Commitments, pins, disturbances, any actions, legal or not; every environment is used twice."""
    engine = BatchEngine(PLANTS, N_ENVS, rule=RuleSpec(rule), disturbances=ROUGH)
    draw = np.random.default_rng(seed)
    for _ in range(2):
        for env in range(N_ENVS):
            engine.reset(
                env, int(draw.integers(len(PLANTS))), int(draw.integers(1000)), disturbed=env % 2 == 1
            )
        is_over = engine.observe().agent < 0
        while not is_over.all():
            for env in np.flatnonzero(~is_over):
                check_environment(engine, int(env))
            engine.step(draw.integers(-1, 11, (N_ENVS, 2)))
            is_over = engine.observe().agent < 0


def test_an_environment_alone_sees_what_it_sees_among_others() -> None:
    many = BatchEngine(PLANTS, len(PLANTS), rule=RuleSpec(), disturbances=ROUGH)
    draw = np.random.default_rng(3)
    for env in range(len(PLANTS)):
        many.reset(env, env, env, disturbed=True)
    alone = BatchEngine(PLANTS, 1, rule=RuleSpec(), disturbances=ROUGH)
    alone.reset(0, 7, 7, disturbed=True)
    while not alone.step(actions := draw.integers(0, 11, (1, 2))).done[0]:
        many.step(np.repeat(actions, len(PLANTS), axis=0))
        for mine, others in zip(alone.observe(), many.observe(), strict=True):
            np.testing.assert_array_equal(mine[0], others[7])


def test_a_realised_world_that_needs_more_room_does_not_disturb_the_others() -> None:
    """The arrays of all environments move; what stands in them does not."""
    engine = BatchEngine(PLANTS, 2, rule=RuleSpec(), disturbances=ROUGH)
    engine.reset(0, 4, 0)
    kept = [view[0].copy() for view in engine.observe()]
    engine.reset(1, 5, 1, disturbed=True)
    for before, after in zip(kept, engine.observe(), strict=True):
        np.testing.assert_array_equal(before, after[0])
    engine.step(np.zeros((2, 2), dtype=np.int64))
    check_environment(engine, 0)


def test_actions_of_the_wrong_shape_are_refused() -> None:
    engine = BatchEngine(PLANTS[:1], 2, rule=RuleSpec())
    with pytest.raises(ValueError, match=r"\(3, 2\), wanted \(2, 2\)"):
        engine.step(np.zeros((3, 2), dtype=np.int64))
