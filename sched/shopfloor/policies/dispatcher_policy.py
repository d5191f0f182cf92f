"""sb3-contrib's maskable actor-critic policy around the pointer network; MaskablePPO drives it unmodified."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from sb3_contrib.common.maskable.distributions import MaskableCategoricalDistribution, MaskableDistribution
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from stable_baselines3.common.torch_layers import FlattenExtractor
from stable_baselines3.common.type_aliases import PyTorchObs, Schedule
from torch import Tensor

from shopfloor.engine.dispatcher_observation import DeskLayout
from shopfloor.policies.dispatcher_network import PointerNetwork


class DispatcherPolicy(MaskableActorCriticPolicy):
    """Pointer actor and critic on shared encoders.

    Args:
        layout: How the observation is cut.
        widths: Of machine, job and plant codes.
        prior: Factor of the rule's index in each job's score.
    """

    network: PointerNetwork

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        lr_schedule: Schedule,
        *,
        layout: DeskLayout,
        widths: tuple[int, int, int] = (16, 32, 16),
        prior: float = 0.0,
        **kwargs: Any,
    ) -> None:
        self._sizes = (layout, widths, prior)
        options: dict[str, Any] = {"features_extractor_class": FlattenExtractor, "ortho_init": False} | kwargs
        super().__init__(observation_space, action_space, lr_schedule, **options)

    def _build(self, lr_schedule: Schedule) -> None:
        layout, widths, prior = self._sizes
        self.network = PointerNetwork(layout, widths=widths, prior=prior)
        options: dict[str, Any] = {"lr": lr_schedule(1)} | self.optimizer_kwargs
        self.optimizer = self.optimizer_class(self.network.parameters(), **options)

    def forward(
        self, obs: Tensor, deterministic: bool = False, action_masks: np.ndarray | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return actions (rows,), values (rows, 1) and log-probabilities (rows,)."""
        scores, values = self.network(obs.float())
        distribution = _masked(scores, action_masks)
        actions = distribution.get_actions(deterministic=deterministic)
        return actions, values, distribution.log_prob(actions)

    def evaluate_actions(
        self, obs: Tensor, actions: Tensor, action_masks: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return values, log-probabilities of given actions, and entropies."""
        scores, values = self.network(obs.float())
        distribution = _masked(scores, action_masks)
        return values, distribution.log_prob(actions), distribution.entropy()

    def get_distribution(
        self, obs: PyTorchObs, action_masks: np.ndarray | None = None
    ) -> MaskableDistribution:
        """Return the masked distribution over the window's rows and waiting."""
        assert isinstance(obs, Tensor)
        return _masked(self.network(obs.float())[0], action_masks)

    def predict_values(self, obs: PyTorchObs) -> Tensor:
        """Return the critic's values, (rows, 1)."""
        assert isinstance(obs, Tensor)
        return self.network.values(obs.float())

    def _predict(
        self, observation: PyTorchObs, deterministic: bool = False, action_masks: np.ndarray | None = None
    ) -> Tensor:
        return self.get_distribution(observation, action_masks).get_actions(deterministic=deterministic)


def _masked(scores: Tensor, masks: np.ndarray | Tensor | None) -> MaskableCategoricalDistribution:
    distribution = MaskableCategoricalDistribution(scores.shape[1]).proba_distribution(scores)
    if masks is not None:
        distribution.apply_masking(torch.as_tensor(masks).bool() if isinstance(masks, Tensor) else masks)
    return distribution
