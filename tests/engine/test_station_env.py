"""The single environment of the speed benchmark is a Gymnasium environment, and its rewards add up."""

from __future__ import annotations

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from oracles.random_plants import random_instance

from benchmarks.our_cases import job_shop_instance, random_job_shop
from benchmarks.station_env import StationEnv
from shopfloor.engine.arrays import compile_instance
from shopfloor.engine.rules import Rule, RuleSpec

SPT = RuleSpec(Rule.SPT)


def play(env: StationEnv) -> tuple[float, int]:
    """Take the first legal action of each head to the end; return the sum of rewards and the steps."""
    seen, _ = env.reset()
    total, steps, done = 0.0, 0, False
    while not done:
        mask = seen["action_mask"].reshape(2, 11)
        seen, reward, done, _, _ = env.step(mask.argmax(axis=1))
        total, steps = total + reward, steps + 1
    return total, steps


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_gymnasium_accepts_it() -> None:
    check_env(StationEnv(compile_instance(random_instance(4, with_pins=False)), SPT), skip_render_check=True)


def test_a_job_shop_of_20_machines_is_played_to_the_end() -> None:
    compiled = compile_instance(job_shop_instance(random_job_shop(30, 20, 1)))
    env = StationEnv(compiled, SPT)
    total, steps = play(env)
    assert 100 < steps <= compiled.n_operations == 600
    assert total < 0
    assert (total, steps) == play(env)


def test_what_a_step_returns_is_the_callers_to_keep() -> None:
    env = StationEnv(compile_instance(job_shop_instance(random_job_shop(6, 4, 1))), SPT)
    first, _ = env.reset()
    kept = {name: value.copy() for name, value in first.items()}
    env.step((0, 10))
    for name, value in kept.items():
        np.testing.assert_array_equal(first[name], value)
