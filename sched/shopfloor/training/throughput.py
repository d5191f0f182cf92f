"""How fast PPO turns decisions into updates, where its time goes, and what the simulation costs it.

The yardstick is the same PPO on a game of equal shapes that simulates nothing: what remains is the network, the
buffer and SB3 itself. CPU seconds of one thread; rounds of both sides alternate, as machines drift.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn

from shopfloor.engine.actor import ActorSpec, logits_of
from shopfloor.engine.arrays import Compiled
from shopfloor.engine.labelling import LabelPlan, label_decisions
from shopfloor.engine.rules import RuleSpec
from shopfloor.engine.scenario import Disturbances
from shopfloor.envs.markov_game import StationGame
from shopfloor.envs.rewards import RewardWeights
from shopfloor.envs.scenarios import EpisodeStream
from shopfloor.policies.network import CandidateActor
from shopfloor.training.one_thread import one_thread
from shopfloor.training.ppo import build_ppo
from shopfloor.training.presets import Preset


class FreeGame(StationGame):
    """A game of the same shapes whose steps cost nothing: the first observation again, no reward, no end."""

    def step_wait(self) -> VecEnvStepReturn:
        """Return what was seen first."""
        if not hasattr(self, "_first"):
            self._first = self._observation()
            self._nothing = np.zeros(self.num_envs, dtype=np.float32)
            self._never = np.zeros(self.num_envs, dtype=np.bool_)
        return self._first, self._nothing, self._never, self._no_infos


@dataclass(frozen=True)
class PpoSpeed:
    """Speed of PPO on the real game and on the free one.

    Attributes:
        real, free: Decisions per CPU second, updates included; one figure per round.
        shares: Of the real side's CPU time: `simulation`, `acting` (network and buffer), `updates`.
    """

    real: tuple[float, ...]
    free: tuple[float, ...]
    shares: dict[str, float]

    @property
    def ratio(self) -> float:
        """Real over free, median of the rounds: 1 = the simulation costs nothing."""
        return median(a / b for a, b in zip(self.real, self.free, strict=True))


def measure_ppo(
    problems: Sequence[Compiled],
    rule: RuleSpec,
    disturbances: Disturbances,
    preset: Preset,
    *,
    n_rounds: int = 5,
    n_rollouts: int = 2,
) -> PpoSpeed:
    """Return the speed of the preset's PPO, disturbed episodes as in stage 2.

    Args:
        n_rounds: Of both sides, alternating.
        n_rollouts: Rollouts with their updates per round.
    """
    knobs = preset.ppo

    def build(kind: type[StationGame]) -> PPO:
        game = kind(
            problems,
            rule,
            weights=RewardWeights(**preset.reward.weights()),
            stream=EpisodeStream(len(problems), seed=1),
            n_envs=knobs.n_envs,
            disturbances=disturbances,
        )
        game.set_dynamic(True)
        return build_ppo(game, preset, seed=0, learning_rate=lambda _: knobs.learning_rate)

    n_decisions = n_rollouts * knobs.n_steps * knobs.n_envs

    def speed(model: PPO) -> float:
        began = time.thread_time()
        model.learn(n_decisions, log_interval=None, reset_num_timesteps=False)  # type: ignore[arg-type]
        return n_decisions / (time.thread_time() - began)

    with one_thread():
        sides = build(StationGame), build(FreeGame)
        for model in sides:
            model.target_kl = None  # every epoch of every update, or the sides would do unequal work
            speed(model)
        rounds = [(speed(sides[0]), speed(sides[1])) for _ in range(n_rounds)]
        shares = _shares(sides[0], n_decisions)
    return PpoSpeed(tuple(real for real, _ in rounds), tuple(free for _, free in rounds), shares)


def _shares(model: PPO, n_decisions: int) -> dict[str, float]:
    """Return where the CPU time of one round goes."""
    env = model.get_env()
    assert env is not None
    spent = {"simulation": 0.0, "updates": 0.0}

    def timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            began = time.thread_time()
            answer = function(*args, **kwargs)
            spent[name] += time.thread_time() - began
            return answer

        return call

    env.step_wait = timed("simulation", env.step_wait)  # type: ignore[method-assign]
    model.train = timed("updates", model.train)  # type: ignore[method-assign]
    began = time.thread_time()
    model.learn(n_decisions, log_interval=None, reset_num_timesteps=False)  # type: ignore[arg-type]
    total = time.thread_time() - began
    shares = {name: seconds / total for name, seconds in spent.items()}
    return shares | {"acting": 1.0 - sum(shares.values())}


def logit_disagreement(problems: Sequence[Compiled], spec: ActorSpec) -> float:
    """Return the largest difference between the engine's and torch's logits on states that the policy meets."""
    plan = LabelPlan(temperature=0.5, share=1.0, horizon_h=1.0)
    seen = [label_decisions(problem, spec, seed=1, plan=plan) for problem in problems]
    states = np.concatenate([labels.observations for labels in seen])
    ours = logits_of(spec, states, np.concatenate([labels.masks for labels in seen]))
    actor = CandidateActor((len(spec.weights.b1), len(spec.weights.b2)), beta=spec.beta)
    actor.load(spec.weights)
    with torch.no_grad():
        theirs = actor(torch.from_numpy(states)).numpy().reshape(ours.shape)
    is_legal = np.isfinite(ours)
    return float(np.abs(ours[is_legal] - theirs[is_legal]).max())
