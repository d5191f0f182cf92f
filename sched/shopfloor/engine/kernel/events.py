"""The resumable event loop: the only place where simulated time moves.

`begin` fills a state, `next_decision` applies every event of the next instants until some work centre has
an idle open slot and a waiting operation that may start on it, `assign` starts one, `decline` leaves a slot
idle until its work centre is touched again, `finish` closes the books. Between two calls the whole episode
is in the `State` arrays, so a copy of them is a fork of the episode.

Arrays: `problem`, `world` (see `layout`), `levels` int64 (operations,) overtime level of each operation,
fixed before the run. All functions modify `state` in place.
"""

from __future__ import annotations

from shopfloor.engine.kernel.calendar import contiguous_from
from shopfloor.engine.kernel.heap import event_kind, event_payload, event_time, pop, push
from shopfloor.engine.kernel.jit import entry, inlined, outlined
from shopfloor.engine.kernel.reserved import begin_commitment, reserved_start
from shopfloor.engine.kernel.starts import is_free, nominal_end, nominal_row, real_row, touch
from shopfloor.engine.kernel.timing import setup_minutes
from shopfloor.engine.layout import (
    CLOCK_DONE,
    CLOCK_HEAP,
    CLOCK_IS_SCENARIO,
    CLOCK_RUNNING,
    CLOCK_TIME,
    CLOCK_WAITING,
    CONST_NOW,
    ELIG_RUN,
    ELIG_SLOT,
    JOB_RELEASE,
    OP_CODE,
    OP_ELIG_HI,
    OP_ELIG_LO,
    OP_FAMILY,
    OP_INTERRUPTIBLE,
    OP_JOB,
    OP_PRED,
    OP_ROLE,
    OP_WC,
    RES_IS_PIN,
    RES_START,
    SLOT_BIT,
    SLOT_FAMILY,
    SLOT_MACHINE,
    SLOT_RES_LO,
    SLOT_WC,
    SS_BUSY,
    SS_DECLINED,
    SS_FAMILY,
    SS_FREE,
    SS_RES,
    SS_WAKE,
    ST_ARRIVAL,
    ST_CODE,
    ST_PLACE,
    ST_SLOT,
    ST_STATUS,
    SW_COUNT,
    SW_DIRTY,
    SW_IDLE,
    SW_RUNNING,
    WC_QUEUE_LO,
    WC_SLOT_HI,
    WC_SLOT_LO,
    Code,
    Event,
    Ints,
    OpStatus,
    Problem,
    Role,
    State,
    World,
)

_END = int(Event.END)
_READY = int(Event.READY)
_RESERVATION = int(Event.RESERVATION)
_WAKE = int(Event.WAKE)
_PENDING = int(OpStatus.PENDING)
_WAITING = int(OpStatus.WAITING)
_DONE = int(OpStatus.DONE)
_BLOCKED = int(OpStatus.BLOCKED)
_PIN_READY = int(OpStatus.PIN_READY)
_ROLE_COMMITTED = int(Role.COMMITTED)
_ROLE_PIN = int(Role.START_PIN)
_ROLE_BLOCKED = int(Role.BLOCKED)
_BAD_PIN = int(Code.BAD_PIN)
_NO_OPEN_TIME = int(Code.NO_OPEN_TIME)
_PREDECESSOR = int(Code.PREDECESSOR_UNASSIGNED)


@inlined
def _make_ready(problem: Problem, state: State, op: int, t: int) -> None:
    """Let an operation join its queue, or note that a start-pinned one could start."""
    role = problem.op[op, OP_ROLE]
    if state.op[op, ST_STATUS] != _PENDING:
        return
    state.op[op, ST_ARRIVAL] = t
    if role == _ROLE_PIN:
        state.op[op, ST_STATUS] = _PIN_READY
        return
    w = problem.op[op, OP_WC]
    state.op[op, ST_STATUS] = _WAITING
    place = problem.wc[w, WC_QUEUE_LO] + state.wc[w, SW_COUNT]
    state.queue[place] = op
    state.op[op, ST_PLACE] = place
    state.wc[w, SW_COUNT] += 1
    state.clock[CLOCK_WAITING] += 1
    touch(problem, state, w)


