"""The torch twin of the single dispatcher's pointer network, with the critic that training needs.

What is exported computes what `DispatcherModel.scores` computes; a test holds the two within 1e-4.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from shopfloor.engine.dispatcher_observation import INDEX_CLIP, N_GLOBAL, N_JOB, N_MACHINE, DeskLayout
from shopfloor.policies.dispatcher_model import INDEX, READINESS, DispatcherWeights

WAIT_BIAS: Final = -4.0
"""Score of waiting at the start: rare, yet within reach of learning; jobs start near 0."""

LAST_GAIN: Final = 0.1
"""SB3's 0.01 leaves an actor with vanishing gradients, see the single dispatcher's decision record."""


class PointerNetwork(nn.Module):
    """Encoders per kind of feature, a context, a pointer head, and a critic on the same codes.

    Args:
        layout: How the observation is cut; the weights do not depend on it.
        widths: Of machine, job and plant codes.
        prior: Factor of the rule's index in each job's score; fixed.
    """

    def __init__(
        self, layout: DeskLayout, *, widths: tuple[int, int, int] = (16, 32, 16), prior: float = 0.0
    ) -> None:
        super().__init__()
        self.layout, self.prior = layout, float(prior)
        m, h, g = widths
        gain = math.sqrt(2.0)
        self.machine = _linear(N_MACHINE, m, gain)
        self.job = _linear(N_JOB, h, gain)
        self.job2 = _linear(h, h, gain)
        self.plant = _linear(N_GLOBAL, g, gain)
        self.context = _linear(m + 2 * h + g, h, gain)
        self.point = _linear(h, h, gain)
        self.score = _linear(h, 1, LAST_GAIN, bias=False)
        self.wait = _linear(h, 1, LAST_GAIN)
        nn.init.constant_(self.wait.bias, WAIT_BIAS)
        self.critic = nn.Sequential(_linear(m + 2 * h + g, 64, gain), nn.Tanh(), _linear(64, 1, 1.0))

    def forward(self, observation: Tensor) -> tuple[Tensor, Tensor]:
        """Return the scores of all actions before the mask (rows, actions), and values (rows, 1)."""
        code, jobs, codes = self._encode(observation)
        context = torch.relu(self.context(codes))
        point = torch.relu(self.point(code) + context[:, None, :])
        score = self.score(point)[:, :, 0] + self.prior * INDEX_CLIP * jobs[:, :, INDEX]
        return torch.cat((score, self.wait(context)), dim=1), self.critic(codes)

    def values(self, observation: Tensor) -> Tensor:
        """Return values alone, (rows, 1)."""
        return self.critic(self._encode(observation)[2])

    def _encode(self, observation: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        layout = self.layout
        n = observation.shape[0]
        machines = observation[:, : layout.jobs_at].reshape(n, -1, N_MACHINE)
        jobs = observation[:, layout.jobs_at : layout.global_at].reshape(n, -1, N_JOB)
        machine = torch.relu(self.machine(machines)).mean(dim=1)
        code = torch.relu(self.job2(torch.relu(self.job(jobs))))
        plant = torch.relu(self.plant(observation[:, layout.global_at :]))
        shown = _mean_of(code, jobs[:, :, READINESS] > -0.75)
        legal = _mean_of(code, jobs[:, :, READINESS] > 0.75)
        return code, jobs, torch.cat((machine, shown, legal, plant), dim=1)

    def export(self) -> DispatcherWeights:
        """Return a copy of the actor's weights, float32."""
        layers = ("machine", "job", "job2", "plant", "context", "point", "score", "wait")
        arrays = {}
        for name in layers:
            layer = getattr(self, name)
            arrays[f"{name}_w"] = np.ascontiguousarray(layer.weight.detach().cpu().numpy().T, np.float32)
            if layer.bias is not None:
                arrays[f"{name}_b"] = np.array(layer.bias.detach().cpu().numpy(), np.float32)
        return DispatcherWeights(**arrays)


def _mean_of(code: Tensor, rows: Tensor) -> Tensor:
    share = rows.to(code.dtype)
    return torch.einsum("nw,nwh->nh", share, code) / share.sum(dim=1, keepdim=True).clamp(min=1.0)


def _linear(n_in: int, n_out: int, gain: float, *, bias: bool = True) -> nn.Linear:
    layer = nn.Linear(n_in, n_out, bias=bias)
    nn.init.orthogonal_(layer.weight, gain=gain)
    if bias:
        nn.init.zeros_(layer.bias)
    return layer
