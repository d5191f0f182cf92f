"""The CP-SAT reference: OR-Tools on the same instance, from the same warm start, in the same seconds.

A yardstick for the search, never the daily solver. Every solution that CP-SAT finds (machine slots and order) is
decoded with real calendars, setups, commitments and pins and scored like any plan, so what its model
approximates can only help it: the best decoded plan is the answer, the warm start included.

Two models. Up to 60 operations on machines of one calendar the model is exact (`exact_arcs`): OPTIMAL means
optimal, and the bound holds for every plan in regular time. Otherwise it is the plant model (`exact_model`) on
the working-time axis (`exact_axis`), whose approximations are named in the answer; it has no bound. Overtime is
in neither model.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from ortools.sat.python import cp_model

from shopfloor.domain.errors import ShopfloorError
from shopfloor.engine import layout as at
from shopfloor.engine.arrays import Compiled
from shopfloor.engine.dispatch import Outcome, completion_minutes, quick_cost
from shopfloor.policies.exact_arcs import build_arcs, why_not_exact
from shopfloor.policies.exact_axis import ShopOnAxis, shop_on_axis
from shopfloor.policies.exact_model import CpModel, build_model, sorted_by_first_operation

Goal = Literal["weighted_tardiness", "makespan"]
Mode = Literal["auto", "exact", "plant"]

MINUTES_PER_DAY = 1440.0
SETUP_SHARE = 0.8
"""Typical setup between staying in the family (0) and the mean change (1); 0.55 decoded worse than 0.8."""

HORIZON_SLACK = 1.25
"""The plant model may end this much later than its warm start."""


class NotExact(ShopfloorError, ValueError):
    """An exact answer was asked for an instance that the exact model cannot express."""


@dataclass(frozen=True, eq=False)
class Reference:
    """What CP-SAT made of an instance.

    Attributes:
        outcome: The best decoded plan, the warm start if none was better.
        cost: Of it: weighted tardiness or makespan, days.
        start_cost: Of the warm start.
        bound: No plan in regular time costs less, days; None = the model is not exact.
        is_optimal: CP-SAT proved its solution optimal in an exact model.
        status: CP-SAT's own word, of its model.
        n_solutions: Solutions decoded.
        seconds: Wall seconds, model building included.
        trace: (wall seconds, cost) of each improvement.
        approximations: What the model did not say exactly.
    """

    outcome: Outcome
    cost: float
    start_cost: float
    bound: float | None
    is_optimal: bool
    status: str
    n_solutions: int
    seconds: float
    trace: tuple[tuple[float, float], ...]
    approximations: tuple[str, ...]


def solve_reference(
    compiled: Compiled,
    *,
    warm: Outcome,
    seconds: float,
    workers: int = 2,
    goal: Goal = "weighted_tardiness",
    mode: Mode = "auto",
    seed: int = 0,
    cpu_seconds: float | None = None,
) -> Reference:
    """Return the best plan that CP-SAT finds from a warm start.

    Args:
        warm: A finished plan in regular time.
        seconds: Wall seconds from the call.
        workers: Threads of CP-SAT.
        cpu_seconds: Also stop when this process has used so many since the call: a fair budget on a machine
            that others use too.
        mode: `exact` insists on the exact model, `plant` on the other; `auto` takes the exact one where it can.

    Raises:
        NotExact: `exact` was asked for and something stands in its way.
    """
    began, cpu_began = time.monotonic(), time.process_time()
    shop = shop_on_axis(compiled, setup_share=SETUP_SHARE)
    obstacle = why_not_exact(shop)
    if mode == "exact" and obstacle is not None:
        raise NotExact(f"no exact model of this instance: {obstacle}\nhint: mode='plant' approximates it")
    is_exact = obstacle is None and mode != "plant"
    judge = _Judge(compiled, shop, warm, goal, began)
    if not shop.operations:
        return judge.reference(None, None, is_exact=True, approximations=())
    if is_exact:
        built = _exact_model(judge, is_makespan=goal == "makespan")
    else:
        built = _plant_model(judge, is_makespan=goal == "makespan")
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = workers
    solver.parameters.random_seed = seed
    # From a complete start a plant's proof is out of reach: both workers search neighbourhoods.
    solver.parameters.use_lns_only = not is_exact and built.is_hinted
    solver.parameters.max_time_in_seconds = max(0.05, seconds - (time.monotonic() - began))
    judge.built = built
    with _cpu_budget(solver, cpu_seconds, spent=time.process_time() - cpu_began):
        status = solver.solve(built.model, judge)
    notes = () if is_exact else ("each setup is the typical one of its family", *shop.approximations)
    return judge.reference(solver, status, is_exact=is_exact, approximations=notes)


def cost_of(compiled: Compiled, goal: Goal) -> Callable[[Outcome], float]:
    """Return what a plan costs by a goal, days."""
    if goal == "weighted_tardiness":
        return lambda outcome: quick_cost(compiled, outcome)
    now = int(compiled.problem.constant[at.CONST_NOW])
    return lambda outcome: (
        max(0.0, float(completion_minutes(compiled, outcome).max()) - now) / MINUTES_PER_DAY
    )


@contextmanager
def _cpu_budget(solver: cp_model.CpSolver, cpu_seconds: float | None, *, spent: float) -> Iterator[None]:
    """Stop the solver when the process has used its seconds."""
    if cpu_seconds is None:
        yield
        return
    stop_at = time.process_time() + cpu_seconds - spent
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(0.02):
            if time.process_time() >= stop_at:
                solver.stop_search()
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        is_over.set()
        watcher.join()


class _Judge(cp_model.CpSolverSolutionCallback):
    """Decodes every solution with real times and keeps the best plan."""

    def __init__(self, compiled: Compiled, shop: ShopOnAxis, warm: Outcome, goal: Goal, began: float) -> None:
        super().__init__()
        self.shop = shop
        self.began = began
        self.warm = warm
        self.cost = cost_of(compiled, goal)
        self.goal = goal
        self.best = warm
        self.best_cost = self.start_cost = self.cost(warm)
        self.built: CpModel | None = None
        self.n_solutions = 0
        self.trace: list[tuple[float, float]] = [(0.0, self.best_cost)]

    def on_solution_callback(self) -> None:
        assert self.built is not None
        starts = {op: self.value(variable) for op, variable in self.built.start.items()}
        slot_of = self.built.slots_of(self.boolean_value)
        self.n_solutions += 1
        self.consider(slot_of, starts)

    def consider(self, slot_of: dict[int, int], starts: dict[int, int]) -> None:
        outcome = self.shop.decoder.decode(slot_of, in_order(starts))
        if outcome is None:
            return
        cost = self.cost(outcome)
        if cost < self.best_cost - 1e-9:
            self.best, self.best_cost = outcome, cost
            self.trace.append((time.monotonic() - self.began, cost))

    def reference(
        self,
        solver: cp_model.CpSolver | None,
        status: Any,
        *,
        is_exact: bool,
        approximations: tuple[str, ...],
    ) -> Reference:
        bound: float | None = None
        if solver is None:
            bound, word = self.best_cost, "OPTIMAL"
        else:
            word = solver.status_name(status)
            if is_exact and self.built is not None and word in ("OPTIMAL", "FEASIBLE", "UNKNOWN"):
                units = solver.best_objective_bound + self.built.offset
                bound = max(0.0, units / self.built.scale / MINUTES_PER_DAY)
        return Reference(
            outcome=self.best,
            cost=self.best_cost,
            start_cost=self.start_cost,
            bound=bound,
            is_optimal=is_exact and word == "OPTIMAL",
            status=word,
            n_solutions=self.n_solutions,
            seconds=time.monotonic() - self.began,
            trace=tuple(self.trace),
            approximations=approximations,
        )


def in_order(starts: dict[int, int]) -> list[int]:
    """Return operations by start; rows break ties, and a predecessor has the smaller row."""
    return sorted(starts, key=lambda op: (starts[op], op))


def _warm_sequences(judge: _Judge) -> tuple[dict[int, int], list[int]] | None:
    """Return slot and order of the warm start, None where it leaves something out."""
    shop, warm = judge.shop, judge.warm
    slot_of = {op: int(warm.slot[op]) for op in shop.operations}
    if not all(slot in shop.operations[op].run for op, slot in slot_of.items()):
        return None
    return sorted_by_first_operation(shop, slot_of), in_order({op: int(warm.start[op]) for op in slot_of})


def _plant_model(judge: _Judge, *, is_makespan: bool) -> CpModel:
    shop = judge.shop
    warm = _warm_sequences(judge)
    if warm is None:
        longest = sum(max(item.work(slot) for slot in item.run) for item in shop.operations.values())
        latest = max(item.ready for item in shop.operations.values())
        return build_model(shop, horizon=latest + longest, is_makespan=is_makespan, hint=None)
    slot_of, order = warm
    starts = shop.simulate(slot_of, order)
    hint = {op: (slot_of[op], starts[op]) for op in order}
    last = max(start + shop.operations[op].work(slot_of[op]) for op, start in starts.items())
    return build_model(shop, horizon=round(HORIZON_SLACK * last) + 1440, is_makespan=is_makespan, hint=hint)


def _exact_model(judge: _Judge, *, is_makespan: bool) -> CpModel:
    shop = judge.shop
    warm = _warm_sequences(judge)
    assert warm is not None, "an exact instance has a place for everything"
    slot_of, order = warm
    outcome = shop.decoder.decode(slot_of, order)
    assert outcome is not None, "an exact instance has no start pins"
    hint = {op: (slot_of[op], shop.axis.at(int(outcome.start[op]))) for op in order}
    return build_arcs(shop, horizon=shop.axis.length, is_makespan=is_makespan, hint=hint)
