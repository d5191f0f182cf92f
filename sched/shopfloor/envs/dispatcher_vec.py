"""Many single dispatchers side by side in one process: their desks write into one array of observations.

A step of a desk is one kernel call, so pipes to other processes cost more than they bring on few cores
(measured: see the decision record). Where cores are many, `subprocesses` gives SB3's own SubprocVecEnv.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from stable_baselines3.common.vec_env import SubprocVecEnv, VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvObs, VecEnvStepReturn

from shopfloor.engine.rules import RuleSpec
from shopfloor.envs.dispatcher import DispatcherEnv, InstanceBank
from shopfloor.envs.dispatcher_presets import Exercise
from shopfloor.envs.dispatcher_rewards import DispatcherReward


class DispatcherVec(VecEnv):
    """Dispatchers of one exercise that share a bank; an ended episode is followed by the next at once."""

    def __init__(
        self,
        exercise: Exercise,
        n_envs: int,
        *,
        bank: InstanceBank | None = None,
        reward: DispatcherReward | None = None,
        rule: RuleSpec | None = None,
        seed: int = 0,
    ) -> None:
        layout = exercise.layout
        self._seen = np.zeros((n_envs, layout.size), np.float32)
        self._masks = np.zeros((n_envs, layout.n_actions), np.bool_)
        self.envs: list[DispatcherEnv] = []
        for env in range(n_envs):
            memory = (self._seen[env], self._masks[env])
            made = DispatcherEnv(exercise, bank=bank, reward=reward, rule=rule, memory=memory)
            bank = made.bank
            self.envs.append(made)
        self.render_mode = None
        super().__init__(n_envs, self.envs[0].observation_space, self.envs[0].action_space)
        self._actions = np.zeros(n_envs, np.int64)
        self.seed(seed)

    def reset(self) -> VecEnvObs:
        """Begin an episode everywhere."""
        for env, seed in zip(self.envs, self._seeds, strict=True):
            env.reset(seed=seed)
        self._reset_seeds()
        return self._seen.copy()

    def step_async(self, actions: np.ndarray) -> None:
        self._actions = np.asarray(actions, np.int64).reshape(self.num_envs)

    def step_wait(self) -> VecEnvStepReturn:
        """Return observations, rewards, dones and infos; an ended episode's info tells how it went."""
        rewards = np.zeros(self.num_envs, np.float32)
        dones = np.zeros(self.num_envs, np.bool_)
        infos: list[dict[str, Any]] = [{} for _ in self.envs]
        for i, env in enumerate(self.envs):
            rewards[i], told = env.play(int(self._actions[i]))
            if told.is_over:
                dones[i] = True
                infos[i] = env.info(told) | {"terminal_observation": self._seen[i].copy()}
                env.reset()
        return self._seen.copy(), rewards, dones, infos

    def close(self) -> None:
        """Nothing is held."""

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        return [getattr(self.envs[i], attr_name) for i in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        for i in self._get_indices(indices):
            setattr(self.envs[i], attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any
    ) -> list[Any]:
        chosen = [self.envs[i] for i in self._get_indices(indices)]
        return [getattr(env, method_name)(*method_args, **method_kwargs) for env in chosen]

    def env_is_wrapped(self, wrapper_class: type[Any], indices: VecEnvIndices = None) -> list[bool]:
        return [False for _ in self._get_indices(indices)]


def subprocesses(makers: Sequence[Callable[[], DispatcherEnv]]) -> SubprocVecEnv:
    """Return one process per environment, started by spawning: kernels and threads do not survive a fork."""
    return SubprocVecEnv(list(makers), start_method="spawn")
