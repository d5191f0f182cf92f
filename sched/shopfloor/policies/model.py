"""A trained dispatcher as data: a tuned rule, perhaps an actor on top of it, and how warm to sample.

Numpy only: no torch, no file, no training. `bundle.py` stores it, the engine runs what `spec` returns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from shopfloor.engine.rules import RuleSpec

if TYPE_CHECKING:
    from shopfloor.engine.actor import ActorSpec, ActorWeights

Fact = str | int | float | bool | None


@dataclass(frozen=True)
class DispatchModel:
    """A dispatcher that the engine can run.

    Attributes:
        kind: `rule` dispatches by the rule alone; `actor` adds the network's logits to the rule's log-index.
        rule: The tuned rule; for an actor the residual, which also sorts its candidates.
        actor: Network weights; None for a rule.
        beta: Factor of the rule's log-index in the logits, >= 0; unused by a rule.
        temperature: Gumbel noise for samples beyond the deterministic run, >= 0.
        metadata: Where it came from: preset, seed, snapshot, scores. Never read by the engine.
    """

    kind: Literal["rule", "actor"]
    rule: RuleSpec
    actor: ActorWeights | None = None
    beta: float = 1.0
    temperature: float = 0.5
    metadata: Mapping[str, Fact] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in ("rule", "actor"):
            raise ValueError(f"model has an unknown kind: {self.kind!r}\nhint: 'rule' or 'actor'")
        if (self.kind == "actor") != (self.actor is not None):
            raise ValueError(
                f"model of kind {self.kind!r} has actor weights: {self.actor is not None}\n"
                "hint: an actor needs weights, a rule has none"
            )
        if not (self.beta >= 0 and self.temperature >= 0):
            raise ValueError(f"model has a negative beta or temperature: {self.beta}, {self.temperature}")

    @property
    def name(self) -> str:
        """Short name for reports: `rule:ATCS` or `policy`."""
        return self.rule.name if self.kind == "rule" else "policy"

    def spec(self) -> RuleSpec | ActorSpec:
        """Return what the engine's `dispatch` and `best_of` take."""
        if self.actor is None:
            return self.rule
        from shopfloor.engine.actor import ActorSpec

        return ActorSpec(weights=self.actor, rule=self.rule, beta=self.beta)
