"""Who plays in the search's bench: greedy, tuned rules, best-of-N ATCS, the shipped search, CP-SAT.

Each takes one compiled instance and gives one plan with what it cost in wall and CPU seconds. They meet on equal
terms: the search and CP-SAT start from the same tuned rules, and budgets are CPU seconds where a player can be
held to them. Scores nothing.
"""

from __future__ import annotations

import math
import resource
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from shopfloor.engine.arrays import Compiled
from shopfloor.engine.dispatch import Outcome, dispatch, greedy_list, quick_cost
from shopfloor.engine.objective import Objective
from shopfloor.engine.optimise import Budget, Limits, optimise
from shopfloor.engine.rules import Rule, RuleSpec
from shopfloor.policies.exact import solve_reference
from shopfloor.training.tune_rules import RANGES

PILOT_MOVES = (1000, 60_000)
"""Moves of the two pilot runs: their difference in CPU is the pace, the first one is what starting costs."""

PATIENCE = 10.0
"""Who is held to CPU seconds may take so many times the wall seconds on a busy machine."""

PILOT_WALL, PILOT_CPU = "pilot_wall_seconds", "pilot_cpu_seconds"

GREEDY, TUNED, BEST_TUNED = "greedy", "tuned rule", "best of tuned rules"


@dataclass(frozen=True, eq=False)
class Played:
    """A plan and what it cost.

    Attributes:
        wall_seconds: From compiled instance to plan.
        cpu_seconds: Of this process and its finished children.
        facts: What the player says of itself, for example its iterations.
    """

    outcome: Outcome
    wall_seconds: float
    cpu_seconds: float
    facts: Mapping[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True)
class Player:
    """A contestant.

    Attributes:
        name: In tables.
        settings: Everything that decides what it does; part of the key of its stored rows.
        plan: Makes the plan of an instance, with a seed.
    """

    name: str
    settings: str
    plan: Callable[[Compiled, int], tuple[Outcome, dict[str, float | str]]]

    def play(self, compiled: Compiled, *, seed: int) -> Played:
        """Return the plan and its seconds."""
        cpu, wall = cpu_seconds(), time.monotonic()
        outcome, facts = self.plan(compiled, seed)
        spent = time.monotonic() - wall - float(facts.get(PILOT_WALL, 0.0))
        used = cpu_seconds() - cpu - float(facts.get(PILOT_CPU, 0.0))
        return Played(outcome, spent, used, facts)


def cpu_seconds() -> float:
    """Return the CPU seconds of this process and of its children that have ended."""
    rows = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(row.ru_utime + row.ru_stime for row in rows)


def best_tuned(compiled: Compiled, specs: Sequence[RuleSpec]) -> tuple[Outcome, RuleSpec]:
    """Return the best plan by weighted tardiness among the rules, and whose it is."""
    found = [(dispatch(compiled, spec), spec) for spec in specs]
    return min(found, key=lambda pair: quick_cost(compiled, pair[0]))


def greedy_player() -> Player:
    """Return the plant's own greedy."""
    return Player(GREEDY, "", lambda compiled, seed: (greedy_list(compiled), {}))


def tuned_player(specs: Sequence[RuleSpec]) -> Player:
    """Return the one rule that was best on the training bank."""
    return Player(TUNED, repr(specs[0]), lambda compiled, seed: (dispatch(compiled, specs[0]), {}))


def best_tuned_player(specs: Sequence[RuleSpec]) -> Player:
    """Return whichever tuned rule is best on the instance itself."""

    def plan(compiled: Compiled, seed: int) -> tuple[Outcome, dict[str, float | str]]:
        outcome, spec = best_tuned(compiled, specs)
        return outcome, {"rule": spec.rule.name}

    return Player(BEST_TUNED, repr(tuple(specs)), plan)


def sampled_atcs_player(budget_cpu_s: float, specs: Sequence[RuleSpec]) -> Player:
    """Return the best of as many ATCS(k1, k2, tail) as fit into a CPU budget; the tuned settings go first."""

    def plan(compiled: Compiled, seed: int) -> tuple[Outcome, dict[str, float | str]]:
        stop = time.process_time() + budget_cpu_s
        best: Outcome | None = None
        best_cost, n = math.inf, 0
        for spec in _settings(specs, seed):
            if n and time.process_time() >= stop:
                break
            outcome = dispatch(compiled, spec)
            cost = quick_cost(compiled, outcome)
            n += 1
            if cost < best_cost:
                best, best_cost = outcome, cost
        assert best is not None
        return best, {"n": float(n)}

    return Player(f"best-of-N ATCS {budget_cpu_s:g} CPU s", repr(tuple(specs)), plan)


def _settings(specs: Sequence[RuleSpec], seed: int) -> Iterator[RuleSpec]:
    yield from (spec for spec in specs if spec.rule is Rule.ATCS)
    rng = np.random.default_rng((407, seed))
    while True:
        k1, k2, tail = (
            math.exp(rng.uniform(math.log(low), math.log(high)))
            for low, high in (RANGES[name] for name in ("k1", "k2", "tail"))
        )
        yield RuleSpec(Rule.ATCS, k1=k1, k2=k2, tail=tail)


