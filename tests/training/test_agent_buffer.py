"""Advantages linked per agent, worked out by hand."""

import math

import numpy as np
import pytest
import torch
from gymnasium import spaces

from shopfloor.training.agent_buffer import AgentRolloutBuffer, TurnRows, linked_gae

TAU = 10.0
LAMBDA = 0.5


def advantages(agents: list[int], rewards: list[float], *, last: list[bool]) -> list[float]:
    """One environment, an hour between turns, values 1, 2, 3, ..., value 9 after the last row."""
    n = len(agents)
    rows = TurnRows(
        rewards=np.array(rewards, dtype=float)[:, None],
        values=np.arange(1.0, n + 1)[:, None],
        agent=np.array(agents)[:, None],
        clock=np.arange(float(n))[:, None],
        is_last=np.array(last)[:, None],
    )
    table = linked_gae(rows, np.array([9.0]), n_agents=2, tau_h=TAU, gae_lambda=LAMBDA)
    return [float(x) for x in table[:, 0]]


def test_an_agent_is_credited_until_its_own_next_turn() -> None:
    d = math.exp(-1 / TAU)
    got = advantages([0, 1, 0], [1.0, 2.0, 4.0], last=[False, False, True])
    third = 4.0 - 3.0
    second = d * (2.0 + 4.0) - 2.0
    first = d * 1.0 + d * d * 2.0 + d * d * 3.0 - 1.0 + d * d * LAMBDA * third
    assert got == pytest.approx([first, second, third])


def test_credit_does_not_cross_the_end_of_an_episode() -> None:
    got = advantages([0, 0, 0], [1.0, 5.0, 7.0], last=[True, False, True])
    assert got[0] == pytest.approx(1.0 - 1.0)


def test_a_dangling_turn_is_bootstrapped_with_the_value_after_the_last_row() -> None:
    d = math.exp(-1 / TAU)
    got = advantages([1, 0], [1.0, 2.0], last=[False, False])
    assert got[1] == pytest.approx(2.0 + 9.0 - 2.0)
    assert got[0] == pytest.approx(d * (1.0 + 2.0) + d * 9.0 - 1.0)


def test_sb3_fills_the_buffer_with_these_advantages() -> None:
    space = spaces.Dict(
        {"agent": spaces.Box(0, 1, (2,), np.float32), "clock": spaces.Box(0, np.inf, (1,), np.float32)}
    )
    buffer = AgentRolloutBuffer(
        3, space, spaces.MultiDiscrete([11, 11]), n_envs=1, gae_lambda=LAMBDA, tau_h=TAU
    )
    for t, (who, reward) in enumerate(zip([0, 1, 0], [1.0, 2.0, 4.0], strict=True)):
        observation = {
            "agent": np.eye(2, dtype=np.float32)[[who]],
            "clock": np.array([[t]], dtype=np.float32),
        }
        buffer.add(
            observation,
            np.zeros((1, 2)),
            np.array([reward]),
            np.array([t == 0]),
            torch.tensor([t + 1.0]),
            torch.zeros(1),
        )
    buffer.compute_returns_and_advantage(torch.tensor([9.0]), np.array([True]))
    expected = advantages([0, 1, 0], [1.0, 2.0, 4.0], last=[False, False, True])
    assert buffer.advantages[:, 0] == pytest.approx(expected, abs=1e-6)
    assert buffer.returns[:, 0] == pytest.approx(np.array(expected) + np.arange(1, 4), abs=1e-6)
