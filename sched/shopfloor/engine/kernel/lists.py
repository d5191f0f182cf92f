"""The serial list builder: operations one after another, each appended to the slot that finishes it first.

No gap is ever filled: an operation goes after everything that its slot already has. Start pins are
reservations that appended operations go around; a pin that cannot be kept is given up and the list is built
again without it.
"""

from __future__ import annotations

from shopfloor.engine.kernel.events import finish
from shopfloor.engine.kernel.jit import entry, inlined
from shopfloor.engine.kernel.timing import earliest, setup_minutes
from shopfloor.engine.layout import (
    CLOCK_DECISIONS,
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
    OP_RESERVATION,
    OP_ROLE,
    RES_END,
    RES_IS_PIN,
    RES_OP,
    RES_SETUP,
    RES_SLOT,
    RES_START,
    RES_WORK,
    SLOT_FAMILY,
    SLOT_MACHINE,
    SLOT_RES_HI,
    SLOT_RES_LO,
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
    Code,
    Ints,
    OpStatus,
    Problem,
    Role,
    State,
    World,
)

_DONE = int(OpStatus.DONE)
_BLOCKED = int(OpStatus.BLOCKED)
_PENDING = int(OpStatus.PENDING)
_ROLE_COMMITTED = int(Role.COMMITTED)
_ROLE_PIN = int(Role.START_PIN)
_ROLE_BLOCKED = int(Role.BLOCKED)
_BAD_PIN = int(Code.BAD_PIN)
_NO_OPEN_TIME = int(Code.NO_OPEN_TIME)
_PREDECESSOR = int(Code.PREDECESSOR_UNASSIGNED)


@entry
def _place_commitments(problem: Problem, world: World, state: State) -> None:
    now = problem.constant[CONST_NOW]
    for slot in range(problem.slot.shape[0]):
        state.slot[slot, SS_FREE] = now
        state.slot[slot, SS_FAMILY] = problem.slot[slot, SLOT_FAMILY]
        state.slot[slot, SS_RES] = problem.slot[slot, SLOT_RES_LO]
    for r in range(problem.reservation.shape[0]):
        if problem.reservation[r, RES_IS_PIN] == 1:
            continue
        op = problem.reservation[r, RES_OP]
        slot = problem.reservation[r, RES_SLOT]
        state.op[op, ST_STATUS] = _DONE
        state.op[op, ST_SLOT] = slot
        state.op[op, ST_START] = problem.reservation[r, RES_START]
        state.op[op, ST_END] = world.res_end[r]
        state.op[op, ST_SETUP] = problem.reservation[r, RES_SETUP]
        state.op[op, ST_RUN] = max(0, problem.reservation[r, RES_WORK] - problem.reservation[r, RES_SETUP])
        if slot >= 0:
            state.slot[slot, SS_FREE] = max(state.slot[slot, SS_FREE], world.res_end[r])
            state.slot[slot, SS_FAMILY] = problem.op[op, OP_FAMILY]


@entry
def _append(problem: Problem, state: State, op: int, ready: int, level: int, bad: Ints) -> None:
    """Append one operation to the slot that finishes it first (ties: lower slot)."""
    family = problem.op[op, OP_FAMILY]
    best_slot = -1
    best_start = 0
    best_end = 0
    best_setup = 0
    best_run = 0
    best_r = 0
    for pair in range(problem.op[op, OP_ELIG_LO], problem.op[op, OP_ELIG_HI]):
        slot = problem.elig[pair, ELIG_SLOT]
        machine = problem.slot[slot, SLOT_MACHINE]
        run = problem.elig[pair, ELIG_RUN]
        free = state.slot[slot, SS_FREE]
        before = state.slot[slot, SS_FAMILY]
        r = state.slot[slot, SS_RES]
        while True:
            setup = setup_minutes(problem, machine, before, family)
            start, end = earliest(
                problem, machine, level, max(ready, free), setup + run, problem.op[op, OP_INTERRUPTIBLE]
            )
            while r < problem.slot[slot, SLOT_RES_HI]:
                passed = problem.reservation[r, RES_IS_PIN] == 0 or problem.reservation[r, RES_END] <= free
                if not passed and bad[problem.reservation[r, RES_OP]] == 0:
                    break
                r += 1
            if end < 0 or r >= problem.slot[slot, SLOT_RES_HI] or end <= problem.reservation[r, RES_START]:
                break
            free = max(free, problem.reservation[r, RES_END])
            before = problem.op[problem.reservation[r, RES_OP], OP_FAMILY]
            r += 1
        if end >= 0 and (best_slot < 0 or end < best_end):
            best_slot = slot
            best_start = start
            best_end = end
            best_setup = setup
            best_run = run
            best_r = r
    if best_slot < 0:
        state.op[op, ST_STATUS] = _BLOCKED
        state.op[op, ST_CODE] = _NO_OPEN_TIME
        return
    state.op[op, ST_STATUS] = _DONE
    state.op[op, ST_SLOT] = best_slot
    state.op[op, ST_START] = best_start
    state.op[op, ST_END] = best_end
    state.op[op, ST_SETUP] = best_setup
    state.op[op, ST_RUN] = best_run
    state.slot[best_slot, SS_FREE] = best_end
    state.slot[best_slot, SS_FAMILY] = family
    state.slot[best_slot, SS_RES] = best_r


