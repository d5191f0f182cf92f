"""Which instance an episode has and what goes wrong in it: calm in stage 1, disturbed in stage 2, anchors.

An episode depends on (seed, environment, episode number) only, so any of them can be played again alone. It
knows instances by number and draws no noise itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class EpisodePlan:
    """One episode to play.

    Attributes:
        problem: Position of its instance.
        seed: Of its noise.
        is_disturbed: Whether breakdowns, arrivals and duration noise happen.
        is_anchor: A calm episode among disturbed ones, so that the baseline is not forgotten.
    """

    problem: int
    seed: int
    is_disturbed: bool
    is_anchor: bool


@dataclass(frozen=True, slots=True)
class EpisodeStream:
    """The episodes of every environment.

    Attributes:
        n_calm: Instances to choose from for calm episodes: the first ones of the bank.
        n_dynamic: Instances for disturbed episodes, behind them in the bank; 0 = the calm ones serve both.
        seed: Of the whole stream.
        anchor_every: Every k-th episode of an environment in stage 2 is calm; 0 = none.
    """

    n_calm: int
    n_dynamic: int = 0
    seed: int = 0
    anchor_every: int = 4

    def plan(self, environment: int, episode: int, *, is_dynamic: bool) -> EpisodePlan:
        """Return an episode of an environment.

        Args:
            episode: Number within the environment, from 0.
            is_dynamic: Whether stage 2 is on.
        """
        generator = np.random.default_rng((self.seed, environment, episode))
        share = float(generator.random())
        noise = int(generator.integers(2**31))
        is_anchor = is_dynamic and self.anchor_every > 0 and episode % self.anchor_every == 0
        is_disturbed = is_dynamic and not is_anchor
        if is_disturbed and self.n_dynamic:
            problem = self.n_calm + int(share * self.n_dynamic)
        else:
            problem = int(share * self.n_calm)
        return EpisodePlan(problem, noise, is_disturbed, is_anchor)
