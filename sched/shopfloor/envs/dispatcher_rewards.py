"""What a choice of the single dispatcher earns, and the scale that keeps the value loss small."""

from __future__ import annotations

from dataclasses import dataclass, replace

from shopfloor.engine.dispatcher_desk import Told


@dataclass(frozen=True, slots=True)
class DispatcherReward:
    """Worth of one unit of each amount, in weighted days of tardiness.

    Attributes:
        overtime: Price of a regular hour's worth of extra overtime cost.
        wait: Price of starting nothing.
        illegal: Price of an illegal action, which starts another job instead.
        scale: Factor of the sum. SB3 clips the gradients of actor and critic together: with returns far from
            order 1 the actor stands still.
    """

    overtime: float = 0.02
    wait: float = 0.0
    illegal: float = 1.0
    scale: float = 1.0

    def of(self, told: Told) -> float:
        """Return what happened between two decisions is worth.

        The gains of an episode add up to minus its weighted tardiness, plus what the book's potential was at
        the beginning, which no choice changes.
        """
        price = self.overtime * told.extra + self.wait * told.has_waited + self.illegal * told.is_illegal
        return self.scale * (told.gain - price)

    def scaled_to(self, reference_cost: float) -> DispatcherReward:
        """Return the same with a scale that makes a reference's tardiness worth 0.5 per episode.

        Args:
            reference_cost: Mean weighted tardiness of the reference per episode, days.
        """
        return replace(self, scale=0.5 / max(reference_cost, 1e-3))
