"""Which waiting operation of a work centre starts next, found without a scan of its queue.

The choice is that of `rules.rule_step`, operation by operation: groups are looked at from the most urgent
operation down, and no further once nothing left can be more urgent than the best so far. Where the rule's
index is the late key, the most urgent head that may start is the answer. Rules without an order over time
(CR, RANDOM) and sampled runs look at more: see `DEPTH`. Nothing is started here.
"""

from __future__ import annotations

from shopfloor.engine.kernel.jit import inlined
from shopfloor.engine.kernel.ranking import (
    EARLY,
    LATE,
    NEVER,
    ROUNDING,
    at_place,
    has_order,
    head,
    insert,
    is_fixed,
    is_late,
    remove_at,
)
from shopfloor.engine.kernel.rules import ATCS, pair_index
from shopfloor.engine.kernel.starts import is_free, open_end, real_row
from shopfloor.engine.kernel.streams import gumbel
from shopfloor.engine.kernel.timing import setup_minutes
from shopfloor.engine.layout import (
    CLOCK_TIME,
    ELIG_SLOT,
    GROUP_OP,
    GROUP_SLOT_LO,
    MEAN_SETUP,
    OP_ELIG_HI,
    OP_ELIG_LO,
    OP_FAMILY,
    RG_SLOTS,
    SLOT_BIT,
    SLOT_MACHINE,
    SS_FAMILY,
    SW_IDLE,
    WC_GROUP_LO,
    WC_SLOT_HI,
    WC_SLOT_LO,
    Floats,
    Ints,
    Problem,
    Ranking,
    State,
    World,
)

DEPTH = 64
"""Operations of one part of a group that a sampled run looks at; further down noise would have to lift an
operation over that many of its own family."""


@inlined
def _is_open(problem: Problem, world: World, state: State, slot: int, level: int) -> bool:
    t = state.clock[CLOCK_TIME]
    c = world.cal_of[problem.slot[slot, SLOT_MACHINE], level]
    row = real_row(problem, world, state, c, t)
    return row < world.cal_off[c + 1] and world.cal_start[row] <= t


@inlined
def open_slots(problem: Problem, world: World, state: State, w: int, level: int) -> int:
    """Return the bits of a work centre's idle slots that are open; -1 for any where slots have no bits."""
    opened = 0
    idle = state.wc[w, SW_IDLE]
    for slot in range(problem.wc[w, WC_SLOT_LO], problem.wc[w, WC_SLOT_HI]):
        bit = problem.slot[slot, SLOT_BIT]
        is_idle = (idle & bit) != 0 if bit != 0 else is_free(state, slot)
        if is_idle and _is_open(problem, world, state, slot, level):
            opened |= bit if bit != 0 else -1
    return opened


@inlined
def _is_among(problem: Problem, state: State, slot: int, opened: int) -> bool:
    """Tell whether a slot is one of those bits; where it has none, whether it is idle."""
    bit = problem.slot[slot, SLOT_BIT]
    return (bit & opened) != 0 or (bit == 0 and is_free(state, slot))


@inlined
def _best_pair(
    problem: Problem, world: World, state: State, op: int, opened: int, top: int, level: int
) -> int:
    """Return what `best_pair` returns, asking no calendar again at the level at which slots are known open."""
    best = -1
    best_end = 0
    for pair in range(problem.op[op, OP_ELIG_LO], problem.op[op, OP_ELIG_HI]):
        slot = problem.elig[pair, ELIG_SLOT]
        if not _is_among(problem, state, slot, opened):
            continue
        is_known = level == top and opened > 0
        if is_known or _is_open(problem, world, state, slot, level):
            end = open_end(problem, state, op, pair, level)
            if end >= 0 and (best < 0 or end < best_end):
                best = pair
                best_end = end
    return best


@inlined
def _bound_group(
    problem: Problem,
    state: State,
    ranking: Ranking,
    w: int,
    group: int,
    opened: int,
    rate: float,
    rule: int,
    par: Floats,
) -> None:
    """Write how much at least each part of a group loses to its keys now, and what its index cannot exceed."""
    op = problem.group[group, GROUP_OP]
    lo = problem.op[op, OP_ELIG_LO]
    late = NEVER
    early = NEVER
    for pair in range(lo, problem.op[op, OP_ELIG_HI]):
        slot = problem.elig[pair, ELIG_SLOT]
        if _is_among(problem, state, slot, opened):
            penalty = 0.0
            if rule == ATCS:
                machine = problem.slot[slot, SLOT_MACHINE]
                before = state.slot[slot, SS_FAMILY]
                setup = setup_minutes(problem, machine, before, problem.op[op, OP_FAMILY])
                penalty = setup / (par[1] * problem.wc_mean[w, MEAN_SETUP])
            k = problem.group[group, GROUP_SLOT_LO] + pair - lo
            late = min(late, ranking.gap[k, LATE] + penalty)
            early = min(early, ranking.gap[k, EARLY] + penalty)
    early -= rate * state.clock[CLOCK_TIME] + ROUNDING
    bound = -NEVER
    if late < NEVER:
        if ranking.group[group, LATE] > 0:
            bound = ranking.key[head(problem, ranking, group), LATE] - late
        if ranking.group[group, EARLY] > 0:
            op = at_place(problem, ranking, group, EARLY, ranking.group[group, EARLY] - 1)
            bound = max(bound, ranking.key[op, EARLY] - early)
    ranking.loss[group, LATE] = late
    ranking.loss[group, EARLY] = early
    ranking.bound[group] = bound


