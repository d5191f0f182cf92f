"""How the learned policy is best used while the shop runs: alone, inside planning again, or not at all.

The ways meet on cases with a hidden future that neither training nor the gate uses. The least weighted tardiness
wins; a way that uses the policy must be better than planning again without it, or it has not earned its place.
Budgets are moves, so the choice is the same on every machine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from shopfloor.engine.actor import ActorSpec
from shopfloor.engine.dispatch import dispatch, quick_cost
from shopfloor.engine.rules import RuleSpec
from shopfloor.evaluation.replanning import ReplanSettings, replan
from shopfloor.evaluation.scoring import enter
from shopfloor.twin.bank import SuiteCase

RULE: Final = "tuned rule alone"
ALONE: Final = "policy alone"
REPLAN: Final = "planning again"
REPLAN_FROM_POLICY: Final = "planning again, the policy's plan among the starts"
MOVES: Final = 10_000
"""Of the search at each planning: about 10 CPU milliseconds on 440 operations."""


@dataclass(frozen=True)
class Combination:
    """The way that won.

    Attributes:
        name: One of this module's names.
        ratios: Weighted tardiness of each way over the tuned rule's, sums over the cases; below 1 = better.
        n_cases: Cases that they met on.
    """

    name: str
    ratios: Mapping[str, float]
    n_cases: int

    @property
    def uses_policy(self) -> bool:
        """Whether the learned part earned a place."""
        return self.name in (ALONE, REPLAN_FROM_POLICY)

    def text(self) -> str:
        """Return `planning again (policy alone 0.981, planning again 0.972, ...; 3 cases)`."""
        others = ", ".join(f"{name} {ratio:.3f}" for name, ratio in self.ratios.items())
        return f"{self.name} ({others}; {self.n_cases} cases)"


def choose_combination(
    cases: Sequence[SuiteCase],
    rule: RuleSpec,
    policy: ActorSpec,
    *,
    seed: int = 0,
    progress: Callable[[int, int, str], None] | None = None,
) -> Combination:
    """Return the best way of using the policy.

    Args:
        cases: With a hidden future, at least one.
        rule: The tuned rule: opponent, and what planning again starts from.
        seed: Of the search.
        progress: Called with (cases done, all cases, name of the case).

    Raises:
        ValueError: There is no case with a hidden future.
    """
    rough = [case for case in cases if case.disturbances is not None]
    if not rough:
        raise ValueError("no case has a hidden future\nhint: draw dynamic cases of the frozen suite")
    sums = dict.fromkeys((RULE, ALONE, REPLAN, REPLAN_FROM_POLICY), 0.0)
    plain = ReplanSettings(MOVES, rule)
    plans = {REPLAN: plain, REPLAN_FROM_POLICY: ReplanSettings(MOVES, rule, policy=policy)}
    for number, case in enumerate(rough, start=1):
        arena = enter(case)
        assert arena.scenario is not None
        assert case.disturbances is not None
        for name, spec in ((RULE, rule), (ALONE, policy)):
            sums[name] += quick_cost(arena.compiled, dispatch(arena.compiled, spec, scenario=arena.scenario))
        for name, settings in plans.items():
            lived, _ = replan(arena.compiled, arena.scenario, case.disturbances, settings, seed=seed)
            sums[name] += quick_cost(arena.compiled, lived)
        if progress is not None:
            progress(number, len(rough), case.name)
    reference = max(sums[RULE], 1e-9)
    ratios = {name: total / reference for name, total in sums.items()}
    return Combination(min(ratios, key=lambda name: (ratios[name], name)), ratios, len(rough))
