"""One move of the search: operations change their places, what follows is timed again, or all is undone.

Only what follows from a move is timed, in the order of the old start times, which is an order of the new graph
whenever the move passes a cheap test. A move that turns out hopeless is given up half way.
"""

from __future__ import annotations

import numpy as np

from shopfloor.engine.kernel.edits import KEYS, is_moved, link, op_of, pop, push, unlink
from shopfloor.engine.kernel.jit import inlined
from shopfloor.engine.kernel.moves import Book, Move, Step, pair_on
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
    W_BALANCE,
    W_EXTRA,
    W_MAKESPAN,
    W_MOVE,
    W_SETUP,
    Search,
    Weights,
)
from shopfloor.engine.kernel.slopes import outlook
from shopfloor.engine.kernel.sequences import (
    COMMITTED,
    FREE,
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

_NO_KEY = -(1 << 60)
_FIRST_MINUTE = -(1 << 24)
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
def _key_before(problem: Problem, plan: Sequences, op: int, follower: int) -> int:
    """Return the first old start of all that must come after an operation that goes before `follower`."""
    row = plan.row
    high = 1 << 38
    if follower >= 0:
        if plan.node[follower, N_KIND] > COMMITTED:
            return _NO_KEY
        high = row[follower, R_START]
    succ = plan.node[op, N_SUCC]
    if succ >= 0:
        high = min(high, row[succ, R_START])
    elif succ == -2:
        for k in range(problem.succ_off[op], problem.succ_off[op + 1]):
            high = min(high, row[problem.succ[k], R_START])
    return high


@inlined
def _lift(plan: Sequences, search: Search, op: int, count: int) -> int:
    """Take a run out of its slot and remember where it stood; return what came behind it."""
    row = plan.row
    tally = search.tally
    back = search.back
    for _ in range(count):
        n = tally[T_STEPS]
        tally[T_STEPS] = n + 1
        back[n, B_OP] = op
        back[n, B_SLOT] = row[op, R_SLOT]
        back[n, B_BEFORE] = row[op, R_BEFORE]
        back[n, B_RUN] = row[op, R_RUN]
        back[n, B_LEVEL] = plan.level[op]
        after = row[op, R_AFTER]
        unlink(plan, op)
        op = after
    return op


@inlined
def _set_down(problem: Problem, plan: Sequences, w: Weights, search: Search, step: Step, begun: int) -> float:
    """Put a lifted run down and queue it for timing; return the change of the cost.

    Args:
        begun: Row of `search.back` of the run's first operation.

    Returns:
        Infinity when the old start times allow no order of the new graph; nothing is lost then but the places.
    """
    row = plan.row
    back = search.back
    target = problem.elig[step.pair, ELIG_SLOT]
    follower = plan.first[target] if step.after < 0 else row[step.after, R_AFTER]
    low = _FIRST_MINUTE if step.after < 0 else row[step.after, R_START]
    delta = 0.0
    after = step.after
    is_possible = True
    for k in range(step.count):
        op = back[begun + k, B_OP]
        pred = plan.node[op, N_PRED]
        if pred >= 0:
            low = max(low, row[pred, R_START])
            for other in range(search.tally[T_STEPS]):
                if back[other, B_OP] == pred and not begun <= other < begun + k:
                    is_possible = False
        is_possible = is_possible and low < _key_before(problem, plan, op, follower)
        slot = row[op, R_SLOT]
        start = row[op, R_START]
        if target != slot:
            pair = step.pair if k == 0 else pair_on(problem, op, target)
            if w.old_machine[op] >= 0:
                delta -= moved_cost(problem, plan, w, op, start)
            delta += _reload(plan, w, slot, -row[op, R_SETUP] - row[op, R_RUN])
            row[op, R_RUN] = problem.elig[pair, ELIG_RUN]
            link(plan, op, target, after)
            delta += _reload(plan, w, target, row[op, R_SETUP] + row[op, R_RUN])
            if w.old_machine[op] >= 0:
                delta += moved_cost(problem, plan, w, op, start)
        else:
            link(plan, op, slot, after)
        if k == 0:
            plan.level[op] = step.level
        push(search, op, KEYS * low + 1 + k)
        after = op
    if follower >= 0:
        push(search, follower, KEYS * row[follower, R_START])
    return delta if is_possible else np.inf


@inlined
def _last_of_run(plan: Sequences, op: int, count: int) -> int:
    """Return the last of `count` operations from `op` on, or -1 when they are not all free."""
    for _ in range(count - 1):
        op = plan.row[op, R_AFTER]
        if op < 0 or plan.node[op, N_KIND] != FREE:
            return -1
    return op


@inlined
def _may_go(problem: Problem, plan: Sequences, op: int, count: int, target: int, after: int) -> bool:
    """Return whether a run may stand on a slot behind `after`, which must not be one of it."""
    for k in range(count):
        if op == after or (k > 0 and pair_on(problem, op, target) < 0):
            return False
        op = plan.row[op, R_AFTER]
    return True


@inlined
def _rearrange(problem: Problem, plan: Sequences, w: Weights, search: Search, move: Move) -> float:
    """Change the places of a move and queue what has to be timed; return the cost's change so far.

    Returns:
        Infinity when the move is impossible; `undo` is due then too.
    """
    row = plan.row
    op, partner = move.op, move.partner
    before, home = row[op, R_BEFORE], row[op, R_SLOT]
    target = problem.elig[move.pair, ELIG_SLOT]
    last = _last_of_run(plan, op, move.count)
    after = move.after
    if last < 0 or not _may_go(problem, plan, op, move.count, target, after):
        return np.inf
    if partner < 0:
        if target == home and after == before and move.level == plan.level[op]:
            return np.inf
        behind = _lift(plan, search, op, move.count)
        step = Step(op, move.pair, after, move.level, move.count)
        delta = _set_down(problem, plan, w, search, step, 0)
    else:
        last_partner = _last_of_run(plan, partner, move.partner_count)
        place = last if before == last_partner else before
        if last_partner < 0 or not _may_go(problem, plan, partner, move.partner_count, home, place):
            return np.inf
        behind = _lift(plan, search, op, move.count)
        other = _lift(plan, search, partner, move.partner_count)
        step = Step(op, move.pair, after, move.level, move.count)
        delta = _set_down(problem, plan, w, search, step, 0)
        step = Step(partner, move.partner_pair, place, plan.level[partner], move.partner_count)
        delta += _set_down(problem, plan, w, search, step, move.count)
        if other >= 0:
            push(search, other, KEYS * row[other, R_START])
    if behind >= 0:
        push(search, behind, KEYS * row[behind, R_START])
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
    delta = _rearrange(problem, plan, w, search, move)
    timed = 0
    next_look = int(search.money[8])
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
