"""What a decision earns: the weights of the reward terms, and the scale that keeps the value loss small.

The terms themselves are measured by the engine, in the order of `observation.REWARD_TERMS`; here is only
what they are worth. The potential term telescopes: over an episode it sums to minus the growth of the
weighted tardiness, so with the others at zero the return is the primary KPI.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shopfloor.engine.observation import REWARD_TERMS


@dataclass(frozen=True, slots=True)
class RewardWeights:
    """Worth of one unit of each term.

    Attributes:
        completed_jobs: Per job that is finished.
        all_done: Once, when everything is finished.
        due_date_penalty: Per weighted day of tardiness of a job when it finishes; negative = a penalty.
        slack: Per unit of mean clipped slack of the open jobs.
        wip: Per unit of work in process.
        idle_or_invalid: Per head that idles by choice or picks what it may not; negative = a penalty.
        potential_decrease: Per weighted day by which the estimated total tardiness falls.
        scale: Factor of the sum. SB3 clips the gradients of actor and critic together, so returns must be
            of order 1.
    """

    completed_jobs: float = 0.0
    all_done: float = 0.0
    due_date_penalty: float = 0.0
    slack: float = 0.0
    wip: float = 0.0
    idle_or_invalid: float = -0.01
    potential_decrease: float = 1.0
    scale: float = 1.0

    def vector(self) -> NDArray[np.float64]:
        """Return the scaled weights in the engine's order, float64 (terms,)."""
        return self.scale * np.array([getattr(self, name) for name in REWARD_TERMS], dtype=np.float64)

    def scaled_to(self, reference_cost: float) -> RewardWeights:
        """Return the weights with a scale that makes the tuned rule's tardiness worth 15 per episode.

        Discounting leaves returns of order 1 and a value loss of order 0.1.

        Args:
            reference_cost: Mean weighted tardiness of the tuned rule per episode, days.
        """
        values = {name: getattr(self, name) for name in REWARD_TERMS}
        return RewardWeights(**values, scale=15.0 / max(reference_cost, 1e-3))


LITERAL: Final = RewardWeights(
    completed_jobs=0.5,
    all_done=10.0,
    due_date_penalty=-1.0,
    slack=0.05,
    wip=-0.01,
    idle_or_invalid=-0.1,
    potential_decrease=0.0,
)
"""The six terms of the original design without the potential; for ablations."""
