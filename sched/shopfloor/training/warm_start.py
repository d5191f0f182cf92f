"""Teach the actor what rollouts found: put probability on the candidates whose exact cost is low.

A label says what each candidate would have cost, all else equal, so the gradient has no variance from the
rest of the plant: that is the credit that plain PPO lacks. The loss is L = mean over states of sum_a pi(a)
A(a) - entropy x H with A the cost above the state's mean in units of the data's standard deviation,
clipped. The critic is not touched.
"""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from shopfloor.policies.distribution import FAR, IDLE, N_CHOICES, log_softmax_over
from shopfloor.policies.network import CandidateActor
from shopfloor.training.presets import WarmStartPreset

log = logging.getLogger(__name__)

_IDLE_MARGIN = 4.0


@dataclass(frozen=True, eq=False)
class LabelledStates:
    """Decisions and what each choice costs.

    Attributes:
        local: Observations, float32 (n, 132).
        cost: Weighted tardiness in days when head 1 takes each choice, float32 (n, 11); NaN = not a choice.
        group: 0 without disturbances, 1 with, int8 (n,); costs are compared within a group only.
    """

    local: NDArray[np.float32]
    cost: NDArray[np.float32]
    group: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.local)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays by name, for a checkpoint."""
        return {"local": self.local, "cost": self.cost, "group": self.group}


@dataclass(frozen=True, slots=True)
class EpochStats:
    """One pass over the labels.

    Attributes:
        loss: Mean expected advantage, in standard deviations; below 0 = better than choosing at random.
        regret: Mean expected cost above the best choice, days.
        score: What `evaluate` returned after it, lower is better; NaN where it was not asked.
    """

    epoch: int
    loss: float
    regret: float
    score: float


def advantages_of(labels: LabelledStates, clip: float, *, has_mask: bool = True) -> NDArray[np.float32]:
    """Return each choice's cost above its state's mean in standard deviations of its group.

    What is no choice counts 0; without mask it counts as the worst there is, so that a policy which may take
    it learns not to.

    Idling has no label. It counts as the worst there is: without that the candidates' logits may sink below
    the idle logit unseen, and the policy idles (measured: 8 times the rule's tardiness).

    Args:
        clip: Bound of the absolute value.
        has_mask: Whether the policy cannot take what is no choice.
    """
    legal = np.isfinite(labels.cost)
    cost = np.where(legal, labels.cost, 0.0).astype(np.float64)
    mean = cost.sum(axis=1, keepdims=True) / np.maximum(legal.sum(axis=1, keepdims=True), 1)
    centred = np.where(legal, cost - mean, 0.0)
    for group in np.unique(labels.group):
        rows = labels.group == group
        centred[rows] /= max(float(centred[rows][legal[rows]].std()), 1e-9)
    advantages = np.clip(centred, -clip, clip).astype(np.float32)
    if not has_mask:
        advantages[~legal] = clip
    advantages[:, IDLE] = clip
    return advantages


def warm_start(
    actor: CandidateActor,
    labels: LabelledStates,
    preset: WarmStartPreset,
    *,
    seed: int,
    evaluate: Callable[[CandidateActor], float] | None = None,
    has_mask: bool = True,
) -> list[EpochStats]:
    """Train the actor in place; with `evaluate` it keeps the weights of its best epoch, the start included.

    The last epochs' weights are averaged, which takes out the noise of the last batches (Izmailov et al.,
    Averaging weights leads to wider optima and better generalization, UAI 2018, section 3).

    Both heads learn the same labels: each is trained as if it chose first, and exclusion is the
    distribution's business.

    Args:
        seed: Of the order of the batches.
        evaluate: Score of an actor, lower is better; asked before the first and after each of the later
            epochs.
        has_mask: Whether the policy's illegal choices have probability 0; else it learns which are illegal.
    """
    generator = torch.Generator().manual_seed(seed)
    local = torch.from_numpy(labels.local)
    legal = torch.from_numpy(np.isfinite(labels.cost))
    legal[:, IDLE] = True
    open_to = legal if has_mask else torch.ones_like(legal)
    advantage = torch.from_numpy(advantages_of(labels, preset.clip, has_mask=has_mask))
    best_cost = np.nanmin(labels.cost, axis=1, keepdims=True)
    regret = torch.from_numpy(np.nan_to_num(labels.cost - best_cost).astype(np.float32))
    optimizer = torch.optim.Adam(actor.parameters(), lr=preset.learning_rate)
    n_batches = max(1, math.ceil(len(labels) / preset.batch_size))
    n_total = preset.n_epochs * n_batches
    best_score = math.inf if evaluate is None else evaluate(actor)
    best_state = copy.deepcopy(actor.state_dict())
    history: list[EpochStats] = []
    step = 0
    mean = AveragedModel(actor)
    first_averaged = min(int(preset.average_from * preset.n_epochs), preset.n_epochs - 1)
    for epoch in range(preset.n_epochs):
        order = torch.randperm(len(labels), generator=generator)
        sums = np.zeros(2)
        for rows in order.chunk(n_batches):
            done = step / n_total
            for group in optimizer.param_groups:
                group["lr"] = (
                    preset.learning_rate * (preset.final_learning_rate / preset.learning_rate) ** done
                )
            entropy, expected, lost = _loss(
                actor, local[rows], open_to[rows], (advantage[rows], regret[rows])
            )
            total = expected - preset.entropy * (1.0 - done) * entropy
            optimizer.zero_grad(set_to_none=True)
            total.backward()
            optimizer.step()
            if epoch >= first_averaged:
                mean.update_parameters(actor)
            sums += np.array([float(expected.detach()), float(lost)]) * len(rows) / len(labels)
            step += 1
        score = math.nan
        if evaluate is not None and epoch >= preset.n_epochs // 3:
            candidate = _averaged(mean) if epoch >= first_averaged else actor
            settle_idle(candidate, local, legal)
            score = evaluate(candidate)
            if score < best_score:
                best_score, best_state = score, copy.deepcopy(candidate.state_dict())
        history.append(EpochStats(epoch, float(sums[0]), float(sums[1]), score))
        log.info("warm start epoch=%d loss=%.4f regret=%.4f score=%.4f", epoch, sums[0], sums[1], score)
    actor.load_state_dict(_averaged(mean).state_dict())
    settle_idle(actor, local, legal)
    if evaluate is not None:
        actor.load_state_dict(best_state)
    return history


@torch.no_grad()
def settle_idle(actor: CandidateActor, local: Tensor, legal: Tensor) -> None:
    """Lower the idle bias until idling is 4 nats under the best candidate on 999 of 1000 states (in place)."""
    heads = actor(local).reshape(-1, 2, N_CHOICES)
    scores = torch.where(legal[:, None, :IDLE], heads[:, :, :IDLE], torch.full_like(heads[:, :, :IDLE], FAR))
    margin = scores.amax(dim=2) - heads[:, :, IDLE]
    actor.idle_b.add_((torch.quantile(margin, 0.001, dim=0) - _IDLE_MARGIN).clamp(max=0.0))


def _averaged(mean: AveragedModel) -> CandidateActor:
    assert isinstance(mean.module, CandidateActor)
    return mean.module


def _loss(
    actor: CandidateActor, local: Tensor, legal: Tensor, targets: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean entropy and expected advantage (of both heads), and head 1's mean expected regret."""
    advantage, regret = targets
    heads = actor(local).reshape(-1, 2, N_CHOICES)
    log_p = log_softmax_over(heads, legal[:, None, :].expand_as(heads))
    p = log_p.exp()
    entropy = -(p * torch.where(legal[:, None, :], log_p, torch.zeros_like(log_p))).sum(dim=2).mean()
    expected = (p * advantage[:, None, :]).sum(dim=2).mean()
    lost = (p[:, 0] * regret).sum(dim=1).mean()
    return entropy, expected, lost.detach()
