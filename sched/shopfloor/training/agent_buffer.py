"""Advantages per agent on turn rows: each station's decision is credited until that station's next turn.

A row of the buffer is whoever had to act; the next row usually belongs to another station. Here the rows of
one (environment, agent) are linked: rewards in between are discounted by real time, exp(-dt / tau), not by
a count of other stations' decisions. SB3's PPO uses it unmodified, through `rollout_buffer_class`. It reads
two keys of the observation, `agent` (one-hot) and `clock` (hours), and nothing else.

References:
    Schulman et al. (2016), high-dimensional continuous control using generalized advantage estimation, eq.
    16; Bradtke & Duff (1994), reinforcement learning for continuous-time Markov decision problems.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.buffers import DictRolloutBuffer

Floats = NDArray[np.float64]


class TurnRows(NamedTuple):
    """The rows of a buffer, each array of shape (n_steps, n_envs).

    Attributes:
        rewards: Team reward until the next row.
        values: The critic's, for the agent that acted.
        agent: Who acted, int, 0..n_agents - 1.
        clock: Hours, rising within an episode.
        is_last: Whether the row ends its episode.
    """

    rewards: Floats
    values: Floats
    agent: NDArray[np.int64]
    clock: Floats
    is_last: NDArray[np.bool_]


class AgentRolloutBuffer(DictRolloutBuffer):
    """SB3's dict buffer with per-agent, time-discounted GAE.

    Args:
        tau_h: Time constant of the discount, hours.
    """

    def __init__(self, *args: Any, tau_h: float = 60.0, **kwargs: Any) -> None:
        self.tau_h = tau_h
        super().__init__(*args, **kwargs)

    def compute_returns_and_advantage(self, last_values: torch.Tensor, dones: np.ndarray) -> None:
        """Fill `advantages` and `returns`, shape (n_steps, n_envs).

        Args:
            last_values: Value of the state after the last row, shape (n_envs,). It stands in for every
                agent whose next turn is not in the buffer: the reward is the team's, so their values are
                close.
            dones: Whether the episode ended with the last row, bool (n_envs,).
        """
        observations = self.observations
        rows = TurnRows(
            rewards=self.rewards.astype(np.float64),
            values=self.values.astype(np.float64),
            agent=np.asarray(observations["agent"]).argmax(axis=2),
            clock=np.asarray(observations["clock"])[:, :, 0].astype(np.float64),
            is_last=np.vstack((self.episode_starts[1:], dones[None, :])).astype(bool),
        )
        advantages = linked_gae(
            rows,
            last_values.detach().cpu().numpy().reshape(-1).astype(np.float64),
            n_agents=observations["agent"].shape[2],
            tau_h=self.tau_h,
            gae_lambda=self.gae_lambda,
        )
        self.advantages[:] = advantages
        self.returns = self.advantages + self.values


def linked_gae(
    rows: TurnRows, last_values: Floats, *, n_agents: int, tau_h: float, gae_lambda: float
) -> Floats:
    """Return advantages of turn rows linked per agent, shape (n_steps, n_envs).

    Args:
        last_values: Value after the last row, (n_envs,).
        tau_h: Time constant of the discount, hours.
    """
    rewards, values, agent, clock, is_last = rows
    n_steps, n_envs = rewards.shape
    env = np.arange(n_envs)
    ahead_reward = np.zeros((n_envs, n_agents))
    ahead_discount = np.ones((n_envs, n_agents))
    ahead_value = np.repeat(last_values[:, None], n_agents, axis=1)
    ahead_advantage = np.zeros((n_envs, n_agents))
    advantages = np.zeros((n_steps, n_envs))
    next_clock = clock[-1]
    for t in range(n_steps - 1, -1, -1):
        ended = is_last[t]
        elapsed = np.where(ended, 0.0, np.maximum(next_clock - clock[t], 0.0))
        ahead_reward[ended] = 0.0
        ahead_discount[ended] = 0.0
        step = np.exp(-elapsed / tau_h)[:, None]
        ahead_reward = step * (rewards[t][:, None] + ahead_reward)
        ahead_discount = step * ahead_discount
        who = agent[t]
        discount = ahead_discount[env, who]
        delta = ahead_reward[env, who] + discount * ahead_value[env, who] - values[t]
        advantages[t] = delta + discount * gae_lambda * ahead_advantage[env, who]
        ahead_reward[env, who] = 0.0
        ahead_discount[env, who] = 1.0
        ahead_value[env, who] = values[t]
        ahead_advantage[env, who] = advantages[t]
        next_clock = clock[t]
    return advantages
