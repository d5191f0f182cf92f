"""The search inside the solver child: policy samples, then the optimiser, and every better plan handed on.

It opens nothing and decides nothing: the ladder validates and chooses.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from shopfloor.domain.schedule import Schedule
from shopfloor.engine.arrays import Compiled, compile_instance
from shopfloor.engine.dispatch import Outcome, best_of, to_schedule
from shopfloor.engine.optimise import Budget, Limits, optimise, plan_cost
from shopfloor.engine.rules import RuleSpec
from shopfloor.policies.bundle_golden import golden_instance
from shopfloor.policies.model import DispatchModel
from shopfloor.serving.search_settings import Replay, SearchReport, SearchSettings

SHARE_OF_SAMPLES = 0.25
"""Of the time that policy samples may take; the search makes more of a second than they do."""
SEND_EVERY_S = 0.05
_ENOUGH_S = 0.02
PATIENCE_S = 24 * 3600.0
"""Of a replay: its moves end it, not the clock."""

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
    outcomes: list[Outcome] = []
    samples = 0
    wanted = 0 if model is None else order.samples if replay is None else replay.samples
    if model is not None and wanted:
        share = seconds * SHARE_OF_SAMPLES if replay is None else math.inf
        # here and not in the optimiser: the model knows how warm to sample
        sampled, samples = best_of(
            compiled, model.spec(), n=wanted, seed=order.seed, temperature=model.temperature, deadline_s=share
        )
        outcomes.append(sampled)
    left = max(_ENOUGH_S, seconds - (time.monotonic() - began))
    done = optimise(
        compiled,
        objective=order.objective,
        budget=Budget(
            iterations=order.iterations,
            seconds=left if replay is None else PATIENCE_S,
            workers=order.workers,
            stop_after=None if replay is None else replay.iterations,
            rule_tries=None if replay is None else replay.rule_tries,
        ),
        seed=order.seed,
        starts=(RuleSpec() if model is None else model.rule,),
        outcomes=outcomes,
        on_better=sink.offer,
        limits=Limits(overtime_hours=order.overtime_hours, max_moved=order.max_moved),
    )
    # plans on the way are for the case that we are killed
    sink.settle(done.outcome, done.cost)
    is_out_of_time = replay is None and done.seconds >= left - _ENOUGH_S
    return SearchReport(
        objective=order.objective.name,
        planned=order.iterations,
        iterations=tuple(map(int, done.iterations)),
        samples=samples,
        is_cut=bool(
            samples < wanted or (is_out_of_time and min(done.iterations, default=0) < order.iterations)
        ),
        seconds=time.monotonic() - began,
        start_name=done.start_name,
        # figures of the engine may be numpy's, which JSON does not know
        start_cost=float(done.start_cost),
        cost=float(done.cost),
        guard_acted=bool(done.guard_acted),
        is_even=bool(done.is_even),
        rule_tries=done.rule_tries,
    )


def warm_up(model: DispatchModel | None) -> None:
    """Load or compile every kernel of a search, on a tiny shop, before the clock starts."""
    order = SearchSettings(iterations=50, workers=1, samples=2)
    search(compile_instance(golden_instance()), model, order, seconds=600.0, send=lambda _plan, _cost: None)


class _Sink:
    """Hands on every better plan, not too often, and the answer last."""

    def __init__(self, compiled: Compiled, order: SearchSettings, name: str, send: Send) -> None:
        self._compiled, self._objective, self._name, self._send = compiled, order.objective, name, send
        self._sent: Schedule | None = None
        self._sent_at = -math.inf

    def offer(self, outcome: Outcome) -> None:
        """Hand a plan on, unless one was handed on just now."""
        if time.monotonic() - self._sent_at >= SEND_EVERY_S:
            self._hand_on(outcome, plan_cost(self._compiled, outcome, self._objective))

    def settle(self, outcome: Outcome, cost: float) -> None:
        """Hand the answer on, unless it was the last plan that was handed on."""
        if self._schedule(outcome) != self._sent:
            self._hand_on(outcome, cost)

    def _hand_on(self, outcome: Outcome, cost: float) -> None:
        if not math.isfinite(cost):
            raise PolicyNan(f"the cost of a plan is {cost}")
        plan = self._schedule(outcome)
        self._send(plan, float(cost))
        self._sent, self._sent_at = plan, time.monotonic()

    def _schedule(self, outcome: Outcome) -> Schedule:
        return to_schedule(self._compiled, outcome, self._name)
