"""The resumable event loop: the only place where simulated time moves.

`begin` fills a state, `next_decision` applies every event of the next instants until some work centre has
an idle open slot and a waiting operation that may start on it, `assign` starts one, `decline` leaves a slot
idle until its work centre is touched again, `finish` closes the books. Between two calls the whole episode
is in the `State` arrays, so a copy of them is a fork of the episode.

Arrays: `problem`, `world` (see `layout`), `levels` int64 (operations,) overtime level of each operation,
fixed before the run. All functions modify `state` in place. Event = time << 24 | kind << 21 | payload.
"""

from __future__ import annotations

from shopfloor.engine.kernel.calendar import advance_from, contiguous_from, locate_from
from shopfloor.engine.kernel.jit import entry, inlined
from shopfloor.engine.kernel.timing import setup_minutes
from shopfloor.engine.layout import (
    CLOCK_DECISIONS,
    CLOCK_DONE,
    CLOCK_HEAP,
    CLOCK_IS_SCENARIO,
    CLOCK_RUNNING,
    CLOCK_STATUS,
    CLOCK_TIME,
    CLOCK_WAITING,
    CONST_HORIZON,
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
    RES_LEVEL,
    RES_OP,
    RES_SETUP,
    RES_SLOT,
    RES_START,
    RES_WORK,
    SLOT_FAMILY,
    SLOT_MACHINE,
    SLOT_RES_HI,
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
    ST_END,
    ST_RUN,
    ST_SETUP,
    ST_SLOT,
    ST_START,
    ST_STATUS,
    SW_COUNT,
    SW_DIRTY,
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
    Status,
    World,
)

_TIME_SHIFT = 24
_KIND_SHIFT = 21
_KIND_MASK = 7
_PAYLOAD_MASK = (1 << 21) - 1

_END = int(Event.END)
_READY = int(Event.READY)
_RESERVATION = int(Event.RESERVATION)
_WAKE = int(Event.WAKE)
_PENDING = int(OpStatus.PENDING)
_WAITING = int(OpStatus.WAITING)
_RUNNING = int(OpStatus.RUNNING)
_DONE = int(OpStatus.DONE)
_BLOCKED = int(OpStatus.BLOCKED)
_PIN_READY = int(OpStatus.PIN_READY)
_ROLE_COMMITTED = int(Role.COMMITTED)
_ROLE_PIN = int(Role.START_PIN)
_ROLE_BLOCKED = int(Role.BLOCKED)
_BAD_PIN = int(Code.BAD_PIN)
_NO_OPEN_TIME = int(Code.NO_OPEN_TIME)
_PREDECESSOR = int(Code.PREDECESSOR_UNASSIGNED)
_HEAP_FULL = int(Status.HEAP_FULL)


@entry
def push(state: State, time: int, kind: int, payload: int) -> None:
    """Add an event; a full heap is noted in the clock's status."""
    heap = state.heap
    n = state.clock[CLOCK_HEAP]
    if n >= heap.shape[0]:
        state.clock[CLOCK_STATUS] = _HEAP_FULL
        return
    key = (time << _TIME_SHIFT) | (kind << _KIND_SHIFT) | payload
    i = n
    while i > 0:
        parent = (i - 1) >> 1
        if heap[parent] <= key:
            break
        heap[i] = heap[parent]
        i = parent
    heap[i] = key
    state.clock[CLOCK_HEAP] = n + 1


@entry
def pop(state: State) -> int:
    """Remove and return the earliest event; the heap is not empty."""
    heap = state.heap
    n = state.clock[CLOCK_HEAP] - 1
    state.clock[CLOCK_HEAP] = n
    top = heap[0]
    key = heap[n]
    i = 0
    while True:
        child = 2 * i + 1
        if child >= n:
            break
        if child + 1 < n and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= key:
            break
        heap[i] = heap[child]
        i = child
    heap[i] = key
    return top


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
def _touch(problem: Problem, state: State, w: int) -> None:
    """Mark a work centre as changed: declined slots may be used again."""
    if w >= 0:
        state.wc[w, SW_DIRTY] = 1
        for slot in range(problem.wc[w, WC_SLOT_LO], problem.wc[w, WC_SLOT_HI]):
            state.slot[slot, SS_DECLINED] = 0