@inlined
def _consider(
    problem: Problem,
    world: World,
    state: State,
    ranking: Ranking,
    levels: Ints,
    group: int,
    part: int,
    opened: int,
    top: int,
    rate: float,
    rule: int,
    par: Floats,
    temperature: float,
    seed: int,
) -> None:
    """Look at one part of a group from its most urgent operation down and keep the best that may start."""
    t = state.clock[CLOCK_TIME]
    is_ordered = has_order(rule)
    place = ranking.group[group, part] - 1
    last = place - DEPTH if temperature > 0.0 else -1
    while place >= 0 and place > last:
        op = at_place(problem, ranking, group, part, place)
        bound = ranking.key[op, part] - ranking.loss[group, part]
        leader = ranking.chosen[0]
        noise = temperature * gumbel(seed, op, t) if temperature > 0.0 else 0.0
        is_less = bound + noise < ranking.best[0] or (bound + noise == ranking.best[0] and op > leader)
        if is_ordered and leader >= 0 and is_less:
            if temperature <= 0.0:
                break
            place -= 1
            continue
        if part == EARLY and is_late(problem, state, ranking, op, rate):
            remove_at(problem, ranking, group, EARLY, place)
            insert(problem, ranking, group, LATE, op)
            place -= 1
            continue
        pair = _best_pair(problem, world, state, op, opened, top, levels[op])
        if pair >= 0:
            index = ranking.key[op, LATE]
            if not is_fixed(rule):
                index = pair_index(problem, state, op, pair, rule, par, seed)
            index += noise
            if leader < 0 or index > ranking.best[0] or (index == ranking.best[0] and op < leader):
                ranking.chosen[0] = op
                ranking.chosen[1] = pair
                ranking.chosen[2] = part
                ranking.chosen[3] = place
                ranking.best[0] = index
        place -= 1


@inlined
def choose(
    problem: Problem,
    world: World,
    state: State,
    ranking: Ranking,
    levels: Ints,
    w: int,
    opened: int,
    top: int,
    rate: float,
    rule: int,
    par: Floats,
    temperature: float,
    seed: int,
) -> None:
    """Write the waiting operation of work centre w that may start now and that the rule likes best (ties:
    lower operation) into `ranking.chosen`.

    Args:
        opened: Bits of the idle slots that are open at level `top`, the highest of the run.
        rate: `drift` of the work centre.
    """
    ranking.chosen[0] = -1
    lo = problem.wc[w, WC_GROUP_LO]
    hi = lo + ranking.n_line[w]
    first = -1
    greatest = -NEVER
    for k in range(lo, hi):
        group = ranking.line[k]
        if (ranking.group[group, RG_SLOTS] & opened) == 0:
            continue
        if not is_fixed(rule):
            _bound_group(problem, state, ranking, w, group, opened, rate, rule, par)
        bound = ranking.bound[group]
        is_tie = first >= 0 and is_fixed(rule) and bound == greatest
        is_lower = is_tie and head(problem, ranking, group) < head(problem, ranking, first)
        if first < 0 or bound > greatest or is_lower:
            first = group
            greatest = bound
    if first < 0:
        return
    is_bounded = temperature <= 0.0 and has_order(rule)
    is_exact = temperature <= 0.0 and is_fixed(rule)
    for turn in range(2 * (lo - 1) + is_fixed(rule), 2 * hi):
        # The group with the greatest bound comes before all others: then few others are looked at.
        group = first if turn < 2 * lo else ranking.line[turn >> 1]
        if turn == 2 * lo and is_exact and ranking.chosen[0] == head(problem, ranking, first):
            return
        if group == first and turn >= 2 * lo:
            continue
        if (ranking.group[group, RG_SLOTS] & opened) == 0:
            continue
        if is_bounded and ranking.chosen[0] >= 0 and ranking.bound[group] < ranking.best[0]:
            continue
        part = EARLY if (turn & 1) == 0 else LATE
        _consider(
            problem,
            world,
            state,
            ranking,
            levels,
            group,
            part,
            opened,
            top,
            rate,
            rule,
            par,
            temperature,
            seed,
        )
