"""One move of the search: operations change their places, what follows is timed again, or all is undone.

A move takes one or two runs of operations to other places. Only what follows from it is timed, in the order of
the old start times, which is an order of the new graph whenever the move passes a cheap test. A move whose outlook
is hopeless is given up half way.
"""

from __future__ import annotations

import numpy as np

from shopfloor.engine.kernel.edits import KEYS, is_moved, link, op_of, pop, push, unlink
from shopfloor.engine.kernel.jit import inlined
from shopfloor.engine.kernel.moves import Book, Move
from shopfloor.engine.kernel.rearrange import moved_cost, rearrange, reload
from shopfloor.engine.kernel.search_memory import (
    B_BEFORE,
    B_LAST,
    B_LEVEL,
    B_OP,
    B_RUN,
    B_SLOT,
    M_LAST,
    T_HEAP,
    T_JOBS,
    T_LOG,
    T_STAMP,
    T_STEPS,
    T_TOUCHED,
    W_EXTRA,
    W_MAKESPAN,
    W_SETUP,
    Search,
    Weights,
)
from shopfloor.engine.kernel.sequences import (
    N_JOB,
    N_SUCC,
    R_AFTER,
    R_CAL,
    R_END,
    R_RUN,
    R_SETUP,
    R_SLOT,
    R_START,
    Sequences,
    extra_minutes,
    job_cost,
    timing,
)
from shopfloor.engine.kernel.slopes import outlook
from shopfloor.engine.layout import JOB_DUE, Problem

_FIRST_LOOK = 10
"""Operations timed anew before the outlook of a move is worked out; then at each doubling."""


@inlined
def _finish_job(problem: Problem, plan: Sequences, w: Weights, search: Search, book: Book, op: int) -> float:
    """Update the completion of the job that an operation without successor belongs to."""
    job = plan.node[op, N_JOB]
    old = plan.job_end[job]
    end = plan.row[op, R_END]
    for k in range(book.terminal_off[job], book.terminal_off[job + 1]):
        end = max(end, plan.row[book.terminal[k], R_END])
    if end == old:
        return 0.0
    n = search.tally[T_JOBS]
    search.tally[T_JOBS] = n + 1
    search.job_log[n, 0] = job
    search.job_log[n, 1] = old
    plan.job_end[job] = end
    due = problem.job[job, JOB_DUE]
    delta = job_cost(end - due, w.rate, job) - job_cost(old - due, w.rate, job)
    if w.flat[W_MAKESPAN] > 0.0:
        before = search.money[M_LAST]
        if end > before:
            search.money[M_LAST] = end
        elif old == before:
            last = end
            for other in range(plan.job_end.shape[0]):
                last = max(last, plan.job_end[other])
            search.money[M_LAST] = last
        delta += w.flat[W_MAKESPAN] * (search.money[M_LAST] - before)
    return delta