@entry
def _place_pin(problem: Problem, state: State, op: int, ready: int, level: int) -> bool:
    """Put a start-pinned operation at its minute, with the longest setup it may need; False if impossible."""
    r = problem.op[op, OP_RESERVATION]
    slot = problem.reservation[r, RES_SLOT]
    minute = problem.reservation[r, RES_START]
    work = problem.reservation[r, RES_WORK]
    start, end = earliest(
        problem, problem.slot[slot, SLOT_MACHINE], level, minute, work, problem.op[op, OP_INTERRUPTIBLE]
    )
    if ready > minute or start != minute or end > problem.reservation[r, RES_END]:
        return False
    state.op[op, ST_STATUS] = _DONE
    state.op[op, ST_SLOT] = slot
    state.op[op, ST_START] = start
    state.op[op, ST_END] = end
    return True


@inlined
def _later(state: State, a: int, b: int) -> int:
    """Return whichever of two operations starts later; -1 = none."""
    if a < 0 or b < 0:
        return max(a, b)
    return a if state.op[a, ST_START] > state.op[b, ST_START] else b


@entry
def _find_predecessors(problem: Problem, state: State) -> None:
    """Write the operation that each placed reservation follows on its slot into `state.queue`, -1 = none."""
    before = state.queue
    n = problem.reservation.shape[0]
    before[:n] = -1
    for op in range(problem.op.shape[0]):
        slot = state.op[op, ST_SLOT]
        if slot < 0 or state.op[op, ST_STATUS] != _DONE:
            continue
        for r in range(problem.slot[slot, SLOT_RES_LO], problem.slot[slot, SLOT_RES_HI]):
            if problem.reservation[r, RES_START] > state.op[op, ST_START]:
                before[r] = _later(state, before[r], op)
                break
    for r in range(1, n):
        if problem.reservation[r, RES_SLOT] == problem.reservation[r - 1, RES_SLOT]:
            before[r] = _later(state, before[r], before[r - 1])


@entry
def _settle_pins(problem: Problem, state: State, levels: Ints) -> None:
    """Give each placed pin the setup that its real predecessor on the slot asks for."""
    has_pins = False
    for r in range(problem.reservation.shape[0]):
        has_pins = has_pins or problem.reservation[r, RES_IS_PIN] == 1
    if not has_pins:
        return
    _find_predecessors(problem, state)
    for r in range(problem.reservation.shape[0]):
        pinned = problem.reservation[r, RES_OP]
        if problem.reservation[r, RES_IS_PIN] == 0 or state.op[pinned, ST_STATUS] != _DONE:
            continue
        slot = problem.reservation[r, RES_SLOT]
        before = problem.slot[slot, SLOT_FAMILY]
        if state.queue[r] >= 0:
            before = problem.op[state.queue[r], OP_FAMILY]
        for pair in range(problem.op[pinned, OP_ELIG_LO], problem.op[pinned, OP_ELIG_HI]):
            if problem.elig[pair, ELIG_SLOT] != slot:
                continue
            machine = problem.slot[slot, SLOT_MACHINE]
            setup = setup_minutes(problem, machine, before, problem.op[pinned, OP_FAMILY])
            run = problem.elig[pair, ELIG_RUN]
            start = state.op[pinned, ST_START]
            is_interruptible = problem.op[pinned, OP_INTERRUPTIBLE]
            _, end = earliest(problem, machine, levels[pinned], start, setup + run, is_interruptible)
            state.op[pinned, ST_SETUP] = setup
            state.op[pinned, ST_RUN] = run
            state.op[pinned, ST_END] = end


@entry
def build_list(problem: Problem, world: World, state: State, levels: Ints, order: Ints, bad: Ints) -> None:
    """Build a schedule from a sequence.

    Args:
        order: Operations, int64 (operations,); an operation after its predecessor, else it is left out.
        bad: int64 (operations,), zeros; modified in place: pins that were given up.
    """
    again = True
    while again:
        again = False
        state.clock[:] = 0
        state.op[:] = 0
        state.op[:, ST_SLOT] = -1
        _place_commitments(problem, world, state)
        for position in range(order.shape[0]):
            op = order[position]
            role = problem.op[op, OP_ROLE]
            if role == _ROLE_COMMITTED:
                continue
            predecessor = problem.op[op, OP_PRED]
            if role == _ROLE_BLOCKED or bad[op] == 1:
                state.op[op, ST_STATUS] = _BLOCKED
                state.op[op, ST_CODE] = _BAD_PIN if bad[op] == 1 else problem.op[op, OP_CODE]
                continue
            if predecessor >= 0 and state.op[predecessor, ST_STATUS] != _DONE:
                if role == _ROLE_PIN:
                    bad[op] = 1
                    again = True
                continue
            ready = problem.constant[CONST_NOW]
            if predecessor >= 0:
                ready = max(ready, state.op[predecessor, ST_END])
            else:
                job = problem.op[op, OP_JOB]
                ready = max(ready, problem.job[job, JOB_RELEASE], world.arrival[job])
            state.clock[CLOCK_DECISIONS] += 1
            if role == _ROLE_PIN:
                if not _place_pin(problem, state, op, ready, levels[op]):
                    bad[op] = 1
                    again = True
            else:
                _append(problem, state, op, ready, levels[op], bad)
    _settle_pins(problem, state, levels)
    finish(problem, state)
