"""Simulated annealing over the sequences of a complete plan: one move after another, each undone or kept.

A move takes an operation out of its slot's sequence and puts it elsewhere. Only what follows from it is timed
again, in the order of the old start times, which is an order of the new graph whenever the move passes a cheap
test. The threshold of acceptance is drawn before the evaluation, so that a bad move is given up half way. The
plan is feasible at every moment; the best one that passes the guard is kept.

References:
    Kirkpatrick, Gelatt & Vecchi (1983), Optimization by simulated annealing; van Laarhoven, Aarts & Lenstra
    (1992), Job shop scheduling by simulated annealing.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from shopfloor.engine.kernel.guard import F_SPREAD, FIGURES, figures
from shopfloor.engine.kernel.jit import entry, inlined, threaded
from shopfloor.engine.kernel.moves import Book, Move, Step, draw, propose
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
from shopfloor.engine.layout import ELIG_RUN, ELIG_SLOT, JOB_DUE, SLOT_MACHINE, Floats, Ints, Problem

# --- Search.tally (int64) ---
T_TRIED = 0  # moves evaluated or given up before
T_HEAP = 1
T_LOG = 2
T_JOBS = 3
T_STAMP = 4
T_ACCEPTED = 5
T_PENDING = 6  # 1 = the plan is better than the kept one and not kept yet
T_REFUSED = 7  # plans better than the kept one that the guard refused
T_TOUCHED = 8
T_STEPS = 9  # steps of the last move
T_NEXT_LOOK = 10  # tried moves before which the guard does not look again
T_BACKOFF = 11  # moves that it waits after the next refusal
TALLY = 12

# --- Search.money (float64) ---
M_COST = 0  # of the plan
M_KEPT = 1  # of the kept plan, which passes the guard
M_BEST = 2  # lowest of any plan
M_LAST = 3  # last completion of all jobs, where the makespan costs
M_LOOSE = 4  # of the plan that passes the guard but for the spread of utilisation
MONEY = 5

# --- Weights.flat (float64) ---
W_BALANCE = 0  # per squared minute of a slot's load
W_SETUP = 1  # per minute of setup
W_EXTRA = 2  # per weighted overtime minute
W_MOVE = 3  # per operation moved against the active plan
W_MAKESPAN = 4  # per minute of the last completion
FLAT = 5

# --- Search.back (int64): the steps of the last move, and where each operation stood ---
B_OP = 0
B_SLOT = 1
B_BEFORE = 2
B_RUN = 3
B_LEVEL = 4
B_LOG = 5  # entries of the log before the step
B_LAST = 6  # first row only: last completion of all jobs before the move
BACK = 7
MOST_STEPS = 2

_PATIENCE = 30
"""Operations timed anew before a hopeless move is given up."""
_NO_KEY = -(1 << 60)
_SWAP_SLACK = 30.0
"""Cost by which the first half of a swap may exceed the threshold."""
_KEY = 20
_OP = (1 << _KEY) - 1
_TOLERANCE = 30


class Weights(NamedTuple):
    """The objective as the kernel reads it.

    Attributes:
        rate: float64 (jobs, 2), cost per minute late and of being late at all.
        flat: float64 (FLAT,).
        old_machine: int64 (operations,), machine in the active plan, -1 = none.
        old_start: int64 (operations,), start there.
        earliest: int64 (operations,), first minute of each operation.
        move_until: int64 (1,), starts from this minute on do not count as moved.
    """

    rate: Floats
    flat: Floats
    old_machine: Ints
    old_start: Ints
    earliest: Ints
    move_until: Ints


class Search(NamedTuple):
    """Working memory of one chain.

    Attributes:
        tally: int64 (TALLY,).
        money: float64 (MONEY,).
        rng: uint64 (1,).
        heap: int64 (2 x operations + 16,), operations to be timed, by old start.
        stamp: int64 (operations,), evaluation in which an operation was pushed last.
        log: int64 (operations + 4, 6), what a row was: operation, start, end, setup, stretch, extra.
        job_log: int64 (jobs + 4, 2), job and its old end.
        back: int64 (MOST_STEPS, BACK), where the moved operations stood.
        figures: float64 (FIGURES,), of the plan that the guard looked at last.
        kept: int64 (operations, 6), the best guarded plan: start, end, slot, run, setup, level.
        loose: int64 (operations, 6), the best plan that passes the guard but for the spread of utilisation.
        limit: float64 (FIGURES,), what a plan must not exceed, see `guard.py`.
    """

    tally: Ints
    money: Floats
    rng: np.ndarray
    heap: Ints
    stamp: Ints
    log: Ints
    job_log: Ints
    back: Ints
    figures: Floats
    kept: Ints
    loose: Ints
    limit: Floats


@inlined
def _push(search: Search, op: int, key: int) -> None:
    """Queue an operation for timing, once per evaluation."""
    if search.stamp[op] == search.tally[T_STAMP]:
        return
    search.stamp[op] = search.tally[T_STAMP]
    heap = search.heap
    i = search.tally[T_HEAP]
    search.tally[T_HEAP] = i + 1
    item = ((key + 1) << _KEY) | op
    while i > 0:
        parent = (i - 1) >> 1
        if heap[parent] <= item:
            break
        heap[i] = heap[parent]
        i = parent
    heap[i] = item


@inlined
def _pop(search: Search) -> int:
    heap = search.heap
    n = search.tally[T_HEAP] - 1
    search.tally[T_HEAP] = n
    top = heap[0]
    item = heap[n]
    i = 0
    while True:
        child = 2 * i + 1
        if child >= n:
            break
        if child + 1 < n and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= item:
            break
        heap[i] = heap[child]
        i = child
    heap[i] = item
    return top & _OP


@inlined
def _link(plan: Sequences, op: int, slot: int, after: int) -> None:
    """Put an operation that stands nowhere on a slot after `after`."""
    row = plan.row
    follower = plan.first[slot] if after < 0 else row[after, R_AFTER]
    row[op, R_SLOT] = slot
    row[op, R_BEFORE] = after
    row[op, R_AFTER] = follower
    if after < 0:
        plan.first[slot] = op
    else:
        row[after, R_AFTER] = op
    if follower < 0:
        plan.last[slot] = op
    else:
        row[follower, R_BEFORE] = op


@inlined
def _unlink(plan: Sequences, op: int) -> None:
    """Take an operation out of its slot's sequence."""
    row = plan.row
    slot = row[op, R_SLOT]
    before = row[op, R_BEFORE]
    after = row[op, R_AFTER]
    if before < 0:
        plan.first[slot] = after
    else:
        row[before, R_AFTER] = after
    if after < 0:
        plan.last[slot] = before
    else:
        row[after, R_BEFORE] = before


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
            _push(search, follower, 2 * row[follower, R_START])
        succ = plan.node[op, N_SUCC]
        if succ >= 0:
            _push(search, succ, 2 * row[succ, R_START])
        elif succ == -1:
            delta += _finish_job(problem, plan, w, search, book, op)
        elif succ == -2:
            for k in range(problem.succ_off[op], problem.succ_off[op + 1]):
                _push(search, problem.succ[k], 2 * row[problem.succ[k], R_START])
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
    _unlink(plan, op)
    follower = plan.first[target] if step.after < 0 else row[step.after, R_AFTER]
    key = _key_between(problem, plan, op, step.after, follower)
    if key == _NO_KEY:
        _link(plan, op, slot, before)
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
        _link(plan, op, target, step.after)
        delta += _reload(plan, w, target, row[op, R_SETUP] + run)
        if w.old_machine[op] >= 0:
            delta += moved_cost(problem, plan, w, op, start)
    else:
        _link(plan, op, target, step.after)
    plan.level[op] = step.level
    _push(search, op, key)
    if after_old >= 0:
        _push(search, after_old, 2 * row[after_old, R_START])
    if follower >= 0:
        _push(search, follower, 2 * row[follower, R_START])
    timed = 0
    while tally[T_HEAP] > 0:
        delta += _retime(problem, plan, w, search, book, _pop(search), op)
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
    patience = threshold + _SWAP_SLACK if is_swap else threshold
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
        _unlink(plan, op)
        plan.load[row[op, R_SLOT]] -= row[op, R_SETUP] + row[op, R_RUN]
        row[op, R_RUN] = back[step, B_RUN]
        plan.level[op] = back[step, B_LEVEL]
        _link(plan, op, back[step, B_SLOT], back[step, B_BEFORE])
        plan.load[back[step, B_SLOT]] += row[op, R_SETUP] + back[step, B_RUN]
    for k in range(tally[T_JOBS] - 1, -1, -1):
        plan.job_end[search.job_log[k, 0]] = search.job_log[k, 1]
    tally[T_STEPS] = 0
    tally[T_JOBS] = 0
    tally[T_HEAP] = 0
    search.money[M_LAST] = float(back[0, B_LAST])