@entry
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
    state.queue[problem.wc[w, WC_QUEUE_LO] + state.wc[w, SW_COUNT]] = op
    state.wc[w, SW_COUNT] += 1
    state.clock[CLOCK_WAITING] += 1
    _touch(problem, state, w)


@inlined
def _leave_queue(problem: Problem, state: State, op: int) -> None:
    w = problem.op[op, OP_WC]
    lo = problem.wc[w, WC_QUEUE_LO]
    n = state.wc[w, SW_COUNT]
    for i in range(lo, lo + n):
        if state.queue[i] == op:
            state.queue[i] = state.queue[lo + n - 1]
            break
    state.wc[w, SW_COUNT] = n - 1
    state.clock[CLOCK_WAITING] -= 1


@entry
def _start(problem: Problem, world: World, state: State, op: int, pair: int, level: int) -> None:
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
    push(state, end, _END, op)


@inlined
def assign(problem: Problem, world: World, state: State, op: int, pair: int, level: int) -> None:
    """Take a waiting operation out of its queue and start it now on the slot of an eligible pair."""
    _leave_queue(problem, state, op)
    state.clock[CLOCK_DECISIONS] += 1
    _start(problem, world, state, op, pair, level)


@inlined
def decline(problem: Problem, state: State, slot: int) -> None:
    """Leave an idle slot alone until its work centre is touched again."""
    state.slot[slot, SS_DECLINED] = 1
    state.wc[problem.slot[slot, SLOT_WC], SW_DIRTY] = 1


@inlined
def is_free(state: State, slot: int) -> bool:
    """Tell whether a slot is idle and not declined; it may still be closed."""
    return state.slot[slot, SS_FREE] <= state.clock[CLOCK_TIME] and state.slot[slot, SS_DECLINED] == 0


@inlined
def _begin_commitment(problem: Problem, state: State, r: int, start: int, end: int) -> None:
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
        state.wc[problem.slot[slot, SLOT_WC], SW_RUNNING] += 1
    push(state, max(end, problem.constant[CONST_NOW]), _END, op)


@entry
def _reserved_start(problem: Problem, world: World, state: State, r: int, levels: Ints) -> None:
    """A reservation's minute: the commitment begins, or the pinned operation starts or is given up."""
    t = state.clock[CLOCK_TIME]
    slot = problem.reservation[r, RES_SLOT]
    op = problem.reservation[r, RES_OP]
    is_scenario = state.clock[CLOCK_IS_SCENARIO] == 1
    if slot >= 0:
        _touch(problem, state, problem.slot[slot, SLOT_WC])
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
        _begin_commitment(problem, state, r, t, end)
        return
    state.slot[slot, SS_RES] = r + 1
    if state.op[op, ST_STATUS] == _PIN_READY and state.slot[slot, SS_FREE] <= t:
        for pair in range(problem.op[op, OP_ELIG_LO], problem.op[op, OP_ELIG_HI]):
            on_slot = problem.elig[pair, ELIG_SLOT] == slot
            if on_slot and nominal_end(problem, world, state, op, pair, levels[op]) >= 0:
                _start(problem, world, state, op, pair, levels[op])
                return
    state.op[op, ST_STATUS] = _BLOCKED
    state.op[op, ST_CODE] = _BAD_PIN


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
    for r in range(problem.reservation.shape[0]):
        if problem.reservation[r, RES_IS_PIN] == 0 and problem.reservation[r, RES_START] <= now:
            _begin_commitment(problem, state, r, problem.reservation[r, RES_START], world.res_end[r])
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
def _apply_instant(problem: Problem, world: World, state: State, levels: Ints) -> None:
    """Move the clock to the next event and apply every event of that instant."""
    t = state.heap[0] >> _TIME_SHIFT
    state.clock[CLOCK_TIME] = t
    while state.clock[CLOCK_HEAP] > 0 and (state.heap[0] >> _TIME_SHIFT) == t:
        event = pop(state)
        kind = (event >> _KIND_SHIFT) & _KIND_MASK
        payload = event & _PAYLOAD_MASK
        if kind == _END:
            state.op[payload, ST_STATUS] = _DONE
            state.clock[CLOCK_DONE] += 1
            state.clock[CLOCK_RUNNING] -= 1
            slot = state.op[payload, ST_SLOT]
            if slot >= 0:
                w = problem.slot[slot, SLOT_WC]
                state.wc[w, SW_RUNNING] -= 1
                _touch(problem, state, w)
            for k in range(problem.succ_off[payload], problem.succ_off[payload + 1]):
                _make_ready(problem, state, problem.succ[k], t)
        elif kind == _READY:
            _make_ready(problem, state, payload, t)
        elif kind == _RESERVATION:
            _reserved_start(problem, world, state, payload, levels)
        else:
            if state.slot[payload, SS_WAKE] <= t:
                state.slot[payload, SS_WAKE] = -1
            _touch(problem, state, problem.slot[payload, SLOT_WC])


