"""The torch twin of the engine's actor, and the critic that sees the whole plant.

`CandidateActor` computes exactly what `engine`'s kernel computes, with the same names and shapes, so that
what was trained is what runs; a test holds the two within 1e-4. The critic exists for training only and is
never exported.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from shopfloor.engine.actor import ActorWeights
from shopfloor.engine.observation import (
    CANDIDATES_AT,
    GLOBAL_AT,
    LOG_INDEX_SCALE,
    MAX_WORK_CENTRES,
    N_CANDIDATE_FEATURES,
    N_CANDIDATES,
    N_CONTEXT,
    N_HEADS,
    STATE_SIZE,
)

IDLE_BIAS: Final = -8.0
"""Idle logit at the start: 8 nats under the rule's best candidate, so rare, yet within reach of learning."""

LAST_GAIN: Final = 0.1
"""SB3's 0.01 froze the actor under a strong residual prior; 0.1 learned."""


class CandidateActor(nn.Module):
    """Score each candidate with shared weights, add the rule's log-index, give each head an idle logit.

    Weights are stored [in, out], as in `ActorWeights`.

    Args:
        hidden: Widths of the two hidden layers.
        beta: Factor of the rule's log-index; fixed.
    """

    def __init__(self, hidden: tuple[int, int] = (64, 32), *, beta: float = 1.0) -> None:
        super().__init__()
        first, second = hidden
        self.beta = float(beta)
        both = _orthogonal(N_CANDIDATE_FEATURES + N_CONTEXT, first, math.sqrt(2.0))
        self.cand_w = nn.Parameter(both[:N_CANDIDATE_FEATURES].clone())
        self.ctx_w = nn.Parameter(both[N_CANDIDATE_FEATURES:].clone())
        self.b1 = nn.Parameter(torch.zeros(first))
        self.w2 = nn.Parameter(_orthogonal(first, second, math.sqrt(2.0)))
        self.b2 = nn.Parameter(torch.zeros(second))
        self.w3 = nn.Parameter(_orthogonal(second, N_HEADS, LAST_GAIN))
        self.b3 = nn.Parameter(torch.zeros(N_HEADS))
        self.idle_w = nn.Parameter(torch.zeros(N_CONTEXT, N_HEADS))
        self.idle_b = nn.Parameter(torch.full((N_HEADS,), IDLE_BIAS))

    def forward(self, local: Tensor) -> Tensor:
        """Return unmasked logits, head 1 then head 2, shape (rows, 22).

        Args:
            local: float32 (rows, 132).
        """
        candidates = local[:, CANDIDATES_AT:GLOBAL_AT].reshape(-1, N_CANDIDATES, N_CANDIDATE_FEATURES)
        context = torch.cat((local[:, :CANDIDATES_AT], local[:, GLOBAL_AT:]), dim=1)
        hidden = torch.relu(candidates @ self.cand_w + (context @ self.ctx_w + self.b1)[:, None, :])
        hidden = torch.relu(hidden @ self.w2 + self.b2)
        prior = self.beta * LOG_INDEX_SCALE * candidates[:, :, :1]
        scores = (hidden @ self.w3 + self.b3 + prior).transpose(1, 2)
        idle = (context @ self.idle_w + self.idle_b)[:, :, None]
        return torch.cat((scores, idle), dim=2).flatten(1)

    def export(self) -> ActorWeights:
        """Return a copy of the weights for the engine, float32."""
        return ActorWeights(
            **{
                name: np.array(parameter.detach().cpu().numpy(), dtype=np.float32, order="C")
                for name, parameter in self.named_parameters()
            }
        )

    def load(self, weights: ActorWeights) -> None:
        """Take the engine's weights over.

        Raises:
            ValueError: A shape differs.
        """
        for name, value in weights._asdict().items():
            parameter = getattr(self, name)
            if tuple(parameter.shape) != value.shape:
                raise ValueError(
                    f"actor weight {name!r} has another shape: {value.shape}, not {tuple(parameter.shape)}\n"
                    "hint: build the network with the hidden widths of the weights"
                )
            with torch.no_grad():
                parameter.copy_(torch.from_numpy(np.array(value)))


class AgentCritic(nn.Module):
    """Value of what is seen for the agent that acts: [seen; one-hot agent] -> 1.

    Args:
        n_seen: Numbers seen: the plant's state for the centralised critic, one station's view without it.
    """

    def __init__(self, hidden: tuple[int, int] = (128, 128), *, n_seen: int = STATE_SIZE) -> None:
        super().__init__()
        first, second = hidden
        self.layers = nn.Sequential(
            nn.Linear(n_seen + MAX_WORK_CENTRES, first),
            nn.Tanh(),
            nn.Linear(first, second),
            nn.Tanh(),
            nn.Linear(second, 1),
        )
        for layer in self.layers:
            if isinstance(layer, nn.Linear):
                nn.init.orthogonal_(layer.weight, gain=1.0 if layer.out_features == 1 else math.sqrt(2.0))
                nn.init.zeros_(layer.bias)

    def forward(self, seen: Tensor, agent: Tensor) -> Tensor:
        """Return values, shape (rows, 1).

        Args:
            seen: float32 (rows, n_seen).
            agent: float32 (rows, 16), one-hot.
        """
        return self.layers(torch.cat((seen, agent), dim=1))


def _orthogonal(n_in: int, n_out: int, gain: float) -> Tensor:
    return nn.init.orthogonal_(torch.empty(n_in, n_out), gain=gain)