@inlined
def _file(plan: Sequences, book: Book, job: int, alone: Ints) -> None:
    """Keep a job in the book of late ones, or take it out."""
    is_late = plan.job_end[job] > alone[job]
    at = book.place[job]
    if is_late and at < 0:
        n = book.n_late[0]
        book.late[n] = job
        book.place[job] = n
        book.n_late[0] = n + 1
    elif not is_late and at >= 0:
        n = book.n_late[0] - 1
        other = book.late[n]
        book.late[at] = other
        book.place[other] = at
        book.place[job] = -1
        book.n_late[0] = n


@entry
def keep(plan: Sequences, kept: Ints) -> None:
    """Copy the plan into `kept`."""
    for op in range(plan.row.shape[0]):
        kept[op, 0] = plan.row[op, R_START]
        kept[op, 1] = plan.row[op, R_END]
        kept[op, 2] = plan.row[op, R_SLOT]
        kept[op, 3] = plan.row[op, R_RUN]
        kept[op, 4] = plan.row[op, R_SETUP]
        kept[op, 5] = plan.level[op]


@entry
def look(problem: Problem, plan: Sequences, w: Weights, search: Search) -> None:
    """Keep the plan if it is the cheapest that the guard lets pass, and if it is the cheapest but for spread.

    A chain whose plans the guard refuses is looked at less and less often.
    """
    tally = search.tally
    money = search.money
    tally[T_PENDING] = 0
    tally[T_NEXT_LOOK] = tally[T_TRIED]
    figures(problem, plan, w.old_machine, w.old_start, w.move_until[0], search.figures)
    wrong = 0
    for k in range(FIGURES):
        if search.figures[k] > search.limit[k] and k != F_SPREAD:
            wrong += 1
    is_even = search.figures[F_SPREAD] <= search.limit[F_SPREAD]
    if wrong == 0 and money[M_COST] < money[M_LOOSE]:
        keep(plan, search.loose)
        money[M_LOOSE] = money[M_COST]
    if wrong == 0 and is_even and money[M_COST] < money[M_KEPT]:
        keep(plan, search.kept)
        money[M_KEPT] = money[M_COST]
        tally[T_BACKOFF] = 1
    else:
        tally[T_REFUSED] += 1
        tally[T_BACKOFF] = min(2 * tally[T_BACKOFF], plan.row.shape[0])
        tally[T_NEXT_LOOK] = tally[T_TRIED] + tally[T_BACKOFF]