@entry
def begin(problem: Problem, world: World, state: State, levels: Ints, is_scenario: int) -> None:
    """Fill `state` with the situation at the instance's now."""
    now = problem.constant[CONST_NOW]
    n_calendars = problem.cal_off.shape[0] - 1
    state.clock[:] = 0
    state.clock[CLOCK_TIME] = now
    state.clock[CLOCK_IS_SCENARIO] = is_scenario
    state.op[:] = 0
    state.op[:, ST_SLOT] = -1
    state.wc[:] = 0
    for c in range(n_calendars):
        state.hint[c] = problem.cal_off[c]
    for c in range(world.cal_off.shape[0] - 1):
        state.hint[n_calendars + c] = world.cal_off[c]
    for slot in range(problem.slot.shape[0]):
        state.slot[slot, SS_FREE] = now
        state.slot[slot, SS_FAMILY] = problem.slot[slot, SLOT_FAMILY]
        state.slot[slot, SS_RES] = problem.slot[slot, SLOT_RES_LO]
        state.slot[slot, SS_DECLINED] = 0
        state.slot[slot, SS_WAKE] = -1
        state.slot[slot, SS_BUSY] = 0
        bit = problem.slot[slot, SLOT_BIT]
        state.wc[problem.slot[slot, SLOT_WC], SW_IDLE] |= bit if bit != 0 else -1
    for r in range(problem.reservation.shape[0]):
        if problem.reservation[r, RES_IS_PIN] == 0 and problem.reservation[r, RES_START] <= now:
            begin_commitment(problem, state, r, problem.reservation[r, RES_START], world.res_end[r])
        else:
            push(state, problem.reservation[r, RES_START], _RESERVATION, r)
    for op in range(problem.op.shape[0]):
        role = problem.op[op, OP_ROLE]
        if role == _ROLE_BLOCKED:
            state.op[op, ST_STATUS] = _BLOCKED
            state.op[op, ST_CODE] = problem.op[op, OP_CODE]
        elif role != _ROLE_COMMITTED and problem.op[op, OP_PRED] < 0:
            job = problem.op[op, OP_JOB]
            push(state, max(now, problem.job[job, JOB_RELEASE], world.arrival[job]), _READY, op)


@inlined
def apply_instant(problem: Problem, world: World, state: State, levels: Ints) -> None:
    """Move the clock to the next event and apply every event of that instant.

    One loop for both kinds of event that make operations ready: their code is inlined once.
    """
    t = event_time(state.heap[0])
    state.clock[CLOCK_TIME] = t
    while state.clock[CLOCK_HEAP] > 0 and event_time(state.heap[0]) == t:
        event = pop(state)
        kind = event_kind(event)
        payload = event_payload(event)
        if kind == _RESERVATION:
            reserved_start(problem, world, state, payload, levels)
            continue
        if kind == _WAKE:
            if state.slot[payload, SS_WAKE] <= t:
                state.slot[payload, SS_WAKE] = -1
            touch(problem, state, problem.slot[payload, SLOT_WC])
            continue
        lo = payload
        hi = payload + 1
        if kind == _END:
            lo = problem.succ_off[payload]
            hi = problem.succ_off[payload + 1]
            state.op[payload, ST_STATUS] = _DONE
            state.clock[CLOCK_DONE] += 1
            state.clock[CLOCK_RUNNING] -= 1
            slot = state.op[payload, ST_SLOT]
            if slot >= 0:
                w = problem.slot[slot, SLOT_WC]
                state.wc[w, SW_RUNNING] -= 1
                if state.slot[slot, SS_FREE] <= t:
                    state.wc[w, SW_IDLE] |= problem.slot[slot, SLOT_BIT]
                touch(problem, state, w)
        for k in range(lo, hi):
            _make_ready(problem, state, problem.succ[k] if kind == _END else k, t)


@inlined
def has_free_slot(problem: Problem, state: State, w: int) -> bool:
    """Tell whether a work centre has an idle slot that was not declined; it may still be closed."""
    found = False
    for slot in range(problem.wc[w, WC_SLOT_LO], problem.wc[w, WC_SLOT_HI]):
        found = found or is_free(state, slot)
    return found


