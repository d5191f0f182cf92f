"""The run of a whole rule: at every decision the most urgent operation that may start, found without a scan.

The choice is that of `rules.rule_step`, operation by operation: groups are looked at from the most urgent
operation down, and no further once nothing left can be more urgent than the best so far. Rules without an
order over time (CR, RANDOM) and sampled runs look at more: see `DEPTH`. In a run `State.queue` holds only
what has joined a queue since its work centre last decided; the others wait in `Ranking`.
"""

from __future__ import annotations

from shopfloor.engine.kernel.events import apply_instant, begin, finish, has_free_slot, startable_from, wake
from shopfloor.engine.kernel.jit import entry, inlined
from shopfloor.engine.kernel.ranking import (
    EARLY,
    LATE,
    NEVER,
    ROUNDING,
    at_place,
    drift,
    gather,
    has_order,
    insert,
    is_late,
    remove,
    remove_at,
)
from shopfloor.engine.kernel.rules import ATCS, pair_index
from shopfloor.engine.kernel.starts import begin_operation, best_pair, is_free, real_row
from shopfloor.engine.kernel.streams import gumbel
from shopfloor.engine.kernel.timing import setup_minutes
from shopfloor.engine.layout import (
    CLOCK_DECISIONS,
    CLOCK_HEAP,
    CLOCK_STATUS,
    CLOCK_TIME,
    CLOCK_WAITING,
    ELIG_SLOT,
    GROUP_IS_INTERRUPTIBLE,
    GROUP_OP,
    GROUP_SLOT_LO,
    MEAN_SETUP,
    OP_ELIG_HI,
    OP_ELIG_LO,
    OP_FAMILY,
    SLOT_MACHINE,
    SS_FAMILY,
    SW_DIRTY,
    WC_GROUP_HI,
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
def _has_open_slot(problem: Problem, world: World, state: State, w: int, level: int) -> bool:
    found = False
    for slot in range(problem.wc[w, WC_SLOT_LO], problem.wc[w, WC_SLOT_HI]):
        found = found or (is_free(state, slot) and _is_open(problem, world, state, slot, level))
    return found


@inlined
def _bound_group(
    problem: Problem, state: State, ranking: Ranking, w: int, group: int, rule: int, par: Floats
) -> None:
    """Write how much at least each part of a group loses to its keys now, and what its index cannot exceed."""
    op = problem.group[group, GROUP_OP]
    lo = problem.op[op, OP_ELIG_LO]
    late = NEVER
    early = NEVER
    for pair in range(lo, problem.op[op, OP_ELIG_HI]):
        slot = problem.elig[pair, ELIG_SLOT]
        if is_free(state, slot):
            penalty = 0.0
            if rule == ATCS:
                machine = problem.slot[slot, SLOT_MACHINE]
                before = state.slot[slot, SS_FAMILY]
                setup = setup_minutes(problem, machine, before, problem.op[op, OP_FAMILY])
                penalty = setup / (par[1] * problem.wc_mean[w, MEAN_SETUP])
            k = problem.group[group, GROUP_SLOT_LO] + pair - lo
            late = min(late, ranking.gap[k, LATE] + penalty)
            early = min(early, ranking.gap[k, EARLY] + penalty)
    early -= drift(problem, w, rule, par) * state.clock[CLOCK_TIME] + ROUNDING
    bound = -NEVER
    if late < NEVER:
        if ranking.size[group, LATE] > 0:
            op = at_place(problem, ranking, group, LATE, ranking.size[group, LATE] - 1)
            bound = ranking.key[op, LATE] - late
        if ranking.size[group, EARLY] > 0:
            op = at_place(problem, ranking, group, EARLY, ranking.size[group, EARLY] - 1)
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
    w: int,
    group: int,
    part: int,
    rule: int,
    par: Floats,
    temperature: float,
    seed: int,
) -> None:
    """Look at one part of a group from its most urgent operation down and keep the best that may start."""
    t = state.clock[CLOCK_TIME]
    rate = drift(problem, w, rule, par)
    is_ordered = has_order(rule)
    place = ranking.size[group, part] - 1
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
        pair = best_pair(problem, world, state, op, levels[op])
        if pair >= 0:
            index = pair_index(problem, state, op, pair, rule, par, seed) + noise
            if leader < 0 or index > ranking.best[0] or (index == ranking.best[0] and op < leader):
                ranking.chosen[0] = op
                ranking.chosen[1] = pair
                ranking.best[0] = index
        place -= 1


