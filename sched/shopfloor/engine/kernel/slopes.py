"""What a delay of each operation would cost: slopes of the cost, and from them the outlook of a move half way.

The slope of an operation is the cost of one more open minute until its end, summed over the late jobs that it
reaches along the predecessors that really hold their successors up. It is exact for a delay so short that no
other predecessor takes over, and about right for longer ones: costs bend upwards, so a move whose outlook is
hopeless rarely is anything else. Slopes grow stale with each accepted move and are worked out anew from time to
time.

References:
    Mati, Dauzere-Peres & Lahlou (2011), A general approach for optimizing regular criteria in the job-shop
    scheduling problem, section 4: the same estimate along critical paths.
"""

from __future__ import annotations

from shopfloor.engine.kernel.edits import op_of
from shopfloor.engine.kernel.jit import inlined
from shopfloor.engine.kernel.search_memory import M_LAST, MARKS, T_HEAP, W_MAKESPAN, Search, Weights
from shopfloor.engine.kernel.sequences import (
    FREE,
    N_EARLIEST,
    N_JOB,
    N_KIND,
    N_PRED,
    N_SUCC,
    R_AFTER,
    R_BEFORE,
    R_CAL,
    R_END,
    R_SLOT,
    R_START,
    Sequences,
    locate_near,
)
from shopfloor.engine.layout import JOB_DUE, SLOT_MACHINE, Ints, Problem

_DOUBT = 0.5
"""Share of a delay's cost that counts before it is timed; what is gained counts in full."""


@inlined
def _ready(plan: Sequences, op: int) -> int:
    """Return the minute before which an operation cannot start where it stands."""
    row = plan.row
    t = plan.node[op, N_EARLIEST]
    pred = plan.node[op, N_PRED]
    if pred >= 0 and row[pred, R_END] > t:
        t = row[pred, R_END]
    before = row[op, R_BEFORE]
    if before >= 0 and row[before, R_END] > t:
        t = row[before, R_END]
    return t


@inlined
def _passed_on(plan: Sequences, search: Search, op: int, follower: int) -> float:
    """Return the slope of a follower if `op` is what holds it up, else 0."""
    if plan.node[follower, N_KIND] != FREE or plan.row[op, R_END] < _ready(plan, follower):
        return 0.0
    return search.slope[follower]


@inlined
def _sort(plan: Sequences, order: Ints) -> None:
    """Sort operations by start; they nearly are."""
    for i in range(1, order.shape[0]):
        op = order[i]
        start = plan.row[op, R_START]
        k = i
        while k > 0 and plan.row[order[k - 1], R_START] > start:
            order[k] = order[k - 1]
            k -= 1
        order[k] = op


@inlined
def work_out_slopes(problem: Problem, plan: Sequences, w: Weights, search: Search) -> None:
    """Fill `search.slope` from the plan as it stands, the last operations first."""
    order = search.order
    _sort(plan, order)
    for i in range(order.shape[0] - 1, -1, -1):
        op = order[i]
        slope = 0.0
        after = plan.row[op, R_AFTER]
        if after >= 0:
            slope += _passed_on(plan, search, op, after)
        succ = plan.node[op, N_SUCC]
        if succ >= 0:
            if succ != after:
                slope += _passed_on(plan, search, op, succ)
        elif succ == -1:
            job = plan.node[op, N_JOB]
            end = plan.row[op, R_END]
            if end == plan.job_end[job]:
                if end >= problem.job[job, JOB_DUE]:
                    slope += w.rate[job, 0] * problem.stretch[0]
                if end == search.money[M_LAST]:
                    slope += w.flat[W_MAKESPAN] * problem.stretch[0]
        elif succ == -2:
            for k in range(problem.succ_off[op], problem.succ_off[op + 1]):
                if problem.succ[k] != after:
                    slope += _passed_on(plan, search, op, problem.succ[k])
        search.slope[op] = slope
    _mark(plan, search)


@inlined
def _mark(plan: Sequences, search: Search) -> None:
    """Remember which operation stands on each slot at each of `MARKS` moments."""
    order = search.order
    n = order.shape[0]
    mark = search.mark
    begin = search.span[0] = plan.row[order[0], R_START]
    width = search.span[1] = (plan.row[order[n - 1], R_START] - begin) // MARKS + 1
    mark[:] = -1
    for i in range(n):
        op = order[i]
        slot = plan.row[op, R_SLOT]
        if slot >= 0:
            mark[slot, (plan.row[op, R_START] - begin) // width] = op
    for slot in range(mark.shape[0]):
        for k in range(1, MARKS):
            if mark[slot, k] < 0:
                mark[slot, k] = mark[slot, k - 1]


@inlined
def _open_shift(problem: Problem, plan: Sequences, op: int, t: int) -> int:
    """Return the open minutes from an operation's start to `t`, negative when `t` is earlier."""
    machine = problem.slot[plan.row[op, R_SLOT], SLOT_MACHINE]
    c = problem.cal_of[machine, plan.level[op]]
    hint = plan.row[op, R_CAL]
    k = locate_near(problem.cal_off, problem.cal_end, c, t, hint)
    if k >= problem.cal_off[c + 1]:
        return 1 << 30
    there = problem.cal_cum[k] + max(0, t - problem.cal_start[k])
    here = problem.cal_cum[hint] + max(0, plan.row[op, R_START] - problem.cal_start[hint])
    return there - here


@inlined
def outlook(problem: Problem, plan: Sequences, search: Search) -> float:
    """Return what the operations that are still queued for timing will add to the cost, by their slopes."""
    total = 0.0
    for i in range(search.tally[T_HEAP]):
        op = op_of(search.heap[i])
        slope = search.slope[op]
        if slope > 0.0:
            ready = _ready(plan, op)
            if ready != plan.row[op, R_START]:
                shift = _open_shift(problem, plan, op, ready)
                total += slope * shift * (_DOUBT if shift > 0 else 1.0)
    return total
