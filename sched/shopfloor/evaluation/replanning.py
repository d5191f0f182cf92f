"""Planning again while the shop runs: at each event the search on what is known then, its plan followed until the
next.

It never sees the scenario but through `known_now`, and a decision once begun is never taken back. Between two
plannings the plan in force is followed in its order. With sampled futures the search's plan first meets the plan in
force, the rule's and the policy's on futures that are drawn from the statistics and not from the scenario, and the
one that is least late on average there is followed. Scores nothing.

References:
    Vieira, Herrmann & Lin (2003), Rescheduling manufacturing systems: event-driven policies, section 3.
    Chang, Givan & Chong (2004), Parallel rollout for online solution of POMDPs, section 4: policy switching.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np

from shopfloor.engine import layout as at
from shopfloor.engine.actor import ActorSpec
from shopfloor.engine.arrays import Compiled
from shopfloor.engine.dispatch import Outcome, dispatch, quick_cost
from shopfloor.engine.following import Lines, Shop, follow, lines_of
from shopfloor.engine.known_world import Known, Outlook, known_now, require_plain
from shopfloor.engine.layout import OpStatus
from shopfloor.engine.objective import PRESETS, Objective
from shopfloor.engine.optimise import plan_cost
from shopfloor.engine.portfolio import fitted_rules
from shopfloor.engine.rules import RuleSpec
from shopfloor.engine.scenario import Disturbances, Scenario, realise
from shopfloor.engine.search import Chain
from shopfloor.engine.search_state import InfeasibleStart
from shopfloor.engine.short_search import chain_from, improved

DEVIATION = 30
"""An operation that ends so many minutes off what was planned is an event."""

FIRST_TRIES = 100
"""Rules that the plan of the morning tries."""

FUTURES = 1 << 41
"""Seeds of sampled futures begin here, far from those of scenarios."""

PLAN, HELD, RULE, POLICY = "plan", "held", "rule", "policy"


class When(StrEnum):
    """Which decision moments plan anew."""

    ALWAYS = "always"
    EVENTS = "events"
    ARRIVALS = "arrivals"


@dataclass(frozen=True)
class ReplanSettings:
    """How it plans again.

    Attributes:
        moves: Of the search at each planning; 0 = the plan in force or the rule's, whichever is cheaper.
        rule: Places newcomers, and is a start of the search.
        policy: Another start of the search, and another plan where futures are sampled.
        when: Which moments plan anew.
        waits: A slot waits for the first of its line; else it takes the first that may start.
        n_futures: Futures on which these plans meet at each planning; 0 = the search's plan it is.
        objective: Of the search.
        heat: Factor on the search's temperatures.
        first_moves: Of the first planning, which also fits the rule to what is known: the plan of the morning;
            0 = the first planning is like every other.
    """

    moves: int
    rule: RuleSpec
    policy: ActorSpec | None = None
    when: When = When.EVENTS
    waits: bool = True
    n_futures: int = 0
    objective: Objective = PRESETS["tardiness"]
    heat: float = 1.0
    first_moves: int = 0


@dataclass
class Account:
    """What planning again and again has cost.

    Attributes:
        n_moments: Decision moments.
        n_plannings: Those at which it planned.
        search_s: CPU seconds of the search's moves, but for those of a plan of the morning.
        other_s: CPU seconds of everything else that planning takes: facts, starts, futures.
        first_s: CPU seconds of the plan of the morning.
        followed: How often the search's plan, the one in force, the rule's and the policy's were chosen.
    """

    n_moments: int = 0
    n_plannings: int = 0
    search_s: float = 0.0
    other_s: float = 0.0
    first_s: float = 0.0
    followed: Counter[str] = field(default_factory=Counter)

    def per_planning_ms(self) -> tuple[float, float]:
        """Return the CPU milliseconds of a planning: the search, everything else."""
        n = max(1, self.n_plannings)
        return 1000.0 * self.search_s / n, 1000.0 * self.other_s / n

    def facts(self) -> Mapping[str, float]:
        """Return the numbers by name."""
        search, other = self.per_planning_ms()
        named = {"moments": self.n_moments, "plannings": self.n_plannings}
        followed = {f"followed_{name}": self.followed[name] for name in (PLAN, HELD, RULE, POLICY)}
        return {name: float(n) for name, n in (named | followed).items()} | {
            "search_ms": search,
            "other_ms": other,
            "first_s": self.first_s,
        }


def moves_per_ms(compiled: Compiled, rule: RuleSpec, *, moves: int = 20_000) -> float:
    """Return how many moves of a planning at the beginning one CPU millisecond buys here and now."""
    start = dispatch(compiled, rule)
    spent = 0.0
    for n in (100, moves):
        chain = chain_from(compiled, start, objective=PRESETS["tardiness"], moves=n, seed=0)
        before = time.thread_time()
        improved(chain)
        spent = time.thread_time() - before
    return moves / max(1e-3, 1000.0 * spent)


def replan(
    compiled: Compiled,
    scenario: Scenario,
    disturbances: Disturbances,
    settings: ReplanSettings,
    *,
    seed: int = 0,
) -> tuple[Outcome, Account]:
    """Return what happens to a shop that plans again while it runs, and what that cost.

    Args:
        disturbances: What the plant's history says of them; the scenario's own draws stay hidden.
        seed: Of the search and of the sampled futures.

    Raises:
        InvalidInstance: The shop has start pins, or commitments that have not begun.
    """
    require_plain(compiled)
    return _Replanning(compiled, scenario, disturbances, settings, seed).run()


class _Replanning:
    """One run of a shop."""

    def __init__(
        self,
        compiled: Compiled,
        scenario: Scenario,
        disturbances: Disturbances,
        settings: ReplanSettings,
        seed: int,
    ) -> None:
        self.settings = settings
        self.seed = seed
        self.shop = Shop(compiled, scenario)
        self.outlook = Outlook.of(compiled, disturbances)
        self.future = replace(disturbances, rush_share=0.0)
        self.account = Account()
        self.plan: Outcome | None = None
        self.known: Known | None = None
        self.lines: Lines | None = None

    def run(self) -> tuple[Outcome, Account]:
        shop, account = self.shop, self.account
        while not shop.is_over:
            account.n_moments += 1
            before = time.thread_time()
            spent = account.search_s + account.first_s
            if self.is_due():
                self.plan_anew()
            account.other_s += time.thread_time() - before - (account.search_s + account.first_s - spent)
            assert self.lines is not None
            shop.carry_on(self.lines, waits=self.settings.waits)
        return shop.outcome(), account

    def is_due(self) -> bool:
        """Tell whether what has happened since the last planning asks for another."""
        known, plan, when = self.known, self.plan, self.settings.when
        if known is None or plan is None or when is When.ALWAYS:
            return True
        arrived = self.shop.scenario.world.arrival <= self.shop.now
        if (arrived & ~known.is_known).any():
            return True
        if when is not When.EVENTS:
            return False
        if not np.array_equal(self.shop.machines_down(), known.is_down):
            return True
        op = self.shop.state.op
        ended = (op[:, at.ST_STATUS] == OpStatus.DONE) & ~known.has_ended
        return bool((np.abs(op[ended, at.ST_END] - plan.end[ended]) > DEVIATION).any())

    def plan_anew(self) -> None:
        settings, account = self.settings, self.account
        known = known_now(self.shop, self.outlook)
        compiled = known.compiled
        ruled = dispatch(compiled, settings.rule)
        starts = [ruled]
        played: Outcome | None = None
        if settings.policy is not None:
            played = dispatch(compiled, settings.policy)
            starts.append(played)
        best = min(starts, key=lambda outcome: quick_cost(compiled, outcome))
        number = 1_000_003 * self.seed + account.n_plannings
        held = best if self.plan is None else known.retimed(self.plan, ruled)
        if self.plan is None and settings.first_moves:
            plan = self.morning(compiled, best, number)
        else:
            plan = self.searched(compiled, held, best, number)
        chosen = PLAN
        if settings.n_futures:
            candidates = {PLAN: plan, HELD: held, RULE: ruled}
            if played is not None:
                candidates[POLICY] = played
            chosen = self.best_on_futures(compiled, candidates, number)
            plan = candidates[chosen]
        account.followed[chosen] += 1
        account.n_plannings += 1
        self.known, self.plan, self.lines = known, plan, lines_of(compiled, plan)

    def morning(self, compiled: Compiled, start: Outcome, number: int) -> Outcome:
        """Return the plan that a longer search makes of what is known at the beginning."""
        settings = self.settings
        before = time.thread_time()
        fitted, _ = fitted_rules(compiled, tries=FIRST_TRIES, seed=number, deadline=math.inf)
        starts = [start, *(outcome for _, outcome in fitted)]
        chain = chain_from(
            compiled,
            min(starts, key=lambda outcome: quick_cost(compiled, outcome)),
            objective=settings.objective,
            moves=settings.first_moves,
            seed=number,
        )
        plan = improved(chain)
        self.account.first_s += time.thread_time() - before
        return plan

    def searched(self, compiled: Compiled, held: Outcome, fresh: Outcome, number: int) -> Outcome:
        """Return what the search makes of the plan in force, or of the fresh one where that is cheaper."""
        settings = self.settings

        def chain(start: Outcome) -> Chain:
            return chain_from(
                compiled,
                start,
                objective=settings.objective,
                moves=settings.moves,
                seed=number,
                heat=settings.heat,
            )

        try:
            found = chain(held)
            if held is not fresh and plan_cost(compiled, fresh, settings.objective) < found.cost:
                found = chain(fresh)
        except InfeasibleStart:
            found = chain(fresh)
        before = time.thread_time()
        plan = improved(found) if settings.moves else found.kept()
        self.account.search_s += time.thread_time() - before
        return plan

    def best_on_futures(self, compiled: Compiled, candidates: Mapping[str, Outcome], number: int) -> str:
        """Return who has the least mean weighted tardiness on sampled futures, the same for all."""
        settings = self.settings
        total = dict.fromkeys(candidates, 0.0)
        for k in range(settings.n_futures):
            future = realise(compiled, self.future, FUTURES + number * settings.n_futures + k)
            for name, plan in candidates.items():
                lived = follow(compiled, plan, scenario=future, waits=settings.waits)
                total[name] += quick_cost(compiled, lived)
        return min(total, key=lambda name: total[name])
