"""The search inside the solver child: policy samples, then the optimiser, and every better plan handed on.

Under a cap on moved operations it searches again with dearer moves until a plan keeps the cap. It opens
nothing and decides nothing: the ladder validates and chooses.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from shopfloor.domain.kpis import moved_operations
from shopfloor.domain.schedule import Schedule, ScheduledOperation
from shopfloor.engine.arrays import Compiled, compile_instance
from shopfloor.engine.dispatch import Outcome, best_of, to_schedule
from shopfloor.engine.held_plan import hold_plan
from shopfloor.engine.objective import Objective
from shopfloor.engine.optimise import Budget, Optimised, optimise, plan_cost
from shopfloor.engine.rules import RuleSpec
from shopfloor.policies.bundle_golden import golden_instance
from shopfloor.policies.model import DispatchModel
from shopfloor.serving.search_settings import Replay, SearchReport, SearchSettings

SHARE_OF_SAMPLES = 0.25
"""Of the time that policy samples may take; the search makes more of a second than they do."""
DEARER_MOVES = (1.0, 30.0)
"""Price of a moved operation, in weighted days, of the further stages under a cap."""
MOST_HELD = 3_000
"""Operations up to which the plan in force is a start: holding it is plain Python, 0.1 s at 443, and grows with
the square of a machine's queue."""
SEND_EVERY_S = 0.05
_ENOUGH_S = 0.02

Send = Callable[[Schedule, float], None]


class PolicyNan(ArithmeticError):
    """A plan has a cost that is not a number."""


def search(
    compiled: Compiled,
    model: DispatchModel | None,
    order: SearchSettings,
    *,
    seconds: float,
    send: Send,
    replay: Replay | None = None,
) -> SearchReport:
    """Search until the moves or the seconds are used up.

    Args:
        model: Whose rule and samples are among the starts; None = the built-in rules alone.
        send: Called with every better plan and its cost; the last call has the best one.

    Raises:
        PolicyNan: The cost of a plan is not a number.
    """
    began = time.monotonic()
    name = "search" if model is None else f"{model.name}+search"
    sink = _Sink(compiled, order, name, send)
    outcomes = active_starts(compiled)
    samples = 0
    wanted = order.samples if replay is None else replay.samples
    is_cut = False
    if model is not None and wanted:
        share = seconds * SHARE_OF_SAMPLES if replay is None else math.inf
        sampled, samples = best_of(
            compiled, model.spec(), n=wanted, seed=order.seed, temperature=model.temperature, deadline_s=share
        )
        outcomes.append(sampled)
        is_cut = samples < wanted
    stages: list[Optimised] = []
    for number, objective in enumerate(_objectives(compiled, order)):
        left = seconds - (time.monotonic() - began)
        left /= 1 if order.max_moved is None else 1 + len(DEARER_MOVES) - number
        done = optimise(
            compiled,
            objective=objective,
            budget=_budget(order, left, None if replay is None else replay.iterations[number]),
            seed=order.seed,
            starts=(RuleSpec() if model is None else model.rule,),
            outcomes=outcomes,
            on_better=sink.offer,
        )
        stages.append(done)
        is_cut |= replay is None and _was_cut(done, order, left)
        is_last = replay is not None and number + 1 == len(replay.iterations)
        if is_last or sink.value_of(done.outcome).excess <= 0:
            break
    # plans on the way are for the case that we are killed; the answer is the stages' own, so that it is
    # the same however often the clock let us speak
    best = min(stages, key=lambda stage: sink.value_of(stage.outcome))
    sink.settle(best.outcome)
    return SearchReport(
        objective=order.objective.name,
        planned=order.iterations,
        iterations=tuple(stage.iterations for stage in stages),
        samples=samples,
        is_cut=is_cut,
        seconds=time.monotonic() - began,
        start_name=stages[0].start_name,
        start_cost=stages[0].start_cost,
        cost=sink.value_of(best.outcome).cost,
        guard_acted=any(stage.guard_acted for stage in stages),
    )


