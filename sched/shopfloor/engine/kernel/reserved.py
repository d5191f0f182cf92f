"""Reservations: what runs already, what is frozen, and what a planner pinned to a minute.

Each has one slot and one minute of its own. `state` is modified in place.
"""

from __future__ import annotations

from shopfloor.engine.kernel.calendar import advance_from
from shopfloor.engine.kernel.heap import push
from shopfloor.engine.kernel.jit import inlined, outlined
from shopfloor.engine.kernel.starts import begin_operation, nominal_end, real_row, touch
from shopfloor.engine.layout import (
    CLOCK_IS_SCENARIO,
    CLOCK_RUNNING,
    CLOCK_TIME,
    CONST_HORIZON,
    CONST_NOW,
    ELIG_SLOT,
    OP_ELIG_HI,
    OP_ELIG_LO,
    OP_FAMILY,
    RES_IS_PIN,
    RES_LEVEL,
    RES_OP,
    RES_SETUP,
    RES_SLOT,
    RES_START,
    RES_WORK,
    SLOT_BIT,
    SLOT_MACHINE,
    SLOT_WC,
    SS_BUSY,
    SS_FAMILY,
    SS_FREE,
    SS_RES,
    ST_CODE,
    ST_END,
    ST_RUN,
    ST_SETUP,
    ST_SLOT,
    ST_START,
    ST_STATUS,
    SW_IDLE,
    SW_RUNNING,
    Code,
    Event,
    Ints,
    OpStatus,
    Problem,
    State,
    World,
)

_END = int(Event.END)
_RESERVATION = int(Event.RESERVATION)
_RUNNING = int(OpStatus.RUNNING)
_BLOCKED = int(OpStatus.BLOCKED)
_PIN_READY = int(OpStatus.PIN_READY)
_BAD_PIN = int(Code.BAD_PIN)


@inlined
def begin_commitment(problem: Problem, state: State, r: int, start: int, end: int) -> None:
    """Let what reservation r promised run from `start` to `end`."""
    op = problem.reservation[r, RES_OP]
    slot = problem.reservation[r, RES_SLOT]
    setup = problem.reservation[r, RES_SETUP]
    state.op[op, ST_STATUS] = _RUNNING
    state.op[op, ST_SLOT] = slot
    state.op[op, ST_START] = start
    state.op[op, ST_END] = end
    state.op[op, ST_SETUP] = setup
    state.op[op, ST_RUN] = max(0, problem.reservation[r, RES_WORK] - setup)
    state.clock[CLOCK_RUNNING] += 1
    if slot >= 0:
        state.slot[slot, SS_FREE] = max(state.slot[slot, SS_FREE], end)
        state.slot[slot, SS_FAMILY] = problem.op[op, OP_FAMILY]
        state.slot[slot, SS_RES] = r + 1
        state.slot[slot, SS_BUSY] += problem.reservation[r, RES_WORK]
        w = problem.slot[slot, SLOT_WC]
        state.wc[w, SW_RUNNING] += 1
        state.wc[w, SW_IDLE] &= ~problem.slot[slot, SLOT_BIT]
    push(state, max(end, problem.constant[CONST_NOW]), _END, op)


@outlined
def reserved_start(problem: Problem, world: World, state: State, r: int, levels: Ints) -> None:
    """A reservation's minute: the commitment begins, or the pinned operation starts or is given up."""
    t = state.clock[CLOCK_TIME]
    slot = problem.reservation[r, RES_SLOT]
    op = problem.reservation[r, RES_OP]
    is_scenario = state.clock[CLOCK_IS_SCENARIO] == 1
    if slot >= 0:
        touch(problem, state, problem.slot[slot, SLOT_WC])
    if problem.reservation[r, RES_IS_PIN] == 0:
        if slot >= 0 and is_scenario and state.slot[slot, SS_FREE] > t:
            push(state, state.slot[slot, SS_FREE], _RESERVATION, r)
            return
        end = world.res_end[r]
        if t > problem.reservation[r, RES_START] and slot >= 0:
            machine = problem.slot[slot, SLOT_MACHINE]
            c = world.cal_of[machine, problem.reservation[r, RES_LEVEL]]
            row = real_row(problem, world, state, c, t)
            end = advance_from(
                world.cal_off, world.cal_start, world.cal_end, world.cal_cum, c, row, t, world.res_work[r]
            )
            if end < 0:
                end = problem.constant[CONST_HORIZON] + world.res_work[r]
        begin_commitment(problem, state, r, t, end)
        return
    state.slot[slot, SS_RES] = r + 1
    if state.op[op, ST_STATUS] == _PIN_READY and state.slot[slot, SS_FREE] <= t:
        for pair in range(problem.op[op, OP_ELIG_LO], problem.op[op, OP_ELIG_HI]):
            on_slot = problem.elig[pair, ELIG_SLOT] == slot
            if on_slot and nominal_end(problem, world, state, op, pair, levels[op]) >= 0:
                begin_operation(problem, world, state, op, pair, levels[op])
                return
    state.op[op, ST_STATUS] = _BLOCKED
    state.op[op, ST_CODE] = _BAD_PIN
