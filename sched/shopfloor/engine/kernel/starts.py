"""Who may start now, and what a start does.

An operation may start on an idle, open slot if its nominal end keeps clear of what is reserved there; where
it really ends follows the world's minutes and calendars. Which of those that may start does start is not
decided here. `state` is modified in place.
"""

from __future__ import annotations

from shopfloor.engine.kernel.calendar import advance_from, locate_from
from shopfloor.engine.kernel.heap import push
from shopfloor.engine.kernel.jit import inlined, outlined
from shopfloor.engine.kernel.timing import setup_minutes
from shopfloor.engine.layout import (
    CLOCK_DECISIONS,
    CLOCK_DECLINED,
    CLOCK_RUNNING,
    CLOCK_TIME,
    CLOCK_TOUCHED,
    CLOCK_WAITING,
    CONST_HORIZON,
    ELIG_RUN,
    ELIG_SLOT,
    OP_ELIG_HI,
    OP_ELIG_LO,
    OP_FAMILY,
    OP_INTERRUPTIBLE,
    OP_WC,
    RES_IS_PIN,
    RES_OP,
    RES_SETUP,
    RES_START,
    SLOT_BIT,
    SLOT_MACHINE,
    SLOT_RES_HI,
    SLOT_WC,
    SS_BUSY,
    SS_DECLINED,
    SS_FAMILY,
    SS_FREE,
    SS_RES,
    ST_END,
    ST_PLACE,
    ST_RUN,
    ST_SETUP,
    ST_SLOT,
    ST_START,
    ST_STATUS,
    SW_COUNT,
    SW_DIRTY,
    SW_IDLE,
    SW_RUNNING,
    WC_QUEUE_LO,
    WC_SLOT_HI,
    WC_SLOT_LO,
    Event,
    OpStatus,
    Problem,
    State,
    World,
)

_END = int(Event.END)
_RUNNING = int(OpStatus.RUNNING)


@inlined
def real_row(problem: Problem, world: World, state: State, c: int, t: int) -> int:
    """Return the row of the realised calendar's first stretch that ends after now, moving its hint."""
    k = problem.cal_off.shape[0] - 1 + c
    row = locate_from(world.cal_off, world.cal_end, c, t, state.hint[k])
    state.hint[k] = row
    return row


@inlined
def nominal_row(problem: Problem, state: State, c: int, t: int) -> int:
    """Return the row of the nominal calendar's first stretch that ends after now, moving its hint."""
    row = locate_from(problem.cal_off, problem.cal_end, c, t, state.hint[c])
    state.hint[c] = row
    return row


@inlined
def is_free(state: State, slot: int) -> bool:
    """Tell whether a slot is idle and not declined; it may still be closed."""
    return state.slot[slot, SS_FREE] <= state.clock[CLOCK_TIME] and state.slot[slot, SS_DECLINED] == 0


@inlined
def nominal_end(problem: Problem, world: World, state: State, op: int, pair: int, level: int) -> int:
    """Return the nominal end of `op` begun now on the idle slot of an eligible pair; -1 if it may not start.

    It may not when the slot is closed at its level, when it is non-interruptible and does not fit, when it
    would run into a reservation, would change the setup that a reserved operation was promised, or passes
    the horizon.
    """
    t = state.clock[CLOCK_TIME]
    slot = problem.elig[pair, ELIG_SLOT]
    machine = problem.slot[slot, SLOT_MACHINE]
    c = world.cal_of[machine, level]
    row = real_row(problem, world, state, c, t)
    if row >= world.cal_off[c + 1] or world.cal_start[row] > t:
        return -1
    return open_end(problem, state, op, pair, level)


@inlined
def open_end(problem: Problem, state: State, op: int, pair: int, level: int) -> int:
    """Return what `nominal_end` returns, for a slot known to be open now at that level."""
    t = state.clock[CLOCK_TIME]
    slot = problem.elig[pair, ELIG_SLOT]
    machine = problem.slot[slot, SLOT_MACHINE]
    family = problem.op[op, OP_FAMILY]
    work = setup_minutes(problem, machine, state.slot[slot, SS_FAMILY], family) + problem.elig[pair, ELIG_RUN]
    c = problem.cal_of[machine, level]
    row = nominal_row(problem, state, c, t)
    if problem.op[op, OP_INTERRUPTIBLE] == 1:
        end = advance_from(
            problem.cal_off, problem.cal_start, problem.cal_end, problem.cal_cum, c, row, t, work
        )
    elif row < problem.cal_off[c + 1] and problem.cal_start[row] <= t and t + work <= problem.cal_end[row]:
        end = t + work
    else:
        end = -1
    if end < 0:
        return -1
    r = state.slot[slot, SS_RES]
    if r < problem.slot[slot, SLOT_RES_HI]:
        if end > problem.reservation[r, RES_START]:
            return -1
        if problem.reservation[r, RES_IS_PIN] == 0:
            after = problem.op[problem.reservation[r, RES_OP], OP_FAMILY]
            if setup_minutes(problem, machine, family, after) > problem.reservation[r, RES_SETUP]:
                return -1
    return end


