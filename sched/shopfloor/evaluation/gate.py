"""The gate: from evidence to a verdict, criterion by criterion, each with its numbers.

It is closed by default: what was not measured is a failed criterion, equal is not better, and a good mean
with a wide interval is not proof. It runs nothing, reads nothing and promotes nobody: the caller acts on
`Verdict.is_promoted`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from shopfloor.evaluation import criteria
from shopfloor.evaluation.bar import GateConfig
from shopfloor.evaluation.criteria import Criterion
from shopfloor.evaluation.evidence import Evidence


@dataclass(frozen=True)
class Verdict:
    """Whether the candidate becomes champion, and why.

    Attributes:
        is_promoted: All criteria passed.
        reason: One sentence for people.
        criteria: Every criterion that was judged, passed or not.
    """

    is_promoted: bool
    reason: str
    criteria: tuple[Criterion, ...]

    @property
    def failed(self) -> tuple[Criterion, ...]:
        """Criteria that were not met."""
        return tuple(criterion for criterion in self.criteria if not criterion.passed)

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON-able values without NaN or infinity."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Verdict:
        """Read `as_dict`'s values back, after a trip through JSON too."""
        return cls(
            is_promoted=bool(values["is_promoted"]),
            reason=str(values["reason"]),
            criteria=tuple(Criterion.from_dict(row) for row in values["criteria"]),
        )

    def lines(self) -> tuple[str, ...]:
        """Return the verdict as lines for a console."""
        width = max((len(criterion.name) for criterion in self.criteria), default=0)
        return (
            f"{'PROMOTED' if self.is_promoted else 'NOT PROMOTED'}: {self.reason}",
            *(criterion.line(width) for criterion in self.criteria),
        )


def judge(evidence: Evidence, config: GateConfig | None = None) -> Verdict:
    """Return the verdict on the candidate of `evidence`.

    The candidate must beat the best tuned rule and the champion on avoidable weighted tardiness (95 %
    interval of the paired ratio entirely below 1), be no worse than greedy on every other KPI, make only
    valid plans in time, keep its head under stress and do no worse than the plant really did.
    """
    bar = config or GateConfig()
    judged = tuple(criterion for rule in RULES for criterion in rule(evidence, bar))
    failed = [criterion for criterion in judged if not criterion.passed]
    return Verdict(is_promoted=not failed, reason=_sentence(evidence, judged, failed), criteria=judged)


def _sentence(evidence: Evidence, judged: tuple[Criterion, ...], failed: list[Criterion]) -> str:
    if not failed:
        best = next(criterion for criterion in judged if criterion.name == criteria.BEATS_RULE)
        return f"{evidence.candidate} passed all {len(judged)} criteria; {best.detail}"
    shown = "; ".join(f"{criterion.title}: {criterion.detail}" for criterion in failed[:3])
    more = f"; and {len(failed) - 3} more" if len(failed) > 3 else ""
    return f"{evidence.champion} stays: {len(failed)} of {len(judged)} criteria failed: {shown}{more}"


RULES: tuple[Callable[[Evidence, GateConfig], tuple[Criterion, ...]], ...] = (
    criteria.enough_cases,
    criteria.beats_best_rule,
    criteria.beats_champion,
    criteria.holds_on_each_kind,
    criteria.no_worse_than_greedy,
    criteria.all_plans_valid,
    criteria.fast_enough,
    criteria.stands_stress,
    criteria.no_worse_than_history,
)
"""A new criterion is a function here."""
