"""A plan carried out in the event loop: each slot takes what its line says, when it may.

The event loop and the starts are the kernel's own; here is only who goes next on a slot, and what can be told of
the shop at a minute without looking ahead: which machines stand still, how much of a running operation is left.

Arrays: `problem`, `world`, `levels` as everywhere; `lines` see `Lines`. `state` and `lines.cursor` are modified in
place.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from shopfloor.engine.kernel.calendar import advance_from, locate
from shopfloor.engine.kernel.events import begin, finish, next_decision, startable_from, wake
from shopfloor.engine.kernel.jit import entry, inlined, outlined
from shopfloor.engine.kernel.starts import assign, best_pair, decline, is_free, nominal_end
from shopfloor.engine.layout import (
    CLOCK_HEAP,
    CLOCK_STATUS,
    CLOCK_TIME,
    CONST_HORIZON,
    CONST_NOW,
    ELIG_RUN,
    ELIG_SLOT,
    OP_ELIG_HI,
    OP_ELIG_LO,
    OP_RESERVATION,
    RES_WORK,
    SLOT_MACHINE,
    ST_SETUP,
    ST_SLOT,
    ST_START,
    ST_STATUS,
    SW_COUNT,
    WC_QUEUE_LO,
    WC_SLOT_HI,
    WC_SLOT_LO,
    Ints,
    OpStatus,
    Problem,
    State,
    World,
)

_PENDING = int(OpStatus.PENDING)
_WAITING = int(OpStatus.WAITING)
_RUNNING = int(OpStatus.RUNNING)

_FAR = 6.0
"""Standard deviations beyond which the tail of the normal distribution is not asked for."""

_OVERDUE_SHARE = 0.03
"""Of what an operation has run already it runs on, where it is beyond every expectation."""


class Lines(NamedTuple):
    """Who goes next on each slot.

    Attributes:
        ops: int64 (operations,), operations of each slot in their order, slot after slot.
        off: int64 (slots + 1,), each slot's stretch of `ops`.
        cursor: int64 (slots + 1,), first place of each stretch that may not have begun; last the number of asks
            in a row, with nothing else to come, that started nothing.
    """

    ops: Ints
    off: Ints
    cursor: Ints


@inlined
def _pair_on(problem: Problem, op: int, slot: int) -> int:
    """Return the eligible pair of an operation on a slot, -1 = it may not run there."""
    for pair in range(problem.op[op, OP_ELIG_LO], problem.op[op, OP_ELIG_HI]):
        if problem.elig[pair, ELIG_SLOT] == slot:
            return pair
    return -1


@inlined
def _serve(
    problem: Problem, world: World, state: State, levels: Ints, lines: Lines, slot: int, waits: int
) -> int:
    """Start the next operation of a free slot's line if it may start now; return how many were started.

    Args:
        waits: 1 = nobody overtakes the first of the line; 0 = the first that may start now goes.
    """
    for place in range(lines.cursor[slot], lines.off[slot + 1]):
        op = lines.ops[place]
        status = state.op[op, ST_STATUS]
        if status != _PENDING and status != _WAITING:
            if place == lines.cursor[slot]:
                lines.cursor[slot] += 1
            continue
        if status == _WAITING:
            pair = _pair_on(problem, op, slot)
            if pair >= 0:
                if nominal_end(problem, world, state, op, pair, levels[op]) >= 0:
                    assign(problem, world, state, op, pair, levels[op])
                    return 1
                wake(state, slot, startable_from(problem, world, state, op, pair, levels[op]))
        if waits == 1:
            break
    return 0


@inlined
def _start_any(problem: Problem, world: World, state: State, levels: Ints, w: int) -> None:
    """Start the first waiting operation of a work centre that may start on a free slot."""
    lo = problem.wc[w, WC_QUEUE_LO]
    for place in range(lo, lo + state.wc[w, SW_COUNT]):
        op = state.queue[place]
        pair = best_pair(problem, world, state, op, levels[op])
        if pair >= 0:
            assign(problem, world, state, op, pair, levels[op])
            return


@outlined
def _carry_out(
    problem: Problem, world: World, state: State, levels: Ints, lines: Lines, w: int, waits: int
) -> None:
    """Let every free slot of a work centre do what its line says; one that has nothing to start is left idle.

    Where nothing runs, nothing is to come and no slot can go on (the line waits for what it holds up), whoever may
    start goes.
    """
    asked = problem.slot.shape[0]
    started = 0
    if lines.cursor[asked] > asked and state.clock[CLOCK_HEAP] == 0:
        _start_any(problem, world, state, levels, w)
        started = 1
    for slot in range(problem.wc[w, WC_SLOT_LO], problem.wc[w, WC_SLOT_HI]):
        if not is_free(state, slot):
            continue
        served = _serve(problem, world, state, levels, lines, slot, waits)
        started += served
        if served == 0:
            decline(problem, state, slot)
    lines.cursor[asked] = 0 if started > 0 or state.clock[CLOCK_HEAP] > 0 else lines.cursor[asked] + 1


@entry
def carry_out(
    problem: Problem, world: World, state: State, levels: Ints, lines: Lines, w: int, waits: int
) -> int:
    """Do what the lines of a work centre say now; return the next work centre that can decide, -1 = over."""
    _carry_out(problem, world, state, levels, lines, w, waits)
    return next_decision(problem, world, state, levels)


@entry
def run_lines(
    problem: Problem, world: World, state: State, levels: Ints, lines: Lines, waits: int, is_scenario: int
) -> int:
    """Run one episode by lines from `begin` to `finish`; return a `Status`."""
    begin(problem, world, state, levels, is_scenario)
    for slot in range(problem.slot.shape[0]):
        lines.cursor[slot] = lines.off[slot]
    lines.cursor[problem.slot.shape[0]] = 0
    w = next_decision(problem, world, state, levels)
    while w >= 0:
        _carry_out(problem, world, state, levels, lines, w, waits)
        w = next_decision(problem, world, state, levels)
    finish(problem, state)
    return state.clock[CLOCK_STATUS]


@inlined
def _worked(off: Ints, start: Ints, end: Ints, cum: Ints, c: int, t: int) -> int:
    """Return the open minutes of a calendar before t."""
    k = locate(off, end, c, t)
    if k < off[c + 1]:
        return cum[k] + max(0, t - start[k])
    if k > off[c]:
        return cum[k - 1] + end[k - 1] - start[k - 1]
    return 0


@entry
def find_down(problem: Problem, world: World, t: int, down: Ints) -> int:
    """Write 1 for each machine that stands still in its open time at t, else 0; return how many do.

    Args:
        problem: With the calendars as planned.
        down: int64 (machines,), modified in place.
    """
    n = 0
    for machine in range(problem.machine.shape[0]):
        c = problem.cal_of[machine, 0]
        k = locate(problem.cal_off, problem.cal_end, c, t)
        down[machine] = 0
        if k < problem.cal_off[c + 1] and problem.cal_start[k] <= t:
            c = world.cal_of[machine, 0]
            k = locate(world.cal_off, world.cal_end, c, t)
            if k >= world.cal_off[c + 1] or world.cal_start[k] > t:
                down[machine] = 1
                n += 1
    return n


@inlined
def _beyond(z: float) -> float:
    """Return the probability that a standard normal number exceeds z."""
    return 0.5 * math.erfc(z / math.sqrt(2.0))


@inlined
def rest_of(nominal: float, elapsed: float, sigma: float) -> int:
    """Return the minutes that a run of so many nominal minutes is expected to take on, at least 1.

    Realised minutes are nominal times a lognormal factor of mean 1: their mean beyond what has elapsed, less what
    has elapsed.
    """
    if elapsed <= 0.0 or sigma <= 0.0:
        return max(1, int(nominal - elapsed + 0.5))
    z = (math.log(elapsed / nominal) + 0.5 * sigma * sigma) / sigma
    if z > _FAR:
        return max(1, int(_OVERDUE_SHARE * elapsed))
    rest = nominal * _beyond(z - sigma) / _beyond(z) - elapsed
    return max(1, int(rest + 0.5))


@entry
def expect_ends(
    problem: Problem, known: Problem, world: World, state: State, sigma: float, left: Ints, end: Ints
) -> None:
    """Write the work left and the expected end of every running operation, of the world's past alone.

    Args:
        problem: The instance as it was at the beginning.
        known: The same with the calendars as they are known now.
        world: Read before the clock's minute only.
        sigma: Standard deviation of the log of realised / nominal minutes.
        left, end: int64 (operations,), modified in place where an operation runs.
    """
    t = state.clock[CLOCK_TIME]
    began = problem.constant[CONST_NOW]
    for op in range(problem.op.shape[0]):
        if state.op[op, ST_STATUS] != _RUNNING:
            continue
        slot = state.op[op, ST_SLOT]
        start = max(began, state.op[op, ST_START])
        pair = _pair_on(problem, op, slot)
        row = problem.op[op, OP_RESERVATION]
        setup = 0
        if pair >= 0:
            setup = state.op[op, ST_SETUP]
            nominal = problem.elig[pair, ELIG_RUN]
        else:
            nominal = problem.reservation[row, RES_WORK]
        if slot < 0:
            left[op] = rest_of(nominal, t - start, sigma)
            end[op] = t + left[op]
            continue
        machine = problem.slot[slot, SLOT_MACHINE]
        c = world.cal_of[machine, 0]
        worked = _worked(world.cal_off, world.cal_start, world.cal_end, world.cal_cum, c, t)
        worked -= _worked(world.cal_off, world.cal_start, world.cal_end, world.cal_cum, c, start)
        left[op] = rest_of(nominal, worked - setup, sigma)
        c = known.cal_of[machine, 0]
        k = locate(known.cal_off, known.cal_end, c, t)
        end[op] = advance_from(
            known.cal_off, known.cal_start, known.cal_end, known.cal_cum, c, k, t, left[op]
        )
        if end[op] < 0:
            end[op] = problem.constant[CONST_HORIZON] + left[op]
