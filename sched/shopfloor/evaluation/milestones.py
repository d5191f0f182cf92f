"""The single dispatcher against random choice, greedy and tuned rules, on held-out books, pair by pair.

Everybody plans the same books; every plan of the dispatcher goes through the validator. Nothing is trained
here, and what the goals are stands in `milestones_goals.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from shopfloor.domain.validator import validate
from shopfloor.engine import layout as at
from shopfloor.engine.arrays import Compiled
from shopfloor.engine.dispatch import (
    Outcome,
    completion_minutes,
    dispatch,
    greedy_list,
    quick_cost,
    to_schedule,
)
from shopfloor.engine.rules import Rule, RuleSpec
from shopfloor.envs.dispatcher_presets import Exercise
from shopfloor.evaluation.statistics import PairedComparison, compare
from shopfloor.policies.dispatcher_model import DispatcherModel
from shopfloor.policies.dispatcher_play import DispatcherPlayer

OURS: Final = "dispatcher"
N_RANDOM: Final = 5
"""Random plans per book; their mean is what random choice costs."""

Planner = Callable[[Compiled], Outcome]


@dataclass(frozen=True, slots=True)
class Contest:
    """What everybody made of the same books.

    Attributes:
        costs: Weighted tardiness in days by player, one per book.
        mean_days: Mean tardiness of a job in days by player, one per book.
        n_violations: Broken rules of each of the dispatcher's plans.
        n_unassigned: Operations that it left without a place, by book.
        n_operations: Operations of each book.
        seconds: Wall seconds of the dispatcher from compiled book to validated plan.
    """

    costs: Mapping[str, tuple[float, ...]]
    mean_days: Mapping[str, tuple[float, ...]]
    n_violations: tuple[int, ...]
    n_unassigned: tuple[int, ...]
    n_operations: tuple[int, ...]
    seconds: tuple[float, ...]

    def against(self, player: str, *, mean_days: bool = False) -> PairedComparison:
        """Compare the dispatcher with a player: ratio of sums with its paired 95 % interval.

        Args:
            mean_days: Compare the mean tardiness of jobs instead of the weighted tardiness.
        """
        table = self.mean_days if mean_days else self.costs
        return compare(table[OURS], table[player])


def opponents(exercise: Exercise, tuned: Sequence[RuleSpec]) -> dict[str, Planner]:
    """Return who plays against the dispatcher, but for random choice.

    `greedy` dispatches by priority, then release, as decisions fall due; `greedy list` is the plant's own,
    which fixes operation after operation and leaves machines idle in between.

    Args:
        tuned: Rules tuned on the books to learn on; the first of each of ATC and ATCS plays.
    """

    def by_rule(spec: RuleSpec) -> Planner:
        return lambda book: dispatch(book, spec, levels=exercise.levels(book))

    players: dict[str, Planner] = {
        "greedy list": greedy_list,
        "greedy": by_rule(RuleSpec(Rule.GREEDY_DISPATCH)),
        "ATC textbook": by_rule(RuleSpec(Rule.ATC)),
    }
    for rule in (Rule.ATC, Rule.ATCS):
        spec = next((spec for spec in tuned if spec.rule == rule), None)
        if spec is not None:
            players[f"{rule.name} tuned"] = by_rule(spec)
    return players


def contest(
    model: DispatcherModel,
    exercise: Exercise,
    books: Sequence[Compiled],
    tuned: Sequence[RuleSpec],
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Contest:
    """Let everybody plan every book.

    Args:
        books: Held-out ones.
        tuned: See `opponents`.
        progress: Called with (books done, books).
    """
    ours = DispatcherPlayer(model, exercise)
    others = opponents(exercise, tuned)
    costs: dict[str, list[float]] = {name: [] for name in (OURS, "random", *others)}
    days: dict[str, list[float]] = {name: [] for name in costs}
    violations, unassigned, seconds = [], [], []
    for n_done, book in enumerate(books, start=1):
        began = time.perf_counter()
        outcome = ours.plan(book)
        schedule = to_schedule(book, outcome, OURS)
        violations.append(len(validate(book.instance, schedule)))
        seconds.append(time.perf_counter() - began)
        unassigned.append(len(schedule.unassigned))
        draws = [_random_plan(book, exercise, seed) for seed in range(N_RANDOM)]
        plans = {OURS: [outcome], "random": draws} | {name: [plan(book)] for name, plan in others.items()}
        for name, outcomes in plans.items():
            costs[name].append(float(np.mean([quick_cost(book, item) for item in outcomes])))
            days[name].append(float(np.mean([mean_tardiness_days(book, item) for item in outcomes])))
        if progress is not None:
            progress(n_done, len(books))
    return Contest(
        costs={name: tuple(values) for name, values in costs.items()},
        mean_days={name: tuple(values) for name, values in days.items()},
        n_violations=tuple(violations),
        n_unassigned=tuple(unassigned),
        n_operations=tuple(book.n_operations for book in books),
        seconds=tuple(seconds),
    )


def _random_plan(book: Compiled, exercise: Exercise, seed: int) -> Outcome:
    """Return a plan of choices drawn evenly among what may start."""
    return dispatch(book, RuleSpec(Rule.RANDOM), levels=exercise.levels(book), seed=seed)


def mean_tardiness_days(book: Compiled, outcome: Outcome) -> float:
    """Return the mean over jobs of max(0, completion - due) in days, as `Kpis.mean_tardiness_days`."""
    late = completion_minutes(book, outcome) - book.problem.job[:, at.JOB_DUE]
    late = late[np.isfinite(late)]
    return float(np.maximum(0.0, late).mean() / 1440.0) if len(late) else 0.0
