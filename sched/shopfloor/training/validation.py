"""Score a dispatcher against the tuned rule on instances that training never sees, always deterministic.

Calm instances are played as planned, dynamic ones disturbed, with the same noise for everybody. Nothing is
sampled: the best of N runs on a hidden future would be clairvoyant. The final judgement is not made here:
that is the gate's, on other instances.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from shopfloor.engine.actor import ActorSpec
from shopfloor.engine.rules import RuleSpec
from shopfloor.engine.scenario import Disturbances, realise
from shopfloor.envs.score import EpisodeKpis, episode_kpis
from shopfloor.policies.batch_play import PlayCase, play_cases
from shopfloor.policies.distribution import AS_DESIGNED, Choice
from shopfloor.training.bank import Bank
from shopfloor.training.curriculum import EpisodeResult, tardiness_ratio

NOISE_SEED = 900_000
"""Validation noise is drawn from here on, away from the episodes' own seeds."""


@dataclass(frozen=True, eq=False)
class ValidationSet:
    """Cases with the tuned rule's figures on each.

    Attributes:
        cases: Calm ones first, then the disturbed ones.
        rule: The tuned rule's figures on each case.
        disturbances: What the disturbed ones were drawn from.
        choice: How the policies that are scored choose.
    """

    cases: tuple[PlayCase, ...]
    rule: tuple[EpisodeKpis, ...]
    disturbances: Disturbances = field(default_factory=Disturbances)
    choice: Choice = AS_DESIGNED

    def results(self, spec: RuleSpec | ActorSpec) -> list[EpisodeResult]:
        """Play every case."""
        outcomes = play_cases(self.cases, spec, choice=self.choice, disturbances=self.disturbances)
        return [
            EpisodeResult(episode_kpis(case.problem, outcome), rule)
            for case, outcome, rule in zip(self.cases, outcomes, self.rule, strict=True)
        ]

    @property
    def n_calm(self) -> int:
        """How many cases go as planned."""
        return sum(case.scenario is None for case in self.cases)

    def ratio(self, spec: RuleSpec | ActorSpec) -> float:
        """Return total cost over the tuned rule's, all cases; below 1 = better than the rule."""
        return tardiness_ratio(self.results(spec))


def validation_set(
    bank: Bank, rule: RuleSpec, disturbances: Disturbances, *, seed: int, choice: Choice = AS_DESIGNED
) -> ValidationSet:
    """Return the cases of held-out instances: the calm ones as planned, the dynamic ones disturbed.

    Args:
        rule: The tuned rule to be measured against.
        seed: Of the noise.
        choice: How the policies choose.
    """
    calm = [PlayCase(problem, None) for problem in bank.calm]
    rough = [
        PlayCase(problem, realise(problem, disturbances, NOISE_SEED + 10_007 * seed + i))
        for i, problem in enumerate(bank.dynamic)
    ]
    cases: Sequence[PlayCase] = (*calm, *rough)
    figures = tuple(
        episode_kpis(case.problem, outcome)
        for case, outcome in zip(cases, play_cases(cases, rule), strict=True)
    )
    return ValidationSet(tuple(cases), figures, disturbances, choice)
