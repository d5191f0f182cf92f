"""The yardstick of PPO's speed: a free game of equal shapes that simulates nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from learning_plants import random_instance

from shopfloor.engine.actor import ActorSpec
from shopfloor.engine.arrays import compile_instance
from shopfloor.engine.rules import RuleSpec
from shopfloor.engine.scenario import Disturbances
from shopfloor.envs.rewards import RewardWeights
from shopfloor.envs.scenarios import EpisodeStream
from shopfloor.policies.network import CandidateActor
from shopfloor.training.presets import preset_named
from shopfloor.training.throughput import FreeGame, logit_disagreement, measure_ppo

ROUGH = Disturbances(mtbf_h={"MILL": 40.0}, mttr_h={"MILL": 4.0}, duration_sigma=0.1)


def test_the_free_game_has_the_shapes_of_the_real_one_and_never_moves() -> None:
    problems = [compile_instance(random_instance(seed, n_jobs=30)) for seed in range(2)]
    stream = EpisodeStream(2, seed=0)
    game = FreeGame(problems, RuleSpec(), weights=RewardWeights(), stream=stream, n_envs=3)
    first = game.reset()
    for _ in range(3):
        game.step_async(np.zeros((3, 2), dtype=np.int64))
        seen, rewards, dones, infos = game.step_wait()
        assert all(np.array_equal(seen[name], first[name]) for name in first)  # type: ignore[index,call-overload]
        assert not rewards.any() and not dones.any() and len(infos) == 3


def test_both_sides_are_measured_and_the_shares_are_a_whole() -> None:
    problems = [compile_instance(random_instance(seed, n_jobs=30)) for seed in range(2)]
    found = measure_ppo(problems, RuleSpec(), ROUGH, preset_named("tiny"), n_rounds=2, n_rollouts=1)
    assert len(found.real) == len(found.free) == 2
    assert min(found.real + found.free) > 0 and found.ratio > 0
    assert sum(found.shares.values()) == pytest.approx(1.0)
    assert set(found.shares) == {"simulation", "acting", "updates"}


def test_the_engine_runs_the_network_as_torch_does() -> None:
    problems = [compile_instance(random_instance(seed, n_jobs=30)) for seed in range(2)]
    for hidden in ((64, 32), (128, 64)):
        torch.manual_seed(1)
        spec = ActorSpec(CandidateActor(hidden).export())
        assert logit_disagreement(problems, spec) <= 1e-5
