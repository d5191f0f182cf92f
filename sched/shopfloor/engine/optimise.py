"""The best plan that a budget buys: start from rules and policy samples, improve to the deadline, guard.

The incumbent is a complete plan at every moment. The same instance, budget of iterations and seed give the
same plan, as long as the deadline did not cut the search short.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from shopfloor.engine.actor import ActorSpec
from shopfloor.engine.arrays import Compiled
from shopfloor.engine.dispatch import Outcome, best_of, dispatch, greedy_list, quick_cost
from shopfloor.engine.objective import Objective
from shopfloor.engine.rules import RuleSpec

OnBetter = Callable[[Outcome], None]


@dataclass(frozen=True, slots=True)
class Budget:
    """How long to search.

    Attributes:
        iterations: Moves that each worker tries; None = as many as the seconds allow, and the plan then
            depends on the machine's speed.
        seconds: Wall seconds from the call after which the incumbent is returned.
        workers: Chains side by side, each on one core with its own seed.
        samples: Runs of each policy among the starts; rules run once each.
    """

    iterations: int | None = None
    seconds: float = 5.0
    workers: int = 1
    samples: int = 32


@dataclass(frozen=True, eq=False)
class Optimised:
    """The answer.

    Attributes:
        outcome: The plan.
        cost: By the objective.
        start_cost: Of the best start.
        start_name: Who made it.
        iterations: Moves tried by each worker.
        guard_acted: The cheapest plan was worse than greedy on a guarded figure, and a dearer one was taken.
        seconds: Wall time.
        trace: (wall seconds, cost) of each improvement, first worker.
    """

    outcome: Outcome
    cost: float
    start_cost: float
    start_name: str
    iterations: tuple[int, ...]
    guard_acted: bool
    seconds: float
    trace: tuple[tuple[float, float], ...] = ()


def plan_cost(compiled: Compiled, outcome: Outcome, objective: Objective) -> float:
    """Return the cost of a plan by the objective."""
    return objective.tardiness * quick_cost(compiled, outcome)


def optimise(
    compiled: Compiled,
    *,
    objective: Objective,
    budget: Budget,
    seed: int = 0,
    starts: Sequence[RuleSpec | ActorSpec] = (),
    outcomes: Sequence[Outcome] = (),
    on_better: OnBetter | None = None,
) -> Optimised:
    """Return the best plan found inside the budget; never worse than greedy on a guarded figure.

    Args:
        starts: Rules and policies to start from, besides the built-in rules and greedy.
        outcomes: Finished plans to start from, for example the active one.
        on_better: Called with each plan that is better than the last one it was called with.
    """
    began = time.monotonic()
    found = [("greedy", greedy_list(compiled)), *(("given", outcome) for outcome in outcomes)]
    for spec in starts:
        if isinstance(spec, RuleSpec):
            found.append((spec.name, dispatch(compiled, spec)))
        else:
            found.append(("policy", best_of(compiled, spec, n=budget.samples, seed=seed)[0]))
    costs = [plan_cost(compiled, outcome, objective) for _, outcome in found]
    best = min(range(len(found)), key=lambda i: (costs[i], i))
    if on_better is not None:
        on_better(found[best][1])
    return Optimised(
        found[best][1], costs[best], costs[best], found[best][0], (0,) * budget.workers, False,
        time.monotonic() - began,
    )  # fmt: skip
