"""Chains of simulated annealing: each improves one plan, in slices, until its moves or the time are used up.

Where there are many moves for few operations, a chain cools several times.

A chain is deterministic for its start, seed and planned moves; the clock only decides how far it gets.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

import numpy as np

from shopfloor.engine.arrays import Compiled
from shopfloor.engine.dispatch import Outcome
from shopfloor.engine.kernel import search_memory as memory
from shopfloor.engine.kernel.anneal import anneal, keep, look
from shopfloor.engine.kernel.guard import FIGURES, figures
from shopfloor.engine.kernel.sequences import Sequences
from shopfloor.engine.layout import Floats, Ints
from shopfloor.engine.objective import Objective
from shopfloor.engine.search_state import (
    book_of,
    cost_of,
    outcome_of_kept,
    search_of,
    sequences_of,
    weights_of,
)

SLICE_S = 0.01
"""Wall seconds between two looks at the clock."""

CYCLE = 3000
"""Moves per operation after which one cooling has found what it finds: more of them are spent on another one."""

HOTTER = (1.0, 1.0, 3.0, 10.0)
"""First temperatures of the coolings in turn, as multiples of the given one: with many for few operations, some begin
hot enough to leave what the cool ones come back to."""


@dataclass(frozen=True, slots=True)
class Cooling:
    """Temperatures of an annealing in units of cost.

    Attributes:
        hot: At the first move.
        cold: At the last planned move.
    """

    hot: float = 1.0
    cold: float = 0.05


@dataclass(eq=False)
class Chain:
    """One annealing in progress.

    Attributes:
        planned: Moves after which it is cold for the last time.
        trace: (wall seconds of work, cost of the kept plan) at each slice that found a better one.
        worked: Wall seconds of work so far.
        done: Moves of the coolings that are over.
        coolings: How many of them are over.
    """

    compiled: Compiled
    start: Outcome
    plan: Sequences
    weights: memory.Weights
    search: memory.Search
    worth: Ints
    planned: int
    cooling: Cooling
    max_level: int
    trace: list[tuple[float, float]] = field(default_factory=list)
    worked: float = 0.0
    done: int = 0
    coolings: int = 0

    def __post_init__(self) -> None:
        self.book = book_of(self.compiled, self.plan, self.weights, self.worth)
        cycle = CYCLE * max(1, len(self.book.movable))
        self.cycle = max(1, math.ceil(self.planned / max(1, self.planned // cycle)))

    @property
    def tried(self) -> int:
        """Moves so far."""
        return self.done + int(self.search.tally[memory.T_TRIED])

    @property
    def cost(self) -> float:
        """Of the kept plan."""
        return float(self.search.money[memory.M_KEPT])

    @property
    def loose_cost(self) -> float:
        """Of the plan that passes the guard but for the spread of utilisation."""
        return float(self.search.money[memory.M_LOOSE])

    @property
    def lowest(self) -> float:
        """Cost of the cheapest plan it was ever at, whether the guard lets it pass or not."""
        return float(self.search.money[memory.M_BEST])

    def advance(self, until: int) -> None:
        """Try moves until `until` have been tried in all; other threads run meanwhile."""
        if not len(self.book.movable):
            self.search.tally[memory.T_TRIED] = until - self.done
        while self.tried < until:
            if self.tried - self.done >= self.cycle:
                self.reheat()
            anneal(
                self.compiled.problem,
                self.plan,
                self.weights,
                self.search,
                self.book,
                self.worth,
                min(until - self.done, self.cycle),
                self.cycle,
                self.cooling.hot * HOTTER[self.coolings % len(HOTTER)],
                self.cooling.cold,
                self.max_level,
            )

    def reheat(self) -> None:
        """Begin another cooling at the plan as it stands; the best plan is kept."""
        self.settle()
        tally = self.search.tally
        self.done += int(tally[memory.T_TRIED])
        self.coolings += 1
        tally[memory.T_TRIED] = tally[memory.T_NEXT_LOOK] = 0

    def settle(self) -> None:
        """Look at the plan as it stands now: keep it if it is the best that the guard lets pass."""
        if self.search.tally[memory.T_PENDING]:
            look(self.compiled.problem, self.plan, self.weights, self.search)

    def run(self, until: int, deadline: float) -> None:
        """Work in slices until `until` moves or the monotonic clock's `deadline`."""
        step = 500
        while self.tried < until and (before := time.monotonic()) < deadline:
            self.advance(min(until, self.tried + step))
            seconds = time.monotonic() - before
            self.worked += seconds
            if not self.trace or self.cost < self.trace[-1][1]:
                self.trace.append((self.worked, self.cost))
            pace = step / max(1e-6, seconds)
            step = max(100, min(4 * step, int(pace * SLICE_S)))

    def kept(self) -> Outcome:
        """Return the best guarded plan."""
        return outcome_of_kept(self.compiled, self.start, self.search.kept)

    def kept_loosely(self) -> Outcome:
        """Return the best plan that passes the guard but for the spread of utilisation."""
        return outcome_of_kept(self.compiled, self.start, self.search.loose)


def new_chain(
    compiled: Compiled,
    start: Outcome,
    *,
    objective: Objective,
    limit: Floats,
    safe: Outcome,
    worth: Ints,
    planned: int,
    seed: int,
    cooling: Cooling | None = None,
) -> Chain:
    """Return a chain that begins at `start`.

    Args:
        limit: What the kept plan's figures must not exceed, float64 (FIGURES,).
        safe: A plan within the limit, returned when nothing better passes the guard.
        worth: Minute per job after which its lateness can be helped, int64 (jobs,).

    Raises:
        InfeasibleStart: `start` cannot be timed.
    """
    weights = weights_of(compiled, objective)
    plan = sequences_of(compiled, safe)
    search = search_of(plan, limit, seed)
    search.money[memory.M_COST] = cost_of(compiled, plan, weights)
    keep(plan, search.kept)
    keep(plan, search.loose)
    search.money[memory.M_KEPT] = search.money[memory.M_LOOSE] = search.money[memory.M_COST]
    search.tally[memory.T_BACKOFF] = 1
    if start is not safe:
        plan = sequences_of(compiled, start)
        search.money[memory.M_COST] = cost_of(compiled, plan, weights)
    cooling = cooling or Cooling()
    search.money[memory.M_BEST] = search.money[memory.M_COST]
    search.money[memory.M_LAST] = plan.job_end.max(initial=0)
    search.tally[memory.T_PENDING] = int(search.money[memory.M_COST] < search.money[memory.M_KEPT])
    return Chain(
        compiled=compiled,
        start=start,
        plan=plan,
        weights=weights,
        search=search,
        worth=worth,
        planned=planned,
        cooling=cooling,
        max_level=2 if objective.buys_overtime else 0,
    )


def figures_of(compiled: Compiled, outcome: Outcome, objective: Objective) -> Floats:
    """Return the guarded figures of a plan, float64 (FIGURES,)."""
    weights = weights_of(compiled, objective)
    plan = sequences_of(compiled, outcome, is_retimed=False)
    out = np.zeros(FIGURES)
    figures(compiled.problem, plan, weights.old_machine, weights.old_start, int(weights.move_until[0]), out)
    return out
