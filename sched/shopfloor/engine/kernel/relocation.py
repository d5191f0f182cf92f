"""One move of the search: operations change their places, what follows is timed again, or all is undone.

Only what follows from a move is timed, in the order of the old start times, which is an order of the new graph
whenever the move passes a cheap test. A move that turns out hopeless is given up half way.
"""

from __future__ import annotations

import numpy as np

from shopfloor.engine.kernel.edits import link, pop, push, unlink
from shopfloor.engine.kernel.jit import inlined
from shopfloor.engine.kernel.moves import Book, Move, Step
from shopfloor.engine.kernel.search_memory import (
    B_BEFORE,
    B_LAST,
    B_LEVEL,
    B_LOG,
    B_OP,
    B_RUN,
    B_SLOT,
    M_LAST,
    M_SLACK,
    T_HEAP,
    T_JOBS,
    T_LOG,
    T_STAMP,
    T_STEPS,
    T_TOUCHED,
    W_BALANCE,
    W_EXTRA,
    W_MAKESPAN,
    W_MOVE,
    W_SETUP,
    Search,
    Weights,
)
from shopfloor.engine.kernel.sequences import (
    COMMITTED,
    N_JOB,
    N_KIND,
    N_PRED,
    N_SUCC,
    R_AFTER,
    R_BEFORE,
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
from shopfloor.engine.layout import ELIG_RUN, ELIG_SLOT, JOB_DUE, SLOT_MACHINE, Problem

_PATIENCE = 30
"""Operations timed anew before a hopeless move is given up."""
_NO_KEY = -(1 << 60)
_TOLERANCE = 30


@inlined
def moved_cost(problem: Problem, plan: Sequences, w: Weights, op: int, start: int) -> float:
    """Return the price of an operation's move against the active plan when it starts at `start`."""
    old = w.old_machine[op]
    if old < 0 or w.flat[W_MOVE] == 0.0:
        return 0.0
    until = w.move_until[0]
    if start >= until and w.old_start[op] >= until:
        return 0.0
    machine = problem.slot[plan.row[op, R_SLOT], SLOT_MACHINE]
    if machine != old:
        return w.flat[W_MOVE]
    # a hair per day, so that the search feels which way is back
    gap = abs(start - w.old_start[op])
    return w.flat[W_MOVE] * (min(1.0, gap / 14400.0) * 0.1 + (0.9 if gap > _TOLERANCE else 0.0))


@inlined
def _reload(plan: Sequences, w: Weights, slot: int, minutes: int) -> float:
    """Change a slot's load; return the change of the balance cost."""
    load = float(plan.load[slot])
    plan.load[slot] += minutes
    after = float(plan.load[slot])
    return w.flat[W_BALANCE] * (after * after - load * load)


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
    problem: Problem, plan: Sequences, w: Weights, search: Search, book: Book, op: int, moved: int
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
    if found.start == start and found.end == end and found.setup == setup and op != moved:
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
        delta += _reload(plan, w, slot, found.setup - setup) + w.flat[W_SETUP] * (found.setup - setup)
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
            push(search, follower, 2 * row[follower, R_START])
        succ = plan.node[op, N_SUCC]
        if succ >= 0:
            push(search, succ, 2 * row[succ, R_START])
        elif succ == -1:
            delta += _finish_job(problem, plan, w, search, book, op)
        elif succ == -2:
            for k in range(problem.succ_off[op], problem.succ_off[op + 1]):
                push(search, problem.succ[k], 2 * row[problem.succ[k], R_START])
    return delta


@inlined
def _key_between(problem: Problem, plan: Sequences, op: int, after: int, follower: int) -> int:
    """Return a key between all that must come before a place and all that must come after; `_NO_KEY` = none."""
    row = plan.row
    low = -(1 << 40)
    if after >= 0:
        low = row[after, R_START]
    pred = plan.node[op, N_PRED]
    if pred >= 0 and row[pred, R_START] > low:
        low = row[pred, R_START]
    high = 1 << 40
    if follower >= 0:
        high = row[follower, R_START]
        if plan.node[follower, N_KIND] > COMMITTED:
            return _NO_KEY
    succ = plan.node[op, N_SUCC]
    if succ >= 0:
        high = min(high, row[succ, R_START])
    elif succ == -2:
        for k in range(problem.succ_off[op], problem.succ_off[op + 1]):
            high = min(high, row[problem.succ[k], R_START])
    if low >= high:
        return _NO_KEY
    if low == -(1 << 40):
        return 2 * min(high, 1 << 39) - 1
    return 2 * low + 1


@inlined
def _relocate(
    problem: Problem,
    plan: Sequences,
    w: Weights,
    search: Search,
    book: Book,
    step: Step,
    threshold: float,
) -> float:
    """Carry out one step of a move and time what follows from it.

    Returns:
        The cost's change; infinity when the step is impossible or, after `_PATIENCE` operations, costs more
        than `threshold`: then the plan is in between, and `undo` is due.
    """
    row = plan.row
    tally = search.tally
    op = step.op
    slot = row[op, R_SLOT]
    before = row[op, R_BEFORE]
    after_old = row[op, R_AFTER]
    target = problem.elig[step.pair, ELIG_SLOT]
    if step.after == op or (target == slot and step.after == before and step.level == plan.level[op]):
        return np.inf
    unlink(plan, op)
    follower = plan.first[target] if step.after < 0 else row[step.after, R_AFTER]
    key = _key_between(problem, plan, op, step.after, follower)
    if key == _NO_KEY:
        link(plan, op, slot, before)
        return np.inf
    tally[T_HEAP] = 0
    tally[T_STAMP] += 1
    back = search.back
    n = tally[T_STEPS]
    tally[T_STEPS] = n + 1
    back[n, B_OP] = op
    back[n, B_SLOT] = slot
    back[n, B_BEFORE] = before
    back[n, B_RUN] = row[op, R_RUN]
    back[n, B_LEVEL] = plan.level[op]
    back[n, B_LOG] = tally[T_LOG]
    delta = 0.0
    if target != slot:
        start = row[op, R_START]
        run = problem.elig[step.pair, ELIG_RUN]
        if w.old_machine[op] >= 0:
            delta -= moved_cost(problem, plan, w, op, start)
        delta += _reload(plan, w, slot, -row[op, R_SETUP] - row[op, R_RUN])
        row[op, R_RUN] = run
        link(plan, op, target, step.after)
        delta += _reload(plan, w, target, row[op, R_SETUP] + run)
        if w.old_machine[op] >= 0:
            delta += moved_cost(problem, plan, w, op, start)
    else:
        link(plan, op, target, step.after)
    plan.level[op] = step.level
    push(search, op, key)
    if after_old >= 0:
        push(search, after_old, 2 * row[after_old, R_START])
    if follower >= 0:
        push(search, follower, 2 * row[follower, R_START])
    timed = 0
    while tally[T_HEAP] > 0:
        delta += _retime(problem, plan, w, search, book, pop(search), op)
        timed += 1
        if delta > threshold and (timed >= _PATIENCE or delta == np.inf):
            delta = np.inf
            break
    tally[T_TOUCHED] += timed
    return delta


@inlined
def try_move(
    problem: Problem, plan: Sequences, w: Weights, search: Search, book: Book, move: Move, threshold: float
) -> float:
    """Carry out a move; return the cost's change, or infinity when it was undone.

    Args:
        threshold: A move that costs more is undone.
    """
    search.tally[T_LOG] = 0
    search.tally[T_JOBS] = 0
    search.tally[T_STEPS] = 0
    search.back[0, B_LAST] = int(search.money[M_LAST])
    op = move.op
    home = plan.row[op, R_SLOT]
    before = plan.row[op, R_BEFORE]
    is_swap = move.partner >= 0
    patience = threshold + search.money[M_SLACK] if is_swap else threshold
    first = Step(op, move.pair, move.after, move.level)
    delta = _relocate(problem, plan, w, search, book, first, patience)
    if is_swap and delta < np.inf:
        second = Step(move.partner, move.partner_pair, before, plan.level[move.partner])
        if plan.row[move.partner, R_SLOT] == home and plan.row[move.partner, R_BEFORE] == before:
            delta = np.inf
        else:
            delta += _relocate(problem, plan, w, search, book, second, threshold - delta)
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
    for step in range(tally[T_STEPS] - 1, -1, -1):
        for k in range(tally[T_LOG] - 1, back[step, B_LOG] - 1, -1):
            other = search.log[k, 0]
            plan.load[row[other, R_SLOT]] += search.log[k, 3] - row[other, R_SETUP]
            row[other, R_START] = search.log[k, 1]
            row[other, R_END] = search.log[k, 2]
            row[other, R_SETUP] = search.log[k, 3]
            row[other, R_CAL] = search.log[k, 4]
            plan.extra[other] = search.log[k, 5]
        tally[T_LOG] = back[step, B_LOG]
        op = back[step, B_OP]
        unlink(plan, op)
        plan.load[row[op, R_SLOT]] -= row[op, R_SETUP] + row[op, R_RUN]
        row[op, R_RUN] = back[step, B_RUN]
        plan.level[op] = back[step, B_LEVEL]
        link(plan, op, back[step, B_SLOT], back[step, B_BEFORE])
        plan.load[back[step, B_SLOT]] += row[op, R_SETUP] + back[step, B_RUN]
    for k in range(tally[T_JOBS] - 1, -1, -1):
        plan.job_end[search.job_log[k, 0]] = search.job_log[k, 1]
    tally[T_STEPS] = 0
    tally[T_JOBS] = 0
    tally[T_HEAP] = 0
    search.money[M_LAST] = float(back[0, B_LAST])
