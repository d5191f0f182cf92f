"""The torch actor and the engine's kernel are one network."""

import numpy as np
import pytest
import torch

from shopfloor.engine.actor import ActorSpec, logits_of
from shopfloor.engine.rules import RuleSpec
from shopfloor.policies.network import AgentCritic, CandidateActor


def random_actor(seed: int, beta: float) -> CandidateActor:
    torch.manual_seed(seed)
    actor = CandidateActor(beta=beta)
    with torch.no_grad():
        for parameter in actor.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return actor


@pytest.mark.parametrize("beta", [0.0, 1.0, 2.5])
def test_torch_and_the_engine_give_the_same_logits(beta: float) -> None:
    actor = random_actor(1, beta)
    local = np.random.default_rng(2).normal(size=(200, 132)).astype(np.float32)
    with torch.no_grad():
        ours = actor(torch.from_numpy(local)).numpy().reshape(-1, 2, 11)
    spec = ActorSpec(weights=actor.export(), rule=RuleSpec(), beta=beta)
    theirs = logits_of(spec, local, np.ones((200, 22), dtype=bool))
    assert np.abs(ours - theirs).max() < 1e-4


def test_exported_weights_come_back_unchanged() -> None:
    first, second = random_actor(1, 1.0), random_actor(2, 1.0)
    second.load(first.export())
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)


def test_weights_of_another_width_are_refused() -> None:
    with pytest.raises(ValueError, match="another shape"):
        CandidateActor(hidden=(16, 8)).load(random_actor(1, 1.0).export())


def test_a_fresh_actor_prefers_what_the_rule_prefers_and_does_not_idle() -> None:
    torch.manual_seed(0)
    actor = CandidateActor()
    local = torch.zeros(1, 132)
    for k in range(10):
        local[0, 38 + 9 * k] = -0.3 * k
    heads = actor(local).reshape(2, 11)
    assert heads.argmax(dim=1).tolist() == [0, 0]
    assert (heads[:, 10] < -4).all()


def test_the_critic_tells_agents_apart() -> None:
    torch.manual_seed(0)
    values = AgentCritic()(torch.ones(16, 88), torch.eye(16))
    assert values.shape == (16, 1)
    assert len(set(values[:, 0].tolist())) == 16
