"""Score a dispatcher against the tuned rule on instances that training never sees, always deterministic.

Calm instances are played as planned, dynamic ones disturbed, with the same noise for everybody. Nothing is
sampled: the best of N runs on a hidden future would be clairvoyant. The final judgement is not made here:
that is the gate's, on other instances.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from shopfloor.engine.actor import ActorSpec
from shopfloor.engine.arrays import Compiled
from shopfloor.engine.dispatch import dispatch, quick_cost
from shopfloor.engine.rules import RuleSpec
from shopfloor.engine.scenario import Disturbances, Scenario, realise
from shopfloor.training.bank import Bank
from shopfloor.training.curriculum import EpisodeResult

NOISE_SEED = 900_000
"""Validation noise is drawn from here on, away from the episodes' own seeds."""


@dataclass(frozen=True, eq=False)
class ValidationCase:
    """One instance with what really happens; None = as planned."""

    problem: Compiled
    scenario: Scenario | None


@dataclass(frozen=True, eq=False)
class ValidationSet:
    """Cases with the tuned rule's cost on each.

    Attributes:
        cases: Calm ones first, then the disturbed ones.
        reference: Weighted tardiness of the tuned rule on each case, days.
    """

    cases: tuple[ValidationCase, ...]
    reference: tuple[float, ...]

    def results(self, spec: RuleSpec | ActorSpec) -> list[EpisodeResult]:
        """Play every case."""
        rows = []
        for case, reference in zip(self.cases, self.reference, strict=True):
            outcome = dispatch(case.problem, spec, scenario=case.scenario)
            done = float(outcome.is_scheduled.mean()) if len(outcome.code) else 1.0
            rows.append(EpisodeResult(quick_cost(case.problem, outcome), reference, done))
        return rows

    @property
    def n_calm(self) -> int:
        """How many cases go as planned."""
        return sum(case.scenario is None for case in self.cases)

    def ratio(self, spec: RuleSpec | ActorSpec) -> float:
        """Return total cost over the tuned rule's, all cases; below 1 = better than the rule."""
        return total_ratio(self.results(spec))


def total_ratio(results: Sequence[EpisodeResult]) -> float:
    """Return the ratio of sums; 1 where the rule is never late and we are not either."""
    cost = math.fsum(item.cost for item in results)
    reference = math.fsum(item.reference for item in results)
    if reference <= 0:
        return 1.0 if cost <= 0 else math.inf
    return cost / reference


def validation_set(bank: Bank, rule: RuleSpec, disturbances: Disturbances, *, seed: int) -> ValidationSet:
    """Return the cases of held-out instances: the calm ones as planned, the dynamic ones disturbed.

    Args:
        rule: The tuned rule to be measured against.
        seed: Of the noise.
    """
    calm = [ValidationCase(problem, None) for problem in bank.calm]
    rough = [
        ValidationCase(problem, realise(problem, disturbances, NOISE_SEED + 10_007 * seed + i))
        for i, problem in enumerate(bank.dynamic)
    ]
    cases = (*calm, *rough)
    reference = tuple(
        quick_cost(case.problem, dispatch(case.problem, rule, scenario=case.scenario)) for case in cases
    )
    return ValidationSet(cases, reference)
