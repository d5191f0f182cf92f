"""The policy that SB3 drives: a decentralised actor, a critic that sees the plant or only its station."""

import numpy as np
import pytest
import torch
from gymnasium import spaces

from shopfloor.envs.markov_game import OBSERVATION_SPACE
from shopfloor.policies.distribution import AS_DESIGNED, Choice
from shopfloor.policies.sb3_policy import StationPolicy


def policy(*, choice: Choice = AS_DESIGNED, is_central: bool = True) -> StationPolicy:
    torch.manual_seed(3)
    return StationPolicy(
        OBSERVATION_SPACE,
        spaces.MultiDiscrete([11, 11]),
        lambda _: 1e-3,
        choice=choice,
        is_central=is_central,
    )


def rows(**changed: torch.Tensor) -> dict[str, torch.Tensor]:
    """Five random rows, with some of their keys replaced."""
    rng = np.random.default_rng(4)
    made = {
        "local": torch.from_numpy(rng.normal(size=(5, 132)).astype(np.float32)),
        "mask": torch.ones(5, 22, dtype=torch.int8),
        "glob": torch.from_numpy(rng.normal(size=(5, 88)).astype(np.float32)),
        "agent": torch.eye(16)[:5],
        "clock": torch.zeros(5, 1),
    }
    return made | changed


def moved(name: str) -> dict[str, torch.Tensor]:
    return rows(**{name: rows()[name] + 1})


def test_the_actor_sees_its_station_only() -> None:
    actor = policy()
    before = actor.get_distribution(rows()).logits
    for name, is_seen in (("local", True), ("glob", False), ("agent", False), ("clock", False)):
        after = actor.get_distribution(moved(name)).logits
        assert torch.equal(before, after) != is_seen, name


@pytest.mark.parametrize(("is_central", "seen"), [(True, {"glob", "agent"}), (False, {"local", "agent"})])
def test_the_critic_sees_the_plant_or_without_it_the_station(is_central: bool, seen: set[str]) -> None:
    critic = policy(is_central=is_central)
    before = critic.predict_values(rows())
    assert before.shape == (5, 1)
    changed = {
        name for name in ("local", "glob", "agent", "clock")
        if not torch.equal(before, critic.predict_values(moved(name)))
    }  # fmt: skip
    assert changed == seen


@pytest.mark.parametrize("choice", [Choice(), Choice(has_mask=False), Choice(has_exclusion=False)])
def test_what_was_played_is_evaluated_with_the_same_probability(choice: Choice) -> None:
    some = policy(choice=choice)
    mask = torch.zeros(5, 22, dtype=torch.int8)
    mask[:, [0, 3, 10, 11, 14, 21]] = 1
    observation = rows(mask=mask)
    torch.manual_seed(5)
    actions, values, log_p = some(observation)
    again, log_q, entropy = some.evaluate_actions(observation, actions)
    assert torch.equal(values, again) and torch.allclose(log_p, log_q)
    assert entropy is not None and (entropy > 0).all()
    legal = mask.reshape(5, 2, 11).gather(2, actions[:, :, None].long())[:, :, 0].bool()
    assert legal.all() == choice.has_mask
