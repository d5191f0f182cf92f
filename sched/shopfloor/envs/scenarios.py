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
        n_problems: Instances to choose from.
        seed: Of the whole stream.
        anchor_every: Every k-th episode of an environment in stage 2 is calm; 0 = none.
    """

    n_problems: int
    seed: int = 0
    anchor_every: int = 4

    def plan(self, environment: int, episode: int, *, is_dynamic: bool) -> EpisodePlan:
        """Return an episode of an environment.

        Args:
            episode: Number within the environment, from 0.
            is_dynamic: Whether stage 2 is on.
        """
        generator = np.random.default_rng((self.seed, environment, episode))
        problem = int(generator.integers(self.n_problems))
        noise = int(generator.integers(2**31))
        is_anchor = is_dynamic and self.anchor_every > 0 and episode % self.anchor_every == 0
        return EpisodePlan(problem, noise, is_dynamic and not is_anchor, is_anchor)