@inlined
def _retime(
    problem: Problem, plan: Sequences, w: Weights, search: Search, book: Book, op: int, is_moved: bool
) -> float:
    """Time one operation anew, log what was, queue its successors; return the cost's change.

    Returns:
        Infinity when its place is impossible.
    """
    row = plan.row
    found = timing(problem, plan, op)
    if found.end < 0:
        return np.inf
    start, end, setup = row[op, R_START], row[op, R_END], row[op, R_SETUP]
    if found.start == start and found.end == end and found.setup == setup and not is_moved:
        return 0.0
    slot = row[op, R_SLOT]
    n = search.tally[T_LOG]
    search.tally[T_LOG] = n + 1
    search.log[n, 0] = op
    search.log[n, 1] = start
    search.log[n, 2] = end
    search.log[n, 3] = setup
    search.log[n, 4] = row[op, R_CAL]
    search.log[n, 5] = plan.extra[op]
    delta = 0.0
    if setup != found.setup:
        delta += reload(plan, w, slot, found.setup - setup) + w.flat[W_SETUP] * (found.setup - setup)
    if w.old_machine[op] >= 0:
        delta += moved_cost(problem, plan, w, op, found.start) - moved_cost(problem, plan, w, op, start)
    row[op, R_START] = found.start
    row[op, R_END] = found.end
    row[op, R_SETUP] = found.setup
    row[op, R_CAL] = found.cal
    if plan.level[op] > 0 or plan.extra[op] > 0:
        extra = extra_minutes(problem, slot, plan.level[op], found.start, found.end)
        delta += w.flat[W_EXTRA] * (extra - plan.extra[op])
        plan.extra[op] = extra
    if found.end != end:
        follower = row[op, R_AFTER]
        if follower >= 0:
            push(search, follower, KEYS * row[follower, R_START])
        succ = plan.node[op, N_SUCC]
        if succ >= 0:
            push(search, succ, KEYS * row[succ, R_START])
        elif succ == -1:
            delta += _finish_job(problem, plan, w, search, book, op)
        elif succ == -2:
            for k in range(problem.succ_off[op], problem.succ_off[op + 1]):
                push(search, problem.succ[k], KEYS * row[problem.succ[k], R_START])
    return delta


@inlined
def try_move(
    problem: Problem, plan: Sequences, w: Weights, search: Search, book: Book, move: Move, threshold: float
) -> float:
    """Carry out a move; return the cost's change, or infinity when it was undone.

    Args:
        threshold: A move that costs more, or whose outlook half way is worse, is undone.
    """
    tally = search.tally
    tally[T_LOG] = 0
    tally[T_JOBS] = 0
    tally[T_STEPS] = 0
    tally[T_HEAP] = 0
    tally[T_STAMP] += 1
    search.back[0, B_LAST] = int(search.money[M_LAST])
    delta = rearrange(problem, plan, w, search, move)
    timed = 0
    next_look = _FIRST_LOOK
    while tally[T_HEAP] > 0 and delta < np.inf:
        item = pop(search)
        delta += _retime(problem, plan, w, search, book, op_of(item), is_moved(item))
        timed += 1
        if timed == next_look:
            next_look *= 2
            if delta + outlook(problem, plan, search) > threshold:
                delta = np.inf
    tally[T_TOUCHED] += timed
    if delta > threshold:
        undo(plan, search)
        return np.inf
    return delta


@inlined
def undo(plan: Sequences, search: Search) -> None:
    """Take back what `try_move` did last, whether it came to its end or not."""
    row = plan.row
    tally = search.tally
    back = search.back
    for k in range(tally[T_LOG] - 1, -1, -1):
        other = search.log[k, 0]
        plan.load[row[other, R_SLOT]] += search.log[k, 3] - row[other, R_SETUP]
        row[other, R_START] = search.log[k, 1]
        row[other, R_END] = search.log[k, 2]
        row[other, R_SETUP] = search.log[k, 3]
        row[other, R_CAL] = search.log[k, 4]
        plan.extra[other] = search.log[k, 5]
    n = tally[T_STEPS]
    for k in range(n):
        op = back[k, B_OP]
        unlink(plan, op)
        plan.load[row[op, R_SLOT]] -= row[op, R_SETUP] + row[op, R_RUN]
    for k in range(n - 1, -1, -1):
        op = back[k, B_OP]
        row[op, R_RUN] = back[k, B_RUN]
        plan.level[op] = back[k, B_LEVEL]
        link(plan, op, back[k, B_SLOT], back[k, B_BEFORE])
        plan.load[back[k, B_SLOT]] += row[op, R_SETUP] + back[k, B_RUN]
    for k in range(tally[T_JOBS] - 1, -1, -1):
        plan.job_end[search.job_log[k, 0]] = search.job_log[k, 1]
    tally[T_STEPS] = 0
    tally[T_JOBS] = 0
    tally[T_HEAP] = 0
    tally[T_LOG] = 0
    search.money[M_LAST] = float(back[0, B_LAST])
