"""SB3's actor-critic policy for turn rows: the shared actor, the two masked heads, the centralised critic.

SB3's own PPO drives it unmodified. The actor reads `local` and `mask` only; the critic reads `glob` and
`agent`, or for an ablation `local` and `agent`; `clock` is for the advantage buffer and is read by neither.
"""

from __future__ import annotations

from typing import Any

from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import FlattenExtractor
from stable_baselines3.common.type_aliases import PyTorchObs, Schedule
from torch import Tensor

from shopfloor.engine.observation import OBSERVATION_SIZE, STATE_SIZE
from shopfloor.policies.distribution import AS_DESIGNED, Choice, MaskedPairDistribution
from shopfloor.policies.network import AgentCritic, CandidateActor


class StationPolicy(ActorCriticPolicy):
    """Decentralised actor, centralised critic.

    Args:
        hidden: Widths of the candidate scorer.
        critic_hidden: Widths of the critic.
        beta: Factor of the rule's log-index in the logits.
        choice: How the heads choose.
        is_central: Whether the critic sees the plant; else what its station sees.
    """

    actor: CandidateActor
    critic: AgentCritic

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        lr_schedule: Schedule,
        *,
        hidden: tuple[int, int] = (64, 32),
        critic_hidden: tuple[int, int] = (128, 128),
        beta: float = 1.0,
        choice: Choice = AS_DESIGNED,
        is_central: bool = True,
        **kwargs: Any,
    ) -> None:
        self._sizes = (hidden, critic_hidden, beta)
        self._choice, self._is_central = choice, is_central
        options: dict[str, Any] = {"features_extractor_class": FlattenExtractor, "ortho_init": False} | kwargs
        super().__init__(observation_space, action_space, lr_schedule, **options)

    def _build(self, lr_schedule: Schedule) -> None:
        hidden, critic_hidden, beta = self._sizes
        self.actor = CandidateActor(hidden, beta=beta)
        n_seen = STATE_SIZE if self._is_central else OBSERVATION_SIZE
        self.critic = AgentCritic(critic_hidden, n_seen=n_seen)
        self.action_dist = MaskedPairDistribution(self._choice)
        parameters = [*self.actor.parameters(), *self.critic.parameters()]
        options: dict[str, Any] = {"lr": lr_schedule(1)} | self.optimizer_kwargs
        self.optimizer = self.optimizer_class(parameters, **options)

    def forward(self, obs: PyTorchObs, deterministic: bool = False) -> tuple[Tensor, Tensor, Tensor]:
        """Return actions (rows, 2), values (rows, 1) and log-probabilities (rows,)."""
        distribution = self.get_distribution(obs)
        actions = distribution.get_actions(deterministic=deterministic)
        return actions, self.predict_values(obs), distribution.log_prob(actions)

    def evaluate_actions(self, obs: PyTorchObs, actions: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return values, log-probabilities of given actions, and entropies."""
        distribution = self.get_distribution(obs)
        return self.predict_values(obs), distribution.log_prob(actions), distribution.entropy()

    def get_distribution(self, obs: PyTorchObs) -> MaskedPairDistribution:
        """Return the distribution of both heads."""
        assert isinstance(obs, dict)
        logits = self.actor(obs["local"].float())
        return MaskedPairDistribution(self._choice).proba_distribution(logits, obs["mask"])

    def predict_values(self, obs: PyTorchObs) -> Tensor:
        """Return the critic's values, shape (rows, 1)."""
        assert isinstance(obs, dict)
        return self.critic(obs["glob" if self._is_central else "local"].float(), obs["agent"].float())

    def _predict(self, observation: PyTorchObs, deterministic: bool = False) -> Tensor:
        return self.get_distribution(observation).get_actions(deterministic=deterministic)

    def freeze_actor(self, frozen: bool) -> None:
        """Let updates move the critic only, or both again."""
        for parameter in self.actor.parameters():
            parameter.requires_grad_(not frozen)
