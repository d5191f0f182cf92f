"""The best plan that a budget buys: start from rules and policy samples, improve to the deadline, guard.

The incumbent is a complete plan at every moment. The same instance, specs, budget of iterations and seed give
the same plan, as long as the deadline did not cut the search short.

The guard keeps only plans that are no worse than the plant's greedy on weighted tardiness, mean tardiness,
on-time rate, overtime hours and spread of utilisation; greedy itself passes, so there always is one. A cap on
moved operations comes first: where every plan within the cap is worse than greedy, the cheapest of them sets
the limit; where no starting plan keeps the cap, it is not kept. The spread comes last: it counts up to the
makespan, so a plan that is done earlier looks less even. Where keeping it costs a quarter more, the best plan
that passes everything else is returned, and `is_even` says so.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass

import numpy as np

from shopfloor.domain.bounds import earliest_completions
from shopfloor.engine import layout as at
from shopfloor.engine.actor import ActorSpec
from shopfloor.engine.arrays import Compiled
from shopfloor.engine.disjunctive import improve_disjunctive, is_disjunctive
from shopfloor.engine.dispatch import Outcome
from shopfloor.engine.kernel.guard import F_MOVED, F_OVERTIME
from shopfloor.engine.layout import Floats
from shopfloor.engine.objective import Objective
from shopfloor.engine.portfolio import fitted_rules, starting_plans
from shopfloor.engine.room import fill_room
from shopfloor.engine.rules import RuleSpec
from shopfloor.engine.search import Chain, Cooling, figures_of, new_chain
from shopfloor.engine.search_state import InfeasibleStart, cost_of, sequences_of, weights_of
from shopfloor.engine.search_terms import Budget, Limits, Optimised

__all__ = ["Budget", "Limits", "OnBetter", "Optimised", "optimise", "plan_cost"]

OnBetter = Callable[[Outcome], None]

START_SHARE = 0.15
"""Share of the seconds after which no other rule is tried."""

SMALL_BOOK = 2000
"""One rule is tried for so many moves of the search, or for as many as there are operations, if that is more: from
a twentieth of the time on small books to a fifth on large ones, where the rule decides most."""

MOST_TRIES = 2000

HOT, COLD = 0.2, 0.015
"""First and last temperature in units of cost, see `cooling_of`; at 0.6 the default plant's plans are 2 % dearer,
at 0.1 and from 0.005 to 0.05 they differ by their noise."""

DEAR_SPREAD = 1.25
"""The guard on the spread of utilisation is given up where it makes the plan so many times dearer."""

NEAR_BEST = 1.05
"""The second worker starts from the second best plan unless that costs more than so many times the best."""

POLL_S = 0.05
"""Wall seconds between two looks at what the chains have found."""

_EPSILON = 1e-9


def plan_cost(compiled: Compiled, outcome: Outcome, objective: Objective) -> float:
    """Return the cost of a plan by the objective."""
    plan = sequences_of(compiled, outcome, is_retimed=False)
    return cost_of(compiled, plan, weights_of(compiled, objective))


def optimise(
    compiled: Compiled,
    *,
    objective: Objective,
    budget: Budget,
    seed: int = 0,
    starts: Sequence[RuleSpec | ActorSpec] = (),
    outcomes: Sequence[Outcome] = (),
    on_better: OnBetter | None = None,
    limits: Limits | None = None,
) -> Optimised:
    """Return the best plan found inside the budget; never worse than greedy on a guarded figure.

    Args:
        starts: Rules and policies to start from, besides the built-in rules, greedy and the active plan.
        outcomes: Finished plans to start from.
        on_better: Called with each plan that is better than the last one it was called with.
        limits: What the guard allows beyond greedy.
    """
    return _Optimiser(compiled, objective, budget, seed, limits or Limits(), on_better).run(starts, outcomes)


@dataclass(frozen=True, eq=False)
class _Start:
    name: str
    outcome: Outcome
    cost: float
    is_safe: bool


class _Optimiser:
    """One call of `optimise`."""

    def __init__(
        self,
        compiled: Compiled,
        objective: Objective,
        budget: Budget,
        seed: int,
        limits: Limits,
        on_better: OnBetter | None,
    ) -> None:
        self.compiled = compiled
        self.objective = objective
        self.budget = budget
        self.seed = seed
        self.limits = limits
        self.on_better = on_better
        self.began = time.monotonic()
        self.deadline = self.began + budget.seconds
        self.told = math.inf
        self.rule_tries = 0
        self._found: dict[int, tuple[float, Outcome]] = {}
        self._lock = threading.Lock()

    def run(self, specs: Sequence[RuleSpec | ActorSpec], outcomes: Sequence[Outcome]) -> Optimised:
        starts, limit = self.starts(specs, outcomes)
        starts.sort(key=lambda start: start.cost)
        best = starts[0]
        safe = min((start for start in starts if start.is_safe), key=lambda start: start.cost)
        self.tell(safe.cost, safe.outcome)
        if not self.limits.is_guarded and is_disjunctive(self.compiled, self.objective):
            return self.on_critical_paths(best)
        chains, planned = self.chains(starts, safe, limit)
        self.search(chains)
        chosen = min(chains, key=lambda chain: chain.cost, default=None)
        loose = min(chains, key=lambda chain: chain.loose_cost, default=None)
        outcome, cost = safe.outcome, safe.cost
        is_even = True
        if chosen is not None and chosen.cost < safe.cost - _EPSILON:
            outcome, cost = chosen.kept(), chosen.cost
        if loose is not None and cost > DEAR_SPREAD * loose.loose_cost:
            chosen, is_even = loose, False
            outcome, cost = loose.kept_loosely(), loose.loose_cost
        outcome = fill_room(self.compiled, outcome)
        self.tell(cost, outcome)
        return Optimised(
            outcome=outcome,
            cost=cost,
            start_cost=best.cost,
            start_name=best.name,
            iterations=tuple(chain.tried for chain in chains),
            guard_acted=chosen is not None and chosen.lowest < cost - 1e-6,
            seconds=time.monotonic() - self.began,
            trace=tuple(chosen.trace) if chosen else (),
            planned=planned,
            is_even=is_even,
            rule_tries=self.rule_tries,
        )

    def on_critical_paths(self, best: _Start) -> Optimised:
        """Return what the search for always-open shops makes of the best start."""
        budget = self.budget
        outcome = improve_disjunctive(
            self.compiled,
            best.outcome,
            self.objective,
            iterations=budget.iterations,
            seconds=max(0.0, self.deadline - time.monotonic()),
            seed=self.seed,
            workers=budget.workers,
        )
        cost = plan_cost(self.compiled, outcome, self.objective)
        self.tell(cost, outcome)
        return Optimised(
            outcome=outcome,
            cost=cost,
            start_cost=best.cost,
            start_name=best.name,
            iterations=(budget.iterations or 0,) * budget.workers,
            guard_acted=False,
            seconds=time.monotonic() - self.began,
            planned=budget.iterations or 0,
            rule_tries=self.rule_tries,
        )

    def starts(
        self, specs: Sequence[RuleSpec | ActorSpec], outcomes: Sequence[Outcome]
    ) -> tuple[list[_Start], Floats]:
        """Return the starting plans and the limit that greedy sets."""
        made = starting_plans(self.compiled, specs, samples=self.budget.samples, seed=self.seed)
        first, greedy = next(made)
        limit = self.limit_of(greedy)
        given = (("given plan", outcome) for outcome in outcomes)
        plans = [(first, greedy), *given, *made, *self.fitted()]
        figures = [figures_of(self.compiled, outcome, self.objective) for _, outcome in plans]
        costs = [plan_cost(self.compiled, outcome, self.objective) for _, outcome in plans]
        complete = [not (outcome.code > 0)[greedy.code == 0].any() for _, outcome in plans]
        _make_way(limit, figures, costs, complete)
        starts = [
            _Start(name, outcome, cost, is_complete and bool((row <= limit).all()))
            for (name, outcome), cost, row, is_complete in zip(plans, costs, figures, complete, strict=True)
        ]
        return starts, limit

    def fitted(self) -> list[tuple[str, Outcome]]:
        """Return the plans of rules fitted to the instance; how many are tried follows from the budget."""
        budget = self.budget
        tries = MOST_TRIES
        if budget.rule_tries is not None:
            tries = budget.rule_tries
        elif budget.iterations is not None:
            tries = budget.iterations // max(SMALL_BOOK, self.compiled.n_operations)
        until = self.began + START_SHARE * budget.seconds
        plans, self.rule_tries = fitted_rules(
            self.compiled, tries=min(MOST_TRIES, max(1, tries)), seed=self.seed, deadline=until
        )
        return plans

    def limit_of(self, greedy: Outcome) -> Floats:
        limit = figures_of(self.compiled, greedy, self.objective)
        limit *= 1.0 + 1e-12
        if not self.limits.is_guarded:
            limit[np.arange(len(limit)) != F_OVERTIME] = np.inf
        limit[F_OVERTIME] += 60.0 * self.limits.overtime_hours
        limit[F_MOVED] = np.inf if self.limits.max_moved is None else self.limits.max_moved
        return limit

    def chains(self, starts: list[_Start], safe: _Start, limit: Floats) -> tuple[list[Chain], int]:
        """Return one chain per worker, and the moves that each is to try."""
        budget = self.budget
        alone = earliest_completions(self.compiled.instance)
        ends = np.array([alone.get(job_id, 0) for job_id in self.compiled.job_ids], dtype=np.int64)
        worth = np.maximum(self.compiled.problem.job[:, at.JOB_DUE], ends)

        def chain(worker: int, start: Outcome, planned: int) -> Chain:
            return new_chain(
                self.compiled,
                start,
                objective=self.objective,
                limit=limit,
                safe=safe.outcome,
                worth=worth,
                planned=planned,
                seed=1_000_003 * self.seed + worker,
                cooling=cooling_of(self.compiled, self.objective),
            )

        near = [start.outcome for start in starts if start.cost <= NEAR_BEST * starts[0].cost + _EPSILON]
        outcomes = [outcome for outcome in near if _can_be_timed(self.compiled, outcome)] or [safe.outcome]
        planned = budget.iterations
        if planned is None:
            planned = self.affordable(lambda: chain(0, outcomes[0], 1_000_000))
        return [
            chain(worker, outcomes[worker % min(2, len(outcomes))], planned)
            for worker in range(budget.workers)
        ], planned

    def affordable(self, make: Callable[[], Chain]) -> int:
        """Return the moves that one core tries in what is left of the time."""
        pilot, before = make(), time.monotonic()
        pilot.run(200_000, before + 0.04 * max(0.0, self.deadline - before))
        pace = pilot.tried / max(1e-6, time.monotonic() - before)
        return max(1000, int(0.95 * pace * max(0.0, self.deadline - time.monotonic())))

    def search(self, chains: list[Chain]) -> None:
        """Run every chain on a thread of its own, and tell what they find meanwhile."""
        stops = self.budget.stop_after or tuple(chain.planned for chain in chains)
        with ThreadPoolExecutor(max_workers=max(1, len(chains))) as threads:
            running = {
                threads.submit(self.work, worker, chain, min(stop, chain.planned))
                for worker, (chain, stop) in enumerate(zip(chains, stops, strict=True))
            }
            while running:
                finished, running = wait(running, timeout=POLL_S)
                for future in finished:
                    future.result()
                with self._lock:
                    found = min(self._found.values(), key=lambda item: item[0], default=None)
                if found is not None:
                    self.tell(*found)

    def work(self, worker: int, chain: Chain, until: int) -> None:
        """Advance one chain to its end, leaving each better plan where it can be seen."""
        shown = chain.cost
        while chain.tried < until and time.monotonic() < self.deadline:
            chain.run(until, min(self.deadline, time.monotonic() + POLL_S))
            if self.on_better is not None and chain.cost < shown - _EPSILON:
                shown = chain.cost
                with self._lock:
                    self._found[worker] = (shown, chain.kept())

    def tell(self, cost: float, outcome: Outcome) -> None:
        if self.on_better is not None and cost < self.told - _EPSILON:
            self.told = cost
            self.on_better(outcome)


def _make_way(limit: Floats, figures: list[Floats], costs: list[float], complete: list[bool]) -> None:
    """Widen the limit until some starting plan is within it; the planner's cap on moves comes first."""
    plans = [k for k in range(len(costs)) if complete[k]]
    if any((figures[k] <= limit).all() for k in plans):
        return
    calm = [k for k in plans if figures[k][F_MOVED] <= limit[F_MOVED]]
    if calm:
        np.maximum(limit, figures[min(calm, key=lambda k: costs[k])], out=limit)
    else:
        limit[F_MOVED] = np.inf


def _can_be_timed(compiled: Compiled, outcome: Outcome) -> bool:
    try:
        sequences_of(compiled, outcome)
    except InfeasibleStart:
        return False
    return True


def cooling_of(compiled: Compiled, objective: Objective) -> Cooling:
    """Return the temperatures: shares of what it costs to delay an average job by an average operation."""
    problem = compiled.problem
    if not len(problem.op) or not len(problem.job):
        return Cooling()
    days = float(problem.op_work[:, at.WORK_MEAN].mean() * problem.stretch[0] / 1440.0)
    per_day = objective.tardiness * float(problem.job_weight.mean()) + objective.days_late
    unit = max(1e-6, days * (per_day + objective.makespan))
    return Cooling(hot=HOT * unit, cold=COLD * unit)
