"""A learned policy as arrays: what it is made of and whether it may be used.

The forward pass is in `kernel/actor.py`. No file is read here and no torch is needed: a bundle becomes
`ActorWeights` elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from shopfloor.engine.kernel.actor import ActorWeights, forward
from shopfloor.engine.layout import Singles
from shopfloor.engine.observation import (
    CANDIDATE,
    MASK_SIZE,
    N_ACTIONS,
    N_CANDIDATES,
    N_CONTEXT,
    N_HEADS,
    OBSERVATION_SIZE,
)
from shopfloor.engine.rules import RuleSpec

__all__ = ["ActorSpec", "ActorWeights", "check_weights", "logits_of", "zero_weights"]


@dataclass(frozen=True, eq=False)
class ActorSpec:
    """A policy: the network on top of a rule.

    Attributes:
        weights: The network.
        rule: Orders and preselects the candidates, and is what the network corrects.
        beta: Weight of the rule's log-index in each candidate's logit; with zero weights and beta > 0 the
            policy is
            the rule, but for idling (give the idle bias a large negative number).
    """

    weights: ActorWeights
    rule: RuleSpec = field(default_factory=RuleSpec)
    beta: float = 1.0

    @property
    def name(self) -> str:
        """Short name for reports."""
        return "policy"


def zero_weights(hidden1: int = 64, hidden2: int = 32, *, idle_bias: float = -1e6) -> ActorWeights:
    """Return a network that adds nothing to the rule and never idles by choice."""

    def zeros(*shape: int) -> Singles:
        return np.zeros(shape, dtype=np.float32)

    return ActorWeights(
        cand_w=zeros(len(CANDIDATE), hidden1),
        ctx_w=zeros(N_CONTEXT, hidden1),
        b1=zeros(hidden1),
        w2=zeros(hidden1, hidden2),
        b2=zeros(hidden2),
        w3=zeros(hidden2, N_HEADS),
        b3=zeros(N_HEADS),
        idle_w=zeros(N_CONTEXT, N_HEADS),
        idle_b=np.full(N_HEADS, idle_bias, dtype=np.float32),
    )


def hidden_scratch(weights: ActorWeights) -> Singles:
    """Return the working memory that one forward pass needs."""
    return np.zeros((3, max(len(weights.b1), len(weights.b2))), dtype=np.float32)


def check_weights(weights: ActorWeights) -> ActorWeights:
    """Return the weights as float32 C-contiguous arrays.

    Raises:
        ValueError: A shape does not fit the observation or the other arrays, or a number is not finite.
    """
    arrays = {
        name: np.ascontiguousarray(value, dtype=np.float32) for name, value in weights._asdict().items()
    }
    wanted = zero_weights(arrays["b1"].shape[0], arrays["b2"].shape[0])._asdict()
    for name, value in arrays.items():
        if value.shape != wanted[name].shape:
            raise ValueError(
                f"actor weight {name!r} has the wrong shape: {value.shape}, wanted {wanted[name].shape}\n"
                "hint: the weights are stored [in, out], torch's Linear stores [out, in]"
            )
        if not np.isfinite(value).all():
            raise ValueError(
                f"actor weight {name!r} is not finite: {int((~np.isfinite(value)).sum())} numbers\n"
                "hint: the training diverged; take an earlier checkpoint"
            )
    return ActorWeights(**arrays)


def logits_of(spec: ActorSpec, observations: Singles, masks: np.ndarray) -> Singles:
    """Return the masked logits, float32 (rows, 2, 11); -inf where the mask forbids.

    Args:
        observations: float32 (rows, 132).
        masks: bool (rows, 22).
    """
    observations = np.ascontiguousarray(observations, dtype=np.float32).reshape(-1, OBSERVATION_SIZE)
    result = np.zeros((len(observations), N_HEADS, N_ACTIONS), dtype=np.float32)
    hidden = hidden_scratch(spec.weights)
    for row, observation in enumerate(observations):
        forward(spec.weights, float(spec.beta), observation, N_CANDIDATES, result[row], hidden)
    legal = np.asarray(masks, dtype=bool).reshape(-1, MASK_SIZE).reshape(-1, N_HEADS, N_ACTIONS)
    return np.where(legal, result, np.float32(-np.inf)).astype(np.float32)
