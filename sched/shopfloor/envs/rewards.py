"""What a decision earns: the weights of the reward terms, and the scale that keeps the value loss small.

The terms themselves are measured by the engine, in the order of `observation.REWARD_TERMS`; here is only
what they are worth. Six of them are the original design's; the seventh, the potential, telescopes: over an
episode it sums to minus the growth of the weighted tardiness, so with the others at zero the return is the
primary KPI. The scale is fixed before the first update, so that returns mean the same all along.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shopfloor.engine.arrays import Compiled
from shopfloor.engine.batch import BatchEngine
from shopfloor.engine.observation import IDLE, N_ACTIONS, REWARD_TERMS
from shopfloor.engine.rules import RuleSpec

EPISODE_WORTH: Final = 15.0
"""Sum of the weighted terms of an episode of the tuned rule, in size: discounting leaves returns of order 1."""


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
        return replace(self, scale=EPISODE_WORTH / max(reference_cost, 1e-3))

    def scaled_by(self, totals: NDArray[np.float64]) -> RewardWeights:
        """Return the weights with a scale that makes all terms of an episode together worth 15 in size.

        For rewards that are not made of tardiness alone: a plant without any would get a huge scale.

        Args:
            totals: What the tuned rule's episodes add up to per term, in size, float64 (terms,).
        """
        size = float(np.abs(replace(self, scale=1.0).vector()) @ np.abs(totals))
        return replace(self, scale=EPISODE_WORTH / max(size, 1e-3))


def rule_totals(problems: Sequence[Compiled], rule: RuleSpec) -> NDArray[np.float64]:
    """Return the mean size of each term's sum over a calm episode of the rule, float64 (terms,).

    Args:
        problems: At least one; each is played once.
    """
    engine = BatchEngine(problems, len(problems), rule=rule)
    for number in range(len(problems)):
        engine.reset(number, number, 0)
    totals = np.zeros((len(problems), len(REWARD_TERMS)))
    is_over = engine.observe().agent < 0
    while not is_over.all():
        second = np.where(engine.observe().mask[:, N_ACTIONS + 1], 1, IDLE)
        result = engine.step(np.stack((np.zeros_like(second), second), axis=1))
        totals[~is_over] += result.terms[~is_over]
        is_over = is_over | result.done
    return np.abs(totals).mean(axis=0)
