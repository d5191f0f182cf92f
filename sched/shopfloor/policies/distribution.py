"""Two dispatching heads without replacement: mask, exclude, sample, and be exact about the probabilities.

Head 1 chooses a candidate (0..9) or idle (10); head 2 chooses among what is left: never the candidate of
head 1, while idle may repeat. Log-probability and entropy are those of the joint choice after mask and
exclusion, so PPO's ratio is exact. It does not know what a candidate is, and it does not repair a mask: a
head without any legal choice idles. For ablations mask and exclusion can be left out, and the probabilities
are exact for that.

References:
    Kool, van Hoof & Welling (2019), "Stochastic beams and where to find them", section 2 (Gumbel-max,
    sampling without replacement); Huang & Ontanon (2022), "A closer look at invalid action masking".
"""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from stable_baselines3.common.distributions import Distribution
from torch import Tensor, nn

N_CANDIDATES: Final = 10
IDLE: Final = N_CANDIDATES
N_CHOICES: Final = N_CANDIDATES + 1
FAR: Final = -1.0e8
"""Logit of what is illegal: finite in float32, and its probability is exactly 0."""


def legal_rows(mask: Tensor) -> Tensor:
    """Return the mask with idle made legal where nothing else is, shape and type of `mask` (bool)."""
    nothing = ~mask.any(dim=-1, keepdim=True)
    only_idle = torch.zeros_like(mask)
    only_idle[..., IDLE] = True
    return torch.where(nothing, only_idle, mask)


def log_softmax_over(logits: Tensor, mask: Tensor) -> Tensor:
    """Return log-probabilities over the legal choices; about `FAR` for the others."""
    return torch.log_softmax(torch.where(mask, logits, torch.full_like(logits, FAR)), dim=-1)


def without(mask: Tensor, taken: Tensor) -> Tensor:
    """Return `mask` less the candidate `taken` of each row; idle is never taken away.

    Args:
        mask: bool (rows, 11).
        taken: int64 (rows,), choice of head 1.
    """
    is_taken = nn.functional.one_hot(taken, N_CHOICES).bool()
    is_taken[..., IDLE] = False
    return legal_rows(mask & ~is_taken)


def row_entropy(logits: Tensor, mask: Tensor) -> Tensor:
    """Return the entropy of each row in nats; 0 where one choice is legal."""
    log_p = log_softmax_over(logits, mask)
    return -(torch.where(mask, log_p.exp() * log_p, torch.zeros_like(log_p))).sum(dim=-1)


class Choice(NamedTuple):
    """How the two heads choose.

    Attributes:
        has_mask: Whether illegal choices have probability 0; off: every entry may be chosen.
        has_exclusion: Whether head 2 may not take head 1's candidate.
    """

    has_mask: bool = True
    has_exclusion: bool = True


AS_DESIGNED: Final = Choice()
"""Masked, and without replacement."""


