"""Plans to start a search from: greedy, given rules and policies, the active plan, and ATCS fitted to the instance.

The best k1, k2 and tail of ATCS differ from instance to instance by more than a search of seconds wins back,
so they are looked for first: half of the tries at random, half near the best so far.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence

import numpy as np

from shopfloor.engine import layout as at
from shopfloor.engine.actor import ActorSpec
from shopfloor.engine.arrays import Compiled
from shopfloor.engine.dispatch import Outcome, best_of, dispatch, greedy_list, outcome_of, quick_cost
from shopfloor.engine.episode import checked_levels, new_state
from shopfloor.engine.kernel.lists import build_list
from shopfloor.engine.layout import Ints, Role
from shopfloor.engine.rules import Rule, RuleSpec
from shopfloor.engine.scenario import nominal_world

GRID = tuple(
    RuleSpec(rule, k1=k1, k2=0.5, tail=tail)
    for tail in (1.0, 0.5)
    for k1 in (2.0, 1.0, 4.0, 0.5)
    for rule in (Rule.ATCS, Rule.ATC)
)
"""Rules that every search tries first."""

# as wide as the rules' own tuning: on a factory of 3 460 operations the best k1 lay at 14
_LOG2_K1 = (-2.0, 5.0)
_LOG2_K2 = (-4.0, 4.0)
_TAIL = (0.0, 1.5)
_NEAR = 0.15
"""Standard deviation of a try near the best, as a share of each range."""

_LATER = 1 << 50


def starting_plans(
    compiled: Compiled, specs: Sequence[RuleSpec | ActorSpec], *, samples: int, seed: int
) -> Iterator[tuple[str, Outcome]]:
    """Yield named plans: greedy, given rules, the active plan, given policies.

    Args:
        samples: Runs of each policy.
    """
    yield "greedy", greedy_list(compiled)
    for spec in specs:
        if isinstance(spec, RuleSpec):
            yield spec.name, dispatch(compiled, spec)
    active = replan_active(compiled)
    if active is not None:
        yield "active plan", active
    for spec in specs:
        if isinstance(spec, ActorSpec) and samples:
            yield "policy", best_of(compiled, spec, n=samples, seed=seed, deadline_s=math.inf)[0]


def fitted_rules(
    compiled: Compiled, *, tries: int, seed: int, deadline: float
) -> tuple[list[tuple[str, Outcome]], int]:
    """Return the two best plans of rules fitted to the instance by weighted tardiness, and the tries made.

    Args:
        tries: Runs at most; the grid's come first.
        deadline: Of the monotonic clock: no try begins after it.
    """
    rng = np.random.default_rng([seed, 40_487])
    best: list[tuple[float, RuleSpec, Outcome]] = []
    made = 0
    while made < tries and time.monotonic() < deadline:
        spec = GRID[made] if made < len(GRID) else _drawn(rng, best[0][1] if made % 2 else None)
        outcome = dispatch(compiled, spec)
        made += 1
        cost = quick_cost(compiled, outcome)
        if len(best) < 2 or cost < best[-1][0]:
            best = sorted([*best, (cost, spec, outcome)], key=lambda item: item[0])[:2]
    return [(spec.name, outcome) for _, spec, outcome in best], made


def _drawn(rng: np.random.Generator, near: RuleSpec | None) -> RuleSpec:
    """Return ATCS with drawn parameters, anywhere or near those of a rule."""
    ranges = np.array([_LOG2_K1, _LOG2_K2, _TAIL])
    low, high = ranges[:, 0], ranges[:, 1]
    if near is None:
        point = rng.uniform(low, high)
    else:
        centre = np.array([math.log2(near.k1), math.log2(near.k2), near.tail])
        point = np.clip(rng.normal(centre, _NEAR * (high - low)), low, high)
    return RuleSpec(Rule.ATCS, k1=float(2 ** point[0]), k2=float(2 ** point[1]), tail=float(point[2]))


def replan_active(compiled: Compiled) -> Outcome | None:
    """Return the active plan's sequence on today's facts, or None when there is no active plan.

    Operations keep their machine and their order; those that the active plan does not know, or whose machine
    may not do them any more, come after all others on the machine that finishes them first.
    """
    instance, problem = compiled.instance, compiled.problem
    if not instance.active_plan:
        return None
    op = problem.op.copy()
    key = np.full(len(op), _LATER, dtype=np.int64)
    for i, operation_id in enumerate(compiled.operation_ids):
        planned = instance.active_plan.get(operation_id)
        if planned is not None and op[i, at.OP_ROLE] == Role.NORMAL:
            pairs = _pairs_on(compiled, i, planned.machine_id)
            if pairs is not None:
                op[i, at.OP_ELIG_LO], op[i, at.OP_ELIG_HI] = pairs
                key[i] = planned.start
        elif op[i, at.OP_ROLE] != Role.NORMAL:
            key[i] = -_LATER
        before = op[i, at.OP_PRED]
        if before >= 0:
            key[i] = max(key[i], key[before])
    order = np.lexsort((np.arange(len(op)), key)).astype(np.int64)
    return _built(compiled, op, order)


def _pairs_on(compiled: Compiled, i: int, machine_id: str) -> tuple[int, int] | None:
    """Return the stretch of an operation's eligible pairs on a machine's slots, or None."""
    lo, hi = compiled.problem.op[i, at.OP_ELIG_LO], compiled.problem.op[i, at.OP_ELIG_HI]
    slots = compiled.problem.elig[lo:hi, at.ELIG_SLOT]
    mine = [k for k, slot in enumerate(slots) if compiled.slots[slot].machine_id == machine_id]
    return (lo + mine[0], lo + mine[-1] + 1) if mine else None


def _built(compiled: Compiled, op: Ints, order: Ints) -> Outcome:
    world = nominal_world(compiled)
    state = new_state(compiled, world)
    levels = checked_levels(compiled, None)
    bad = np.zeros(len(op), dtype=np.int64)
    build_list(compiled.problem._replace(op=op), world, state, levels, order, bad)
    return outcome_of(state, levels)
