"""Critical-path search for always-open shops: tabu search with relinking for the makespan on fixed machines,
annealing where operations choose machines or jobs have due dates.

It fits only what `is_disjunctive` accepts; the general search with calendars and setups is elsewhere. One
Python thread per worker: the kernels let go of the interpreter.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from shopfloor.engine.arrays import Compiled
from shopfloor.engine.disjunctive_graph import (
    graph_of,
    is_disjunctive,
    kept_plan,
    load,
    outcome_from,
    sequences_of,
)
from shopfloor.engine.dispatch import Outcome
from shopfloor.engine.kernel.disjunctive import Graph, Smalls, recompute
from shopfloor.engine.kernel.disjunctive_anneal import anneal
from shopfloor.engine.kernel.disjunctive_tabu import Memory, distance, shake, tabu_search, walk_towards
from shopfloor.engine.objective import Objective

__all__ = ["Effort", "improve_disjunctive", "is_disjunctive"]

Clock = Callable[[], float]

PATIENCE = 12_500
"""Tabu steps without a better plan after which a run ends (Peng, Lu & Cheng 2015)."""
ELITE = 6
"""Plans that one worker relinks."""

# Measured on mk05-mk15, 01a-18a and ten 10 x 10 tardiness instances at 1-2 s.
_MAKESPAN_HEAT = (0.3, 0.05)  # first and last temperature in mean run minutes
_TARDINESS_HEAT = (4.0, 0.5)  # in mean run minutes x mean weight
_ELSEWHERE = 0.5  # proposals that change the machine
_PASS = 0.3  # probability of passing one more operation there
_MOVES_PER_ROUND = 20_000  # per operation; fewer find less than one long round
_MAX_ROUNDS = 8
_CHUNK = 2_000
_PILOT = 4_000  # moves after which the number of rounds is set by their speed


@dataclass(frozen=True, slots=True)
class Effort:
    """What one worker may spend, and on which clock.

    Attributes:
        iterations: Moves; None = no limit.
        seconds: On `clock`, from the worker's start.
        clock: `time.monotonic` for wall seconds, `time.thread_time` for processor seconds of the worker.
        goal: Cost at which to stop: a lower bound.
    """

    iterations: int | None
    seconds: float
    clock: Clock = time.monotonic
    goal: float = 0.0


def improve_disjunctive(
    compiled: Compiled,
    start: Outcome,
    objective: Objective,
    *,
    iterations: int | None,
    seconds: float,
    seed: int = 0,
    workers: int = 1,
    clock: Clock = time.monotonic,
    goal: float = 0.0,
) -> Outcome:
    """Return a plan that is not worse than `start`.

    The same arguments give the same plan as long as the iterations, not the seconds, end the search.

    Args:
        start: A complete plan.
        iterations: Moves of each worker; None = until the seconds are over.
        workers: Threads with a seed each; the best plan wins, ties to the lower number.
        goal: Makespan minutes (or weighted minutes late) at which to stop, a lower bound.

    Raises:
        ValueError: The shop or the objective does not fit.
    """
    if not is_disjunctive(compiled, objective):
        raise ValueError(
            f"no critical-path search for this shop or objective: {objective.name!r}\n"
            "hint: it needs open calendars, no setups, nothing fixed, and one criterion"
        )
    graph = graph_of(compiled, objective)
    kept = kept_plan(start)
    effort = Effort(iterations, seconds, clock, goal)
    is_fixed = len(compiled.problem.elig) == len(compiled.problem.op)
    kind = _Relinking if graph.is_makespan[0] and is_fixed else _Annealing
    chains = [kind(graph, kept, len(compiled.problem.slot), seed * 64 + i) for i in range(workers)]
    if workers == 1:
        chains[0].run(effort)
    else:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(lambda chain: chain.run(effort), chains))
    best = min(chains, key=lambda chain: chain.score[1])
    return outcome_from(compiled, graph, best.best)


class _Search:
    """One worker: its working plan, its best plan and its clock."""

    def __init__(self, graph: Graph, kept: Smalls, n_slots: int, seed: int) -> None:
        self.graph = graph
        self.plan = sequences_of(graph, kept, n_slots, seed)
        self.best = kept.copy()
        self.draw = np.random.default_rng(seed)
        self.done = 0
        cost = recompute(graph, self.plan)
        self.score = np.array([cost, cost])
        self.is_second = seed % 64 > 0

    def start_clock(self, effort: Effort) -> None:
        """Begin to count."""
        self.effort = effort
        self.began = effort.clock()

    def spent(self) -> float:
        """Return the share of the effort that is spent; the clock steers only where nothing else limits.

        So the same iterations cool alike on every machine.
        """
        clock = (self.effort.clock() - self.began) / max(1e-9, self.effort.seconds)
        if clock >= 1.0 or self.score[1] <= self.effort.goal:
            return 1.0
        limit = self.effort.iterations
        return clock if limit is None else min(1.0, self.done / max(1, limit))

    def chunk(self, wanted: int) -> int:
        """Return the moves of the next call, at most those that are left."""
        if self.effort.iterations is None:
            return wanted
        return max(1, min(wanted, self.effort.iterations - self.done))


class _Annealing(_Search):
    """Cooling in rounds; each round begins at the best plan."""

    def run(self, effort: Effort) -> None:
        """Search until the effort is spent."""
        self.start_clock(effort)
        n = len(self.plan.order)
        is_makespan = bool(self.graph.is_makespan[0])
        heat = _MAKESPAN_HEAT if is_makespan else _TARDINESS_HEAT
        unit = float(self.plan.run[:n].mean()) * (1.0 if is_makespan else float(self.graph.weight.mean()))
        elsewhere = 0.0 if len(self.graph.elig_slot) == n else _ELSEWHERE
        rounds, current = 0, 0
        share = self.spent()
        while share < 1.0:
            if self.done >= _PILOT and not rounds:
                rounds = max(1, min(_MAX_ROUNDS, round(self.done / share / (_MOVES_PER_ROUND * n))))
            elif rounds and int(share * rounds) > current:
                current = int(share * rounds)
                load(self.plan, self.best)
                self.score[0] = recompute(self.graph, self.plan)
            temperature = unit * heat[0] * (heat[1] / heat[0]) ** (share * max(1, rounds) % 1.0)
            count = self.chunk(_CHUNK)
            anneal(
                self.graph,
                self.plan,
                self.best,
                self.score,
                count,
                temperature,
                temperature,
                elsewhere,
                _PASS,
            )
            self.done += count
            share = self.spent()


class _Relinking(_Search):
    """Tabu runs from plans between two elite plans."""

    def run(self, effort: Effort) -> None:
        """Search until the effort is spent."""
        self.start_clock(effort)
        n = len(self.plan.order)
        self.memory = Memory(
            until=np.zeros(1 << 16, dtype=np.int64),
            head=np.zeros(n + 1, dtype=np.int32),
            choice=np.zeros(4, dtype=np.int64),
        )
        self.counts = np.zeros(6, dtype=np.int64)
        self.elite: list[tuple[float, Smalls]] = []
        while self.spent() < 1.0:
            if len(self.elite) < ELITE:
                load(self.plan, self.elite[0][1] if self.elite else self.best)
                recompute(self.graph, self.plan)
                if self.elite or self.is_second:
                    shake(self.graph, self.plan, n)
                self.improve()
                if self.counts[4]:
                    return
                continue
            i, j = self.draw.choice(len(self.elite), 2, replace=False)
            load(self.plan, self.elite[i][1])
            recompute(self.graph, self.plan)
            rank = _rank(self.elite[j][1])
            apart = distance(self.plan, rank)
            if apart < 10:
                worst = max(int(i), int(j), key=lambda k: self.elite[k][0])
                self.elite.pop(worst)
                continue
            walk_towards(self.graph, self.plan, rank, int(apart * self.draw.uniform(0.3, 0.6)))
            self.improve()

    def improve(self) -> None:
        """Run tabu search on the working plan until it stalls, and let its best plan into the elite."""
        found = self.plan_now()
        score = np.array([recompute(self.graph, self.plan)] * 2)
        self.memory.until[:] = 0
        self.counts[:] = 0
        stalled = 0
        while stalled < PATIENCE and not self.counts[4]:
            count = self.chunk(min(2_000, PATIENCE - stalled))
            stalled = tabu_search(self.graph, self.plan, self.memory, found, score, self.counts, count)
            self.done += count
            if score[1] < self.score[1]:
                self.score[1] = score[1]
                self.best[:] = found
            if self.spent() >= 1.0:
                break
        self.admit(float(score[1]), found)

    def plan_now(self) -> Smalls:
        """Return the working plan as the kernels keep it."""
        n = len(self.plan.order)
        return np.stack([self.plan.order, self.plan.slot[:n], self.plan.run[:n]])

    def admit(self, value: float, found: Smalls) -> None:
        """Take a plan into the elite unless it is there already; the worst one leaves."""
        load(self.plan, found)
        if any(v == value and distance(self.plan, _rank(kept)) < 10 for v, kept in self.elite):
            return
        self.elite.append((value, found))
        if len(self.elite) > ELITE:
            worst = max(range(len(self.elite)), key=lambda k: self.elite[k][0])
            self.elite.pop(worst)


def _rank(kept: Smalls) -> Smalls:
    rank = np.empty(kept.shape[1], dtype=np.int32)
    rank[kept[0]] = np.arange(kept.shape[1])
    return rank