def search_player(
    objective: Objective,
    *,
    seconds: float,
    workers: int,
    specs: Sequence[RuleSpec],
    is_guarded: bool = True,
    is_cpu_held: bool = True,
) -> Player:
    """Return what we ship: the optimiser from the tuned rules.

    Args:
        seconds: Of each worker.
        is_guarded: Whether a plan must be no worse than greedy on spread and the rest, as the daily plan must. A
            comparison by weighted tardiness alone asks for none of it.
        is_cpu_held: Count CPU seconds: a short pilot, not counted, tells how many moves they buy, and the search
            tries so many. Otherwise wall seconds, which on a busy machine are fewer moves.
    """

    def plan(compiled: Compiled, seed: int) -> tuple[Outcome, dict[str, float | str]]:
        budget, pilot = Budget(iterations=None, seconds=seconds, workers=workers), (0.0, 0.0)
        if is_cpu_held:
            budget, pilot = _cpu_budget(compiled, objective, specs, seconds=seconds, workers=workers)
        limits = Limits(is_guarded=is_guarded)
        found = optimise(compiled, objective=objective, budget=budget, seed=seed, starts=specs, limits=limits)
        facts: dict[str, float | str] = {
            "iterations": float(sum(found.iterations)),
            "guard_acted": float(found.guard_acted),
            "start": found.start_name,
            "start_cost": found.start_cost,
            "cost": found.cost,
            PILOT_WALL: pilot[0],
            PILOT_CPU: pilot[1],
        }
        return found.outcome, facts

    cores = "core" if workers == 1 else "cores"
    name = f"search {seconds:g} s, {workers} {cores}" + ("" if is_guarded else ", unguarded")
    return Player(name, f"{objective!r}{tuple(specs)!r}{is_guarded}{is_cpu_held}", plan)


def preset_player(
    objective: Objective, *, iterations: int, specs: Sequence[RuleSpec], limits: Limits
) -> Player:
    """Return the optimiser with one worker and so many moves, whatever they take: the same plan everywhere."""

    def plan(compiled: Compiled, seed: int) -> tuple[Outcome, dict[str, float | str]]:
        budget = Budget(iterations=iterations, seconds=math.inf, workers=1)
        found = optimise(compiled, objective=objective, budget=budget, seed=seed, starts=specs, limits=limits)
        return found.outcome, {"cost": found.cost, "is_even": float(found.is_even)}

    name = f"search for {objective.name}, {iterations} moves"
    return Player(name, f"{objective!r}{tuple(specs)!r}{limits!r}", plan)


def _cpu_budget(
    compiled: Compiled, objective: Objective, specs: Sequence[RuleSpec], *, seconds: float, workers: int
) -> tuple[Budget, tuple[float, float]]:
    """Return the moves that CPU seconds buy, and the wall and CPU seconds that finding out took."""
    wall, cpu = time.monotonic(), time.process_time()
    spent = []
    for moves in PILOT_MOVES:
        before = time.process_time()
        budget = Budget(iterations=moves, seconds=PATIENCE * seconds, workers=1)
        optimise(compiled, objective=objective, budget=budget, seed=1, starts=specs)
        spent.append(time.process_time() - before)
    few, many = PILOT_MOVES
    pace = (many - few) / max(1e-3, spent[1] - spent[0])
    iterations = max(1000, int(pace * (seconds - spent[0] / workers)))
    held = Budget(iterations=iterations, seconds=PATIENCE * seconds, workers=workers)
    return held, (time.monotonic() - wall, time.process_time() - cpu)


def reference_player(*, seconds: float, workers: int, specs: Sequence[RuleSpec]) -> Player:
    """Return CP-SAT warm-started from the best tuned rule, held to CPU seconds (workers x seconds).

    On a busy machine it may take up to `PATIENCE` times the wall seconds to get its CPU.
    """

    def plan(compiled: Compiled, seed: int) -> tuple[Outcome, dict[str, float | str]]:
        warm, spec = best_tuned(compiled, specs)
        found = solve_reference(
            compiled,
            warm=warm,
            seconds=PATIENCE * seconds,
            workers=workers,
            seed=seed,
            cpu_seconds=workers * seconds,
        )
        facts: dict[str, float | str] = {
            "status": found.status,
            "n_solutions": float(found.n_solutions),
            "start": spec.rule.name,
        }
        return found.outcome, facts

    return Player(f"CP-SAT {seconds:g} s, {workers} workers", repr(tuple(specs)), plan)


def exact_player(*, seconds: float, workers: int, specs: Sequence[RuleSpec]) -> Player:
    """Return CP-SAT with its exact model: its facts hold the proven bound and whether the optimum is proven."""

    def plan(compiled: Compiled, seed: int) -> tuple[Outcome, dict[str, float | str]]:
        warm, _ = best_tuned(compiled, specs)
        found = solve_reference(
            compiled, warm=warm, seconds=seconds, workers=workers, seed=seed, mode="exact"
        )
        assert found.bound is not None
        facts: dict[str, float | str] = {"bound": found.bound, "is_optimal": float(found.is_optimal)}
        return found.outcome, facts

    return Player(f"CP-SAT exact {seconds:g} s, {workers} workers", repr(tuple(specs)), plan)
