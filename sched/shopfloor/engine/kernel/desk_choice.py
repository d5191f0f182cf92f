"""A single dispatcher's choice: carry it out, and run on to the next decision.

It decides for one work centre at a time: starts at different centres at one instant do not touch each other, so
nothing is lost and a choice stays small. What has one possible outcome is done on the way. The event loop, the
starts and the rules are those of every other policy.
"""

from __future__ import annotations

from shopfloor.domain.open_time import COST_FACTOR, WindowKind
from shopfloor.engine.kernel.desk import (
    KNOB_MAY_WAIT,
    RANK_LEGAL,
    RANK_NONE,
    ROW_OP,
    ROW_PAIR,
    SEEN_OP,
    SEEN_PAIR,
    SEEN_RANK,
    TOLD_CENTRE,
    TOLD_EXTRA,
    TOLD_ILLEGAL,
    TOLD_OP,
    TOLD_WAITED,
    TOLD_WAITS,
    Desk,
)
from shopfloor.engine.kernel.events import finish, next_decision, wake
from shopfloor.engine.kernel.jit import inlined
from shopfloor.engine.kernel.rules import pair_index
from shopfloor.engine.kernel.sequences import open_between
from shopfloor.engine.kernel.starts import assign, best_pair, decline, is_free
from shopfloor.engine.layout import (
    CLOCK_TIME,
    OP_JOB,
    SLOT_MACHINE,
    ST_END,
    ST_SLOT,
    ST_START,
    SW_COUNT,
    WC_QUEUE_LO,
    WC_SLOT_HI,
    WC_SLOT_LO,
)

WAIT_MINUTES = 60
"""A wait ends when something happens at the work centre, and after this long at the latest."""

MAX_WAITS = 32
"""Waits in a row after which something must start: more than a night of them, and episodes stay finite."""

EVENING_COST = COST_FACTOR[WindowKind.OVERTIME] - 1.0
NIGHT_COST = COST_FACTOR[WindowKind.NIGHT] - 1.0


@inlined
def _start(desk: Desk, op: int, pair: int) -> None:
    """Start an operation and book what its overtime costs."""
    problem = desk.problem
    state = desk.state
    level = desk.levels[op]
    assign(problem, desk.world, state, op, pair, level)
    if level > 0:
        machine = problem.slot[state.op[op, ST_SLOT], SLOT_MACHINE]
        start = state.op[op, ST_START]
        end = state.op[op, ST_END]
        regular = open_between(problem, machine, 0, start, end)
        evening = open_between(problem, machine, 1, start, end) - regular
        desk.told[TOLD_EXTRA] += EVENING_COST * evening / 60.0
        if level > 1:
            night = open_between(problem, machine, 2, start, end) - regular - evening
            desk.told[TOLD_EXTRA] += NIGHT_COST * night / 60.0


@inlined
def _wait(desk: Desk, w: int) -> None:
    """Leave every free slot of a work centre idle until something happens there, an hour at most."""
    problem = desk.problem
    state = desk.state
    for slot in range(problem.wc[w, WC_SLOT_LO], problem.wc[w, WC_SLOT_HI]):
        if is_free(state, slot):
            decline(problem, state, slot)
            wake(state, slot, state.clock[CLOCK_TIME] + WAIT_MINUTES)


@inlined
def carry_out(desk: Desk, action: int) -> None:
    """Do what was chosen; an illegal choice starts the window's first job that may start."""
    window = desk.row.shape[0]
    desk.told[TOLD_OP] = -1.0
    if action == window and desk.mask[window]:
        desk.told[TOLD_WAITED] = 1.0
        desk.told[TOLD_WAITS] += 1.0
        _wait(desk, int(desk.told[TOLD_CENTRE]))
        return
    if action < 0 or action >= window or not desk.mask[action]:
        desk.told[TOLD_ILLEGAL] = 1.0
        action = 0
    desk.told[TOLD_WAITS] = 0.0
    desk.told[TOLD_OP] = desk.row[action, ROW_OP]
    _start(desk, desk.row[action, ROW_OP], desk.row[action, ROW_PAIR])


@inlined
def _find_legal(desk: Desk, w: int) -> int:
    """Write each job's most urgent operation that may start now at a work centre; return how many jobs."""
    problem = desk.problem
    state = desk.state
    for job in range(problem.job.shape[0]):
        desk.seen[job, SEEN_OP] = -1
        desk.seen[job, SEEN_PAIR] = -1
        desk.seen[job, SEEN_RANK] = RANK_NONE
    found = 0
    q = problem.wc[w, WC_QUEUE_LO]
    for i in range(q, q + state.wc[w, SW_COUNT]):
        op = state.queue[i]
        pair = best_pair(problem, desk.world, state, op, desk.levels[op])
        if pair < 0:
            continue
        job = problem.op[op, OP_JOB]
        index = pair_index(problem, state, op, pair, desk.rule[0], desk.knob, 0)
        other = desk.seen[job, SEEN_OP]
        if other < 0:
            found += 1
        elif index < desk.urgency[job] or (index == desk.urgency[job] and op > other):
            continue
        desk.seen[job, SEEN_OP] = op
        desk.seen[job, SEEN_PAIR] = pair
        desk.seen[job, SEEN_RANK] = RANK_LEGAL
        desk.urgency[job] = index
    return found


@inlined
def to_decision(desk: Desk) -> int:
    """Run on to the next real decision or the end; return its work centre, or -1."""
    problem = desk.problem
    state = desk.state
    while True:
        w = next_decision(problem, desk.world, state, desk.levels)
        if w < 0:
            finish(problem, state)
            return -1
        n_legal = _find_legal(desk, w)
        may_wait = desk.knob[KNOB_MAY_WAIT] > 0.0 and desk.told[TOLD_WAITS] < MAX_WAITS
        desk.mask[desk.row.shape[0]] = may_wait
        if n_legal > 1 or may_wait:
            return w
        for job in range(problem.job.shape[0]):
            if desk.seen[job, SEEN_OP] >= 0:
                _start(desk, desk.seen[job, SEEN_OP], desk.seen[job, SEEN_PAIR])
                desk.told[TOLD_WAITS] = 0.0
                break
