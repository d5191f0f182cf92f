"""The run of a whole rule: every event of an instant, then every start that the rule wants at that instant.

In a run `State.queue` holds only what has joined a queue since its work centre last decided; the others wait
in `Ranking`. What starts next is the choice of `rule_choice`.
"""

from __future__ import annotations

from shopfloor.engine.kernel.bits import lowest_bit
from shopfloor.engine.kernel.events import apply_instant, begin, finish, startable_from, wake
from shopfloor.engine.kernel.jit import inlined, outlined, threaded
from shopfloor.engine.kernel.ranking import (
    EARLY,
    LATE,
    at_place,
    drift,
    empty,
    gather,
    remove_chosen,
)
from shopfloor.engine.kernel.rule_choice import choose, open_slots
from shopfloor.engine.kernel.starts import is_free, start_now
from shopfloor.engine.layout import (
    CLOCK_DECISIONS,
    CLOCK_HEAP,
    CLOCK_STATUS,
    CLOCK_TOUCHED,
    CLOCK_WAITING,
    ELIG_SLOT,
    GROUP_IS_INTERRUPTIBLE,
    GROUP_OP,
    OP_ELIG_HI,
    OP_ELIG_LO,
    SLOT_BIT,
    SW_COUNT,
    SW_DIRTY,
    SW_IDLE,
    WC_GROUP_LO,
    Floats,
    Ints,
    Problem,
    Ranking,
    State,
    World,
)


@outlined
def _plan_wakes(
    problem: Problem, world: World, state: State, ranking: Ranking, w: int, levels: Ints, top: int
) -> None:
    """Wake each free slot that work waits for at the next minute at which that work could start.

    For interruptible work that is the next opening, whatever the operation, so one of each group is asked.
    """
    lo = problem.wc[w, WC_GROUP_LO]
    for place in range(lo, lo + ranking.n_line[w]):
        group = ranking.line[place]
        n_late = ranking.group[group, LATE]
        is_alike = problem.group[group, GROUP_IS_INTERRUPTIBLE] == 1
        for k in range(top + 1 if is_alike else n_late + ranking.group[group, EARLY]):
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
def _decide(
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
    """Start what may start at work centre w now, one after the other, and plan when to look again.

    Args:
        top: Highest overtime level of the run; while everything is closed at it nothing is looked at.
    """
    if state.wc[w, SW_IDLE] == 0 or ranking.n_line[w] + state.wc[w, SW_COUNT] == 0:
        return
    rate = drift(problem, w, rule, par)
    gather(problem, state, ranking, w, rule, rate)
    opened = open_slots(problem, world, state, w, top)
    while state.wc[w, SW_IDLE] != 0 and ranking.n_line[w] > 0:
        choose(problem, world, state, ranking, levels, w, opened, top, rate, rule, par, temperature, seed)
        op = ranking.chosen[0]
        if op < 0:
            _plan_wakes(problem, world, state, ranking, w, levels, top)
            break
        pair = ranking.chosen[1]
        remove_chosen(problem, ranking, w, rule)
        state.clock[CLOCK_WAITING] -= 1
        state.clock[CLOCK_DECISIONS] += 1
        start_now(problem, world, state, op, pair, levels[op])
        opened &= ~problem.slot[problem.elig[pair, ELIG_SLOT], SLOT_BIT]


@threaded
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
    empty(ranking)
    top = is_scenario * 0  # a literal 0 would have all that takes `top` compiled twice
    for op in range(levels.shape[0]):
        top = max(top, levels[op])
    while True:
        touched = state.clock[CLOCK_TOUCHED]
        state.clock[CLOCK_TOUCHED] = 0
        while touched != 0:
            lo = lowest_bit(touched)
            touched &= touched - 1
            for w in range(lo, lo + 1 if lo < 62 else problem.wc.shape[0]):
                if state.wc[w, SW_DIRTY] == 1:
                    _decide(problem, world, state, ranking, levels, top, w, rule, par, temperature, seed)
                    state.wc[w, SW_DIRTY] = 0
        if state.clock[CLOCK_HEAP] == 0:
            break
        apply_instant(problem, world, state, levels)
    finish(problem, state)
    return state.clock[CLOCK_STATUS]
