"""The actor learns from labels which candidate costs least."""

import numpy as np
import pytest
import torch

from shopfloor.policies.network import CandidateActor
from shopfloor.training.presets import WarmStartPreset
from shopfloor.training.warm_start import LabelledStates, advantages_of, warm_start

PRESET = WarmStartPreset(n_epochs=6, batch_size=64, learning_rate=5e-3, entropy=0.0)


def setup_matters(n: int, seed: int) -> LabelledStates:
    """Three candidates that the rule likes equally; the cost is the candidate's setup feature."""
    rng = np.random.default_rng(seed)
    local = np.zeros((n, 132), dtype=np.float32)
    cost = np.full((n, 11), np.nan, dtype=np.float32)
    for k in range(3):
        setup = rng.random(n)
        local[:, 38 + 9 * k + 2] = setup
        cost[:, k] = 100 + setup
    return LabelledStates(local, cost, np.zeros(n, dtype=np.int8))


def test_advantages_are_centred_scaled_within_their_group_and_clipped() -> None:
    cost = np.full((2, 11), np.nan, dtype=np.float32)
    cost[0, :2] = [1.0, 3.0]
    cost[1, :2] = [100.0, 300.0]
    labels = LabelledStates(np.zeros((2, 132), np.float32), cost, np.array([0, 1], dtype=np.int8))
    got = advantages_of(labels, clip=4.0)
    assert got[:, :2] == pytest.approx(np.array([[-1.0, 1.0], [-1.0, 1.0]]))
    assert (got[:, 2:10] == 0).all()
    assert (got[:, 10] == 4.0).all()
    assert np.abs(advantages_of(labels, clip=0.5)).max() == 0.5


def test_the_actor_learns_to_take_the_cheapest_candidate_with_both_heads() -> None:
    torch.manual_seed(0)
    actor = CandidateActor()
    history = warm_start(actor, setup_matters(2000, 1), PRESET, seed=3)
    held_out = setup_matters(300, 2)
    with torch.no_grad():
        heads = actor(torch.from_numpy(held_out.local)).reshape(-1, 2, 11)[:, :, :3].argmax(dim=2).numpy()
    cheapest = np.nanargmin(held_out.cost, axis=1)
    assert (heads[:, 0] == cheapest).mean() > 0.9
    assert (heads[:, 1] == cheapest).mean() > 0.9
    assert history[-1].regret < 0.3 * history[0].regret


def test_the_actor_does_not_start_to_idle_while_it_learns() -> None:
    torch.manual_seed(0)
    actor = CandidateActor()
    warm_start(actor, setup_matters(2000, 1), PRESET, seed=3)
    with torch.no_grad():
        heads = actor(torch.from_numpy(setup_matters(300, 2).local)).reshape(-1, 2, 11)
    assert (heads[:, :, 10] < heads[:, :, :3].max(dim=2).values - 4).all()


def test_the_best_epoch_is_kept_and_never_worse_than_the_start() -> None:
    torch.manual_seed(0)
    actor = CandidateActor()
    before = {name: value.clone() for name, value in actor.state_dict().items()}
    scores = iter([1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0])
    warm_start(actor, setup_matters(200, 1), PRESET, seed=3, evaluate=lambda _: next(scores))
    assert all(torch.equal(before[name], value) for name, value in actor.state_dict().items())


def test_the_same_seed_gives_the_same_weights() -> None:
    states = []
    for _ in range(2):
        torch.manual_seed(0)
        actor = CandidateActor()
        warm_start(actor, setup_matters(200, 1), PRESET, seed=3)
        states.append(actor.state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_without_mask_what_is_no_choice_counts_as_the_worst_and_is_unlearned() -> None:
    labels = setup_matters(2000, 1)
    assert (advantages_of(labels, clip=4.0, has_mask=False)[:, 3:] == 4.0).all()
    torch.manual_seed(0)
    actor = CandidateActor()
    warm_start(actor, labels, PRESET, seed=3, has_mask=False)
    held_out = setup_matters(300, 2)
    with torch.no_grad():
        heads = actor(torch.from_numpy(held_out.local)).reshape(-1, 2, 11)
    assert (heads.argmax(dim=2) < 3).float().mean() > 0.99