class MaskedPairDistribution(Distribution):
    """Joint distribution of the two heads.

    Shapes: logits (rows, 22) and mask (rows, 22) hold head 1, then head 2; actions (rows, 2).
    """

    def __init__(self, choice: Choice = AS_DESIGNED) -> None:
        super().__init__()
        self.choice = choice
        self.logits: Tensor = torch.zeros(0, 2, N_CHOICES)
        self.mask: Tensor = torch.zeros(0, 2, N_CHOICES, dtype=torch.bool)

    def proba_distribution_net(self, *args: object, **kwargs: object) -> nn.Module:
        """Return the net from the actor to the logits: none, the actor gives them."""
        return nn.Identity()

    def proba_distribution(self, logits: Tensor, mask: Tensor) -> MaskedPairDistribution:
        """Set the parameters.

        Args:
            logits: float (rows, 22), finite.
            mask: (rows, 22), nonzero = legal.
        """
        self.logits = logits.reshape(-1, 2, N_CHOICES)
        legal = mask.reshape(-1, 2, N_CHOICES).bool()
        self.mask = legal_rows(legal) if self.choice.has_mask else torch.ones_like(legal)
        return self

    def left_for_second(self, mask: Tensor, taken: Tensor) -> Tensor:
        """Return what head 2 may choose when head 1 took `taken`; arguments as in `without`."""
        return without(mask, taken) if self.choice.has_exclusion else mask

    def log_prob(self, actions: Tensor) -> Tensor:
        """Return the joint log-probability, shape (rows,)."""
        choice = actions.reshape(-1, 2).long()
        first = log_softmax_over(self.logits[:, 0], self.mask[:, 0])
        second = log_softmax_over(self.logits[:, 1], self.left_for_second(self.mask[:, 1], choice[:, 0]))
        one = first.gather(1, choice[:, :1])
        two = second.gather(1, choice[:, 1:])
        return (one + two).squeeze(1)

    def entropy(self) -> Tensor:
        """Return the joint entropy H(first) + sum_a p(a) H(second | a), shape (rows,), nats."""
        total = row_entropy(self.logits[:, 0], self.mask[:, 0])
        live = self.mask[:, 1].sum(dim=-1) > 1
        if not bool(live.any()):
            return total
        mask = self.mask[live]
        n_rows = mask.shape[0]
        first = log_softmax_over(self.logits[live, 0], mask[:, 0]).exp()
        taken = torch.arange(N_CHOICES, device=mask.device).repeat(n_rows)
        left = self.left_for_second(mask[:, 1].repeat_interleave(N_CHOICES, dim=0), taken)
        logits = self.logits[live, 1].repeat_interleave(N_CHOICES, dim=0)
        conditional = row_entropy(logits, left).reshape(n_rows, N_CHOICES)
        extra = torch.zeros_like(total)
        extra[live] = (first * conditional).sum(dim=-1)
        return total + extra

    def probabilities(self) -> Tensor:
        """Return the exact joint table, shape (rows, 11, 11); illegal pairs are exactly 0."""
        n_rows = self.mask.shape[0]
        first = log_softmax_over(self.logits[:, 0], self.mask[:, 0]).exp()
        taken = torch.arange(N_CHOICES, device=self.mask.device).repeat(n_rows)
        left = self.left_for_second(self.mask[:, 1].repeat_interleave(N_CHOICES, dim=0), taken)
        second = log_softmax_over(self.logits[:, 1].repeat_interleave(N_CHOICES, dim=0), left).exp()
        return first[:, :, None] * second.reshape(n_rows, N_CHOICES, N_CHOICES)

    def sample(self) -> Tensor:
        """Draw one pair per row by the Gumbel-max trick, int64 (rows, 2)."""
        uniform = torch.rand_like(self.logits).clamp_min(torch.finfo(self.logits.dtype).tiny)
        gumbel = -torch.log(-torch.log(uniform).clamp_max(-torch.finfo(self.logits.dtype).eps))
        return self._best(self.logits + gumbel)

    def mode(self) -> Tensor:
        """Return head 1's best choice and head 2's best of what is left, int64 (rows, 2)."""
        return self._best(self.logits)

    def actions_from_params(self, logits: Tensor, mask: Tensor, deterministic: bool = False) -> Tensor:
        """Return actions for these parameters."""
        return self.proba_distribution(logits, mask).get_actions(deterministic)

    def log_prob_from_params(self, logits: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return actions and their log-probabilities."""
        actions = self.actions_from_params(logits, mask)
        return actions, self.log_prob(actions)

    def _best(self, score: Tensor) -> Tensor:
        first = torch.where(self.mask[:, 0], score[:, 0], torch.full_like(score[:, 0], FAR)).argmax(dim=-1)
        left = self.left_for_second(self.mask[:, 1], first)
        second = torch.where(left, score[:, 1], torch.full_like(score[:, 1], FAR)).argmax(dim=-1)
        return torch.stack((first, second), dim=1)