@inlined
def choose(
    problem: Problem,
    world: World,
    state: State,
    ranking: Ranking,
    levels: Ints,
    top: int,
    w: int,
    rule: int,
    par: Floats,
    temperature: float,
    seed: int,
) -> None:
    """Write the waiting operation of work centre w that may start now and that the rule likes best (ties:
    lower operation) into `ranking.chosen`.

    Args:
        top: Highest overtime level of the run; while everything is closed at it nothing is looked at.
    """
    ranking.chosen[0] = -1
    lo = problem.wc[w, WC_GROUP_LO]
    hi = problem.wc[w, WC_GROUP_HI]
    if lo == hi or not _has_open_slot(problem, world, state, w, top):
        return
    first = lo
    for group in range(lo, hi):
        ranking.bound[group] = -NEVER
        if ranking.size[group, LATE] + ranking.size[group, EARLY] > 0:
            _bound_group(problem, state, ranking, w, group, rule, par)
            if ranking.bound[group] > ranking.bound[first]:
                first = group
    is_bounded = temperature <= 0.0 and has_order(rule)
    for turn in range(2 * (lo - 1), 2 * hi):
        # The group with the greatest bound comes before all others: then few others are looked at.
        group = first if turn < 2 * lo else turn >> 1
        if group == first and turn >= 2 * lo:
            continue
        bound = ranking.bound[group]
        if bound == -NEVER or (is_bounded and ranking.chosen[0] >= 0 and bound < ranking.best[0]):
            continue
        part = EARLY if (turn & 1) == 0 else LATE
        _consider(problem, world, state, ranking, levels, w, group, part, rule, par, temperature, seed)


@inlined
def _plan_wakes(
    problem: Problem, world: World, state: State, ranking: Ranking, w: int, levels: Ints, top: int
) -> None:
    """Wake each free slot that work waits for at the next minute at which that work could start.

    For interruptible work that is the next opening, whatever the operation, so one of each group is asked.
    """
    for group in range(problem.wc[w, WC_GROUP_LO], problem.wc[w, WC_GROUP_HI]):
        n_late = ranking.size[group, LATE]
        n = n_late + ranking.size[group, EARLY]
        is_alike = problem.group[group, GROUP_IS_INTERRUPTIBLE] == 1
        for k in range(min(n, 1) * (top + 1) if is_alike else n):
            op = problem.group[group, GROUP_OP]
            level = k
            if not is_alike:
                part = LATE if k < n_late else EARLY
                op = at_place(problem, ranking, group, part, k if k < n_late else k - n_late)
                level = levels[op]
            for pair in range(problem.op[op, OP_ELIG_LO], problem.op[op, OP_ELIG_HI]):
                slot = problem.elig[pair, ELIG_SLOT]
                if is_free(state, slot):
                    wake(state, slot, startable_from(problem, world, state, op, pair, level))


@inlined
def _start_chosen(problem: Problem, world: World, state: State, ranking: Ranking, levels: Ints) -> None:
    op = ranking.chosen[0]
    remove(problem, ranking, op)
    state.clock[CLOCK_WAITING] -= 1
    state.clock[CLOCK_DECISIONS] += 1
    begin_operation(problem, world, state, op, ranking.chosen[1], levels[op])


@entry
def run_rule(
    problem: Problem,
    world: World,
    state: State,
    levels: Ints,
    is_scenario: int,
    ranking: Ranking,
    rule: int,
    par: Floats,
    temperature: float,
    seed: int,
) -> int:
    """Run one episode with a rule from `begin` to `finish`; return a `Status`.

    Args:
        ranking: Its keys are those that `write_keys` wrote for the rule.
    """
    begin(problem, world, state, levels, is_scenario)
    ranking.size[:] = 0
    top = 0
    for op in range(levels.shape[0]):
        top = max(top, levels[op])
    while True:
        for w in range(problem.wc.shape[0]):
            if state.wc[w, SW_DIRTY] == 0:
                continue
            while has_free_slot(problem, state, w):
                gather(problem, state, ranking, w, rule, par)
                choose(problem, world, state, ranking, levels, top, w, rule, par, temperature, seed)
                if ranking.chosen[0] < 0:
                    _plan_wakes(problem, world, state, ranking, w, levels, top)
                    break
                _start_chosen(problem, world, state, ranking, levels)
            state.wc[w, SW_DIRTY] = 0
        if state.clock[CLOCK_HEAP] == 0:
            break
        apply_instant(problem, world, state, levels)
    finish(problem, state)
    return state.clock[CLOCK_STATUS]
