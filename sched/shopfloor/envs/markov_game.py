"""The Markov game of the stations as an SB3 VecEnv with turn rows: a row is the station that must act now.

With one row per (environment, station) 91 % of the rows were forced no-ops (measured); here every row is a
real decision, the reward is the team's, and one compiled call steps all environments. A finished episode is
replaced at once by the next one of the stream. Nothing is learned or normalised here: features come scaled
from the engine. An illegal choice, which only a policy without mask makes, is idling and costs its penalty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple
from typing import Any, Final

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvObs, VecEnvStepReturn

from shopfloor.engine.arrays import Compiled
from shopfloor.engine.batch import BatchEngine
from shopfloor.engine.layout import Bools, Ints
from shopfloor.engine.observation import (
    IDLE,
    MASK_SIZE,
    MAX_WORK_CENTRES,
    N_ACTIONS,
    N_HEADS,
    OBSERVATION_SIZE,
    REWARD_TERMS,
    STATE_SIZE,
)
from shopfloor.engine.rules import RuleSpec
from shopfloor.engine.scenario import Disturbances
from shopfloor.envs.rewards import RewardWeights
from shopfloor.envs.scenarios import EpisodePlan, EpisodeStream

OBSERVATION_SPACE: Final = spaces.Dict(
    {
        "local": spaces.Box(-np.inf, np.inf, (OBSERVATION_SIZE,), np.float32),
        "mask": spaces.Box(0, 1, (MASK_SIZE,), np.int8),
        "glob": spaces.Box(-np.inf, np.inf, (STATE_SIZE,), np.float32),
        "agent": spaces.Box(0, 1, (MAX_WORK_CENTRES,), np.float32),
        "clock": spaces.Box(0, np.inf, (1,), np.float32),
    }
)
"""A row: the station's view, what it may do, the plant's state, who it is, hours since the beginning."""

_MAX_EMPTY: Final = 1000
_KEPT: Final = ("_episode", "_return", "_length", "_paid")


def idle_where_illegal(actions: Ints, mask: Bools) -> Ints:
    """Return the actions with illegal choices made idle; head 2's is illegal too where head 1 took it.

    Each counts as idle or invalid in the engine. Where head 1 may not idle either, the rule's best candidate
    is started there. Without a second machine to serve, head 2's choice means nothing.

    Args:
        actions: int64 (envs, 2).
        mask: bool (envs, 22).
    """
    heads = mask.reshape(-1, N_HEADS, N_ACTIONS)
    is_legal = np.take_along_axis(heads, actions[:, :, None], axis=2)[:, :, 0]
    is_legal[:, 1] &= (actions[:, 0] != actions[:, 1]) | (actions[:, 1] == IDLE)
    return actions if is_legal.all() else np.where(is_legal, actions, IDLE)


class StationGame(VecEnv):
    """Many plants side by side, each row its acting station.

    Args:
        problems: Training instances.
        rule: Preselects the candidates.
        weights: Of the reward terms.
        stream: Which episodes are played.
        n_envs: Environments.
        disturbances: Of stage 2.
    """

    def __init__(
        self,
        problems: Sequence[Compiled],
        rule: RuleSpec,
        *,
        weights: RewardWeights,
        stream: EpisodeStream,
        n_envs: int,
        disturbances: Disturbances | None = None,
    ) -> None:
        self._engine = BatchEngine(problems, n_envs, rule=rule, disturbances=disturbances)
        self._begin = np.array([problem.instance.now for problem in problems], dtype=np.int64)
        self._weights = weights.vector()
        self._stream = stream
        self._plans = [EpisodePlan(0, 0, False, False)] * n_envs
        self._episode = np.zeros(n_envs, dtype=np.int64)
        self._return = np.zeros(n_envs)
        self._length = np.zeros(n_envs, dtype=np.int64)
        self._paid = np.zeros(len(REWARD_TERMS))
        self._n_ended = 0
        self._eye = np.eye(MAX_WORK_CENTRES, dtype=np.float32)
        self._actions = np.zeros((n_envs, N_HEADS), dtype=np.int64)
        self.is_dynamic = False
        self.render_mode = None
        super().__init__(n_envs, OBSERVATION_SPACE, spaces.MultiDiscrete([N_ACTIONS] * N_HEADS))

    def set_dynamic(self, is_dynamic: bool) -> None:
        """Switch the stage for episodes that begin from now on."""
        self.is_dynamic = is_dynamic

    def state(self) -> dict[str, Any]:
        """Return everything that the next step depends on: arrays by name, for a checkpoint."""
        own = {name: np.array(getattr(self, name)) for name in _KEPT}
        plans = np.array([astuple(plan) for plan in self._plans], dtype=np.int64)
        ended = np.array([self._n_ended, int(self.is_dynamic)])
        return own | {"plans": plans, "ended": ended, "engine": self._engine.snapshot()}

    def restore(self, state: Mapping[str, Any]) -> VecEnvObs:
        """Go on exactly where `state` was taken; return what is seen."""
        for name in _KEPT:
            getattr(self, name)[:] = state[name]
        self._plans = [
            EpisodePlan(int(problem), int(seed), bool(disturbed), bool(anchor))
            for problem, seed, disturbed, anchor in state["plans"]
        ]
        self._n_ended, self.is_dynamic = int(state["ended"][0]), bool(state["ended"][1])
        self._engine.restore(state["engine"])
        return self._observation()

    def reward_parts(self) -> dict[str, float]:
        """Return what each term paid per episode that ended since the last call; nothing where none ended."""
        if not self._n_ended:
            return {}
        parts = dict(zip(REWARD_TERMS, (self._paid / self._n_ended).tolist(), strict=True))
        self._paid[:], self._n_ended = 0.0, 0
        return parts

    def reset(self) -> VecEnvObs:
        """Begin a new episode everywhere."""
        for env in range(self.num_envs):
            self._next_episode(env)
        return self._observation()

    def step_async(self, actions: np.ndarray) -> None:
        self._actions = np.ascontiguousarray(actions, dtype=np.int64).reshape(self.num_envs, N_HEADS)

    def step_wait(self) -> VecEnvStepReturn:
        """Return observations, team rewards, dones and infos; an ended episode's info tells how it went."""
        result = self._engine.step(idle_where_illegal(self._actions, self._engine.observe().mask))
        rewards = (result.terms @ self._weights).astype(np.float32)
        dones = result.done.copy()
        self._paid += result.terms.sum(axis=0) * self._weights
        self._n_ended += int(dones.sum())
        self._return += rewards
        self._length += 1
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)] if dones.any() else self._no_infos
        for env in np.flatnonzero(dones):
            infos[env] = self._episode_info(int(env))
            self._next_episode(int(env))
        return self._observation(), rewards, dones, infos

    @property
    def _no_infos(self) -> list[dict[str, Any]]:
        return [{}] * self.num_envs

    def _episode_info(self, env: int) -> dict[str, Any]:
        plan = self._plans[env]
        return {
            "episode": {"r": float(self._return[env]), "l": int(self._length[env]), "t": 0.0},
            "cost": float(self._engine.cost[env]),
            "problem": plan.problem,
            "is_disturbed": plan.is_disturbed,
            "is_anchor": plan.is_anchor,
        }

    def _next_episode(self, env: int) -> None:
        """Begin the environment's next episode that has a decision at all."""
        for _ in range(_MAX_EMPTY):
            plan = self._stream.plan(env, int(self._episode[env]), is_dynamic=self.is_dynamic)
            self._episode[env] += 1
            self._engine.reset(env, plan.problem, plan.seed, disturbed=plan.is_disturbed)
            if self._engine.observe().agent[env] >= 0:
                self._plans[env] = plan
                self._return[env], self._length[env] = 0.0, 0
                return
        raise ValueError(
            f"no episode has a decision: {_MAX_EMPTY} tried in environment {env}\n"
            "hint: train on instances with more operations than machines"
        )

    def _observation(self) -> VecEnvObs:
        seen = self._engine.observe()
        begin = self._begin[[plan.problem for plan in self._plans]]
        hours = (self._engine.minute - begin).astype(np.float32) / 60.0
        return {
            "local": seen.local.copy(),
            "mask": seen.mask.astype(np.int8),
            "glob": seen.glob.copy(),
            "agent": self._eye[np.clip(seen.agent, 0, MAX_WORK_CENTRES - 1)],
            "clock": hours[:, None],
        }

    def close(self) -> None:
        """Nothing is held."""

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        return [getattr(self, attr_name)] * len(list(self._get_indices(indices)))

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        setattr(self, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any
    ) -> list[Any]:
        answer = getattr(self, method_name)(*method_args, **method_kwargs)
        return [answer] * len(list(self._get_indices(indices)))

    def env_is_wrapped(self, wrapper_class: type[Any], indices: VecEnvIndices = None) -> list[bool]:
        return [False] * len(list(self._get_indices(indices)))