def warm_up(model: DispatchModel | None) -> None:
    """Load or compile every kernel of a search, on a tiny shop, before the clock starts."""
    order = SearchSettings(iterations=50, workers=1, samples=2)
    search(compile_instance(golden_instance()), model, order, seconds=600.0, send=lambda _plan, _cost: None)


def active_starts(compiled: Compiled) -> list[Outcome]:
    """Return the plan in force as facts leave it, as a start of the search; nothing where there is none."""
    instance = compiled.instance
    if not instance.active_plan or len(instance.operations) > MOST_HELD:
        return []
    # the instance knows machine and start of each; the rest is worked out anew
    rows = {
        name: ScheduledOperation(
            name, operation.job_id, planned.machine_id, planned.start, planned.start, 0, 0
        )
        for name, planned in instance.active_plan.items()
        if (operation := instance.operation_by_id.get(name)) is not None
    }
    return [hold_plan(compiled, rows)]


def _objectives(compiled: Compiled, order: SearchSettings) -> list[Objective]:
    """Return the objective of each stage: the one asked for, then ones on which moves are dearer."""
    asked = order.objective
    if order.max_moved is None or not compiled.instance.active_plan:
        return [asked]
    return [asked, *(replace(asked, moves=price) for price in DEARER_MOVES if price > asked.moves)]


def _budget(order: SearchSettings, left: float, done_before: tuple[int, ...] | None) -> Budget:
    # a replay is bound by its moves alone
    seconds = max(_ENOUGH_S, left) if done_before is None else 24 * 3600.0
    return Budget(iterations=order.iterations, seconds=seconds, workers=order.workers, samples=1)


def _was_cut(done: Optimised, order: SearchSettings, seconds: float) -> bool:
    """Tell whether the clock ended a stage, and not its moves nor a plan that cannot be bettered."""
    return min(done.iterations, default=0) < order.iterations and done.seconds >= seconds - _ENOUGH_S


class _Value(NamedTuple):
    """What a plan is worth: first the cap, then the cost."""

    excess: int
    cost: float


class _Sink:
    """Hands on every better plan, not too often, and the answer last."""

    def __init__(self, compiled: Compiled, order: SearchSettings, name: str, send: Send) -> None:
        self._compiled, self._order, self._name, self._send = compiled, order, name, send
        self._best: _Value | None = None
        self._sent: Schedule | None = None
        self._sent_at = -math.inf

    def value_of(self, outcome: Outcome) -> _Value:
        """Return what a plan is worth.

        Raises:
            PolicyNan: Its cost is not a number.
        """
        cost = plan_cost(self._compiled, outcome, self._order.objective)
        if not math.isfinite(cost):
            raise PolicyNan(f"the cost of a plan is {cost}")
        if self._order.max_moved is None:
            return _Value(0, cost)
        moved = moved_operations(self._compiled.instance, self._schedule(outcome))
        return _Value(max(0, moved - self._order.max_moved), cost)

    def offer(self, outcome: Outcome) -> None:
        """Hand a plan on if it is the best so far and none was handed on just now."""
        if time.monotonic() - self._sent_at < SEND_EVERY_S:
            return
        value = self.value_of(outcome)
        if self._best is None or value < self._best:
            self._best = value
            self._hand_on(self._schedule(outcome), value.cost)

    def settle(self, outcome: Outcome) -> None:
        """Hand the answer on, unless it was the last plan that was handed on."""
        plan = self._schedule(outcome)
        if plan != self._sent:
            self._hand_on(plan, self.value_of(outcome).cost)

    def _hand_on(self, plan: Schedule, cost: float) -> None:
        self._send(plan, cost)
        self._sent, self._sent_at = plan, time.monotonic()

    def _schedule(self, outcome: Outcome) -> Schedule:
        return to_schedule(self._compiled, outcome, self._name)