@threaded
def anneal(
    problem: Problem,
    plan: Sequences,
    w: Weights,
    search: Search,
    book: Book,
    alone: Ints,
    until: int,
    planned: int,
    hot: float,
    cold: float,
    max_level: int,
) -> int:
    """Try moves until `until` of them have been tried in all; return how many were.

    Args:
        alone: int64 (jobs,), minute after which a job is worth looking at: due and earliest completion.
        planned: Moves after which the temperature is `cold`; it falls geometrically from `hot`.
    """
    tally = search.tally
    money = search.money
    step = tally[T_TRIED] - tally[T_TRIED] % 64
    temperature = hot * math.pow(cold / hot, min(1.0, step / planned))
    while tally[T_TRIED] < until:
        if tally[T_TRIED] % 64 == 0:
            temperature = hot * math.pow(cold / hot, min(1.0, tally[T_TRIED] / planned))
        tally[T_TRIED] += 1
        move = propose(problem, plan, book, search.rng, w.earliest, max_level)
        if move.op < 0 or move.pair < 0:
            continue
        threshold = -temperature * math.log(1.0 - draw(search.rng))
        delta = try_move(problem, plan, w, search, book, move, threshold)
        if delta == np.inf:
            continue
        if delta > 0.0 and tally[T_PENDING] == 1 and tally[T_TRIED] >= tally[T_NEXT_LOOK]:
            # leaving a new best plan: look at it first
            undo(plan, search)
            look(problem, plan, w, search)
            delta = try_move(problem, plan, w, search, book, move, threshold)
        tally[T_ACCEPTED] += 1
        money[M_COST] += delta
        for k in range(tally[T_JOBS]):
            _file(plan, book, search.job_log[k, 0], alone)
        tally[T_PENDING] = int(money[M_COST] < max(money[M_KEPT], money[M_LOOSE]) - 1e-9)
        if money[M_COST] < money[M_BEST]:
            money[M_BEST] = money[M_COST]
    return tally[T_TRIED]