@inlined
def best_pair(problem: Problem, world: World, state: State, op: int, level: int) -> int:
    """Return the eligible pair whose free slot finishes the operation first (ties: lower slot), or -1."""
    best = -1
    best_end = 0
    for pair in range(problem.op[op, OP_ELIG_LO], problem.op[op, OP_ELIG_HI]):
        if is_free(state, problem.elig[pair, ELIG_SLOT]):
            end = nominal_end(problem, world, state, op, pair, level)
            if end >= 0 and (best < 0 or end < best_end):
                best = pair
                best_end = end
    return best


@inlined
def touch(problem: Problem, state: State, w: int) -> None:
    """Mark a work centre as changed: declined slots may be used again."""
    if w >= 0:
        state.wc[w, SW_DIRTY] = 1
        state.clock[CLOCK_TOUCHED] |= 1 << min(w, 62)
        if state.clock[CLOCK_DECLINED] > 0:
            for slot in range(problem.wc[w, WC_SLOT_LO], problem.wc[w, WC_SLOT_HI]):
                state.clock[CLOCK_DECLINED] -= state.slot[slot, SS_DECLINED]
                state.slot[slot, SS_DECLINED] = 0


@inlined
def leave_queue(problem: Problem, state: State, op: int) -> None:
    """Take a waiting operation out of its work centre's queue; the last one there takes its place."""
    w = problem.op[op, OP_WC]
    last = state.wc[w, SW_COUNT] - 1
    place = state.op[op, ST_PLACE]
    moved = state.queue[problem.wc[w, WC_QUEUE_LO] + last]
    state.queue[place] = moved
    state.op[moved, ST_PLACE] = place
    state.wc[w, SW_COUNT] = last
    state.clock[CLOCK_WAITING] -= 1


@inlined
def start_now(problem: Problem, world: World, state: State, op: int, pair: int, level: int) -> None:
    """Start `op` now on the slot of an eligible pair; its end follows the realised minutes and calendar."""
    t = state.clock[CLOCK_TIME]
    slot = problem.elig[pair, ELIG_SLOT]
    machine = problem.slot[slot, SLOT_MACHINE]
    family = problem.op[op, OP_FAMILY]
    setup = setup_minutes(problem, machine, state.slot[slot, SS_FAMILY], family)
    run = world.run[pair]
    c = world.cal_of[machine, level]
    row = real_row(problem, world, state, c, t)
    end = advance_from(world.cal_off, world.cal_start, world.cal_end, world.cal_cum, c, row, t, setup + run)
    if end < 0:
        end = problem.constant[CONST_HORIZON] + setup + run
    state.op[op, ST_STATUS] = _RUNNING
    state.op[op, ST_SLOT] = slot
    state.op[op, ST_START] = t
    state.op[op, ST_END] = end
    state.op[op, ST_SETUP] = setup
    state.op[op, ST_RUN] = run
    state.slot[slot, SS_FREE] = end
    state.slot[slot, SS_FAMILY] = family
    state.slot[slot, SS_BUSY] += setup + run
    state.clock[CLOCK_RUNNING] += 1
    w = problem.slot[slot, SLOT_WC]
    state.wc[w, SW_DIRTY] = 1
    state.wc[w, SW_RUNNING] += 1
    state.wc[w, SW_IDLE] &= ~problem.slot[slot, SLOT_BIT]
    push(state, end, _END, op)


@outlined
def begin_operation(problem: Problem, world: World, state: State, op: int, pair: int, level: int) -> None:
    """Do what `start_now` does, for those who start few operations or spend more on deciding."""
    start_now(problem, world, state, op, pair, level)


@inlined
def assign(problem: Problem, world: World, state: State, op: int, pair: int, level: int) -> None:
    """Take a waiting operation out of its queue and start it now on the slot of an eligible pair."""
    leave_queue(problem, state, op)
    state.clock[CLOCK_DECISIONS] += 1
    begin_operation(problem, world, state, op, pair, level)


@inlined
def decline(problem: Problem, state: State, slot: int) -> None:
    """Leave an idle slot alone until its work centre is touched again."""
    state.clock[CLOCK_DECLINED] += 1 - state.slot[slot, SS_DECLINED]
    state.slot[slot, SS_DECLINED] = 1
    state.wc[problem.slot[slot, SLOT_WC], SW_DIRTY] = 1