@inlined
def can_decide(problem: Problem, world: World, state: State, w: int, levels: Ints) -> bool:
    """Tell whether some waiting operation of a work centre may start now on some free slot."""
    n = state.wc[w, SW_COUNT]
    if n == 0:
        return False
    if not has_free_slot(problem, state, w):
        return False
    lo = problem.wc[w, WC_QUEUE_LO]
    for i in range(lo, lo + n):
        op = state.queue[i]
        for pair in range(problem.op[op, OP_ELIG_LO], problem.op[op, OP_ELIG_HI]):
            free = is_free(state, problem.elig[pair, ELIG_SLOT])
            if free and nominal_end(problem, world, state, op, pair, levels[op]) >= 0:
                return True
    return False


@inlined
def wake(state: State, slot: int, minute: int) -> None:
    """Ask for a wake event of a slot, unless one as early is pending."""
    pending = state.slot[slot, SS_WAKE]
    if minute > state.clock[CLOCK_TIME] and (pending < 0 or minute < pending):
        state.slot[slot, SS_WAKE] = minute
        push(state, minute, _WAKE, slot)


@inlined
def startable_from(problem: Problem, world: World, state: State, op: int, pair: int, level: int) -> int:
    """Return the first minute from now at which an operation could start on a free slot, but for what is
    reserved there; -1 beyond the horizon.
    """
    t = state.clock[CLOCK_TIME]
    slot = problem.elig[pair, ELIG_SLOT]
    machine = problem.slot[slot, SLOT_MACHINE]
    c = world.cal_of[machine, level]
    row = real_row(problem, world, state, c, t)
    if row >= world.cal_off[c + 1]:
        return -1
    minute = max(t, world.cal_start[row])
    if minute == t and problem.op[op, OP_INTERRUPTIBLE] == 0:
        c = problem.cal_of[machine, level]
        row = nominal_row(problem, state, c, t)
        work = problem.elig[pair, ELIG_RUN] + setup_minutes(
            problem, machine, state.slot[slot, SS_FAMILY], problem.op[op, OP_FAMILY]
        )
        minute = contiguous_from(problem.cal_off, problem.cal_start, problem.cal_end, c, row, t, work)
    return minute


@outlined
def _plan_wakes(problem: Problem, world: World, state: State, w: int, levels: Ints) -> None:
    """Wake each free slot that work waits for at the next minute at which that work could start."""
    if not has_free_slot(problem, state, w):
        return
    lo = problem.wc[w, WC_QUEUE_LO]
    for i in range(lo, lo + state.wc[w, SW_COUNT]):
        op = state.queue[i]
        for pair in range(problem.op[op, OP_ELIG_LO], problem.op[op, OP_ELIG_HI]):
            slot = problem.elig[pair, ELIG_SLOT]
            if is_free(state, slot):
                wake(state, slot, startable_from(problem, world, state, op, pair, levels[op]))


@entry
def next_decision(problem: Problem, world: World, state: State, levels: Ints) -> int:
    """Apply events until a work centre can decide; return it, or -1 when nothing will ever happen again."""
    while True:
        for w in range(problem.wc.shape[0]):
            if state.wc[w, SW_DIRTY] == 1:
                if can_decide(problem, world, state, w, levels):
                    return w
                if state.wc[w, SW_COUNT] > 0:
                    _plan_wakes(problem, world, state, w, levels)
                state.wc[w, SW_DIRTY] = 0
        if state.clock[CLOCK_HEAP] > 0:
            apply_instant(problem, world, state, levels)
            continue
        declined = False
        for slot in range(problem.slot.shape[0]):
            if state.slot[slot, SS_DECLINED] == 1:
                declined = True
                touch(problem, state, problem.slot[slot, SLOT_WC])
        if not declined:
            return -1


@entry
def finish(problem: Problem, state: State) -> None:
    """Give every operation that never ended its code: predecessors before successors."""
    for op in range(problem.op.shape[0]):
        status = state.op[op, ST_STATUS]
        if status == _DONE:
            continue
        predecessor = problem.op[op, OP_PRED]
        if status != _BLOCKED:
            if predecessor >= 0 and state.op[predecessor, ST_STATUS] != _DONE:
                state.op[op, ST_CODE] = _PREDECESSOR
            else:
                state.op[op, ST_CODE] = _NO_OPEN_TIME
        elif predecessor >= 0 and state.op[op, ST_CODE] == _BAD_PIN:
            state.op[op, ST_CODE] = _PREDECESSOR if state.op[predecessor, ST_STATUS] == _BLOCKED else _BAD_PIN
        state.op[op, ST_STATUS] = _BLOCKED