@inlined
def can_decide(problem: Problem, world: World, state: State, w: int, levels: Ints) -> bool:
    """Tell whether some waiting operation of a work centre may start now on some free slot."""
    n = state.wc[w, SW_COUNT]
    if n == 0:
        return False
    any_free = False
    for slot in range(problem.wc[w, WC_SLOT_LO], problem.wc[w, WC_SLOT_HI]):
        if is_free(state, slot):
            any_free = True
            break
    if not any_free:
        return False
    lo = problem.wc[w, WC_QUEUE_LO]
    for i in range(lo, lo + n):
        op = state.queue[i]
        for pair in range(problem.op[op, OP_ELIG_LO], problem.op[op, OP_ELIG_HI]):
            free = is_free(state, problem.elig[pair, ELIG_SLOT])
            if free and nominal_end(problem, world, state, op, pair, levels[op]) >= 0:
                return True
    return False


@entry
def _plan_wakes(problem: Problem, world: World, state: State, w: int, levels: Ints) -> None:
    """Wake each free slot that work waits for at the next minute at which that work could start."""
    t = state.clock[CLOCK_TIME]
    lo = problem.wc[w, WC_QUEUE_LO]
    for i in range(lo, lo + state.wc[w, SW_COUNT]):
        op = state.queue[i]
        level = levels[op]
        for pair in range(problem.op[op, OP_ELIG_LO], problem.op[op, OP_ELIG_HI]):
            slot = problem.elig[pair, ELIG_SLOT]
            if not is_free(state, slot):
                continue
            machine = problem.slot[slot, SLOT_MACHINE]
            c = world.cal_of[machine, level]
            row = real_row(problem, world, state, c, t)
            if row >= world.cal_off[c + 1]:
                continue
            wake = max(t, world.cal_start[row])
            if wake == t and problem.op[op, OP_INTERRUPTIBLE] == 0:
                c = problem.cal_of[machine, level]
                row = nominal_row(problem, state, c, t)
                work = problem.elig[pair, ELIG_RUN] + setup_minutes(
                    problem, machine, state.slot[slot, SS_FAMILY], problem.op[op, OP_FAMILY]
                )
                wake = contiguous_from(problem.cal_off, problem.cal_start, problem.cal_end, c, row, t, work)
            pending = state.slot[slot, SS_WAKE]
            if wake > t and (pending < 0 or wake < pending):
                state.slot[slot, SS_WAKE] = wake
                push(state, wake, _WAKE, slot)


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
            _apply_instant(problem, world, state, levels)
            continue
        declined = False
        for slot in range(problem.slot.shape[0]):
            if state.slot[slot, SS_DECLINED] == 1:
                declined = True
                _touch(problem, state, problem.slot[slot, SLOT_WC])
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
