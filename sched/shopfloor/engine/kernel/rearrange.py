"""The places of a move: runs are taken out of their slots and put down elsewhere, and what follows is queued.

A cheap test keeps the graph free of cycles: a run goes only where the old start times of all that must come before
it are earlier than those of all that must come after it. Nothing is timed here.
"""

from __future__ import annotations

import numpy as np

from shopfloor.engine.kernel.edits import KEYS, link, push, unlink
from shopfloor.engine.kernel.jit import inlined
from shopfloor.engine.kernel.moves import Move, Step, pair_on
from shopfloor.engine.kernel.search_memory import (
    B_BEFORE,
    B_LEVEL,
    B_OP,
    B_RUN,
    B_SLOT,
    T_STEPS,
    W_BALANCE,
    W_MOVE,
    Search,
    Weights,
)
from shopfloor.engine.kernel.sequences import (
    COMMITTED,
    FREE,
    N_KIND,
    N_PRED,
    N_SUCC,
    R_AFTER,
    R_BEFORE,
    R_RUN,
    R_SETUP,
    R_SLOT,
    R_START,
    Sequences,
)
from shopfloor.engine.layout import ELIG_RUN, ELIG_SLOT, SLOT_MACHINE, Problem

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
def reload(plan: Sequences, w: Weights, slot: int, minutes: int) -> float:
    """Change a slot's load; return the change of the balance cost."""
    load = float(plan.load[slot])
    plan.load[slot] += minutes
    after = float(plan.load[slot])
    return w.flat[W_BALANCE] * (after * after - load * load)


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
    for k in range(step.length):
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
            delta += reload(plan, w, slot, -row[op, R_SETUP] - row[op, R_RUN])
            row[op, R_RUN] = problem.elig[pair, ELIG_RUN]
            link(plan, op, target, after)
            delta += reload(plan, w, target, row[op, R_SETUP] + row[op, R_RUN])
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
def rearrange(problem: Problem, plan: Sequences, w: Weights, search: Search, move: Move) -> float:
    """Change the places of a move and queue what has to be timed; return the cost's change so far.

    Returns:
        Infinity when the move is impossible; `undo` is due then too.
    """
    row = plan.row
    op, partner = move.op, move.partner
    before, home = row[op, R_BEFORE], row[op, R_SLOT]
    target = problem.elig[move.pair, ELIG_SLOT]
    last = _last_of_run(plan, op, move.length)
    after = move.after
    if last < 0 or not _may_go(problem, plan, op, move.length, target, after):
        return np.inf
    if partner < 0:
        if target == home and after == before and move.level == plan.level[op]:
            return np.inf
        behind = _lift(plan, search, op, move.length)
        step = Step(op, move.pair, after, move.level, move.length)
        delta = _set_down(problem, plan, w, search, step, 0)
    else:
        last_partner = _last_of_run(plan, partner, move.partner_length)
        place = last if before == last_partner else before
        if last_partner < 0 or not _may_go(problem, plan, partner, move.partner_length, home, place):
            return np.inf
        behind = _lift(plan, search, op, move.length)
        other = _lift(plan, search, partner, move.partner_length)
        step = Step(op, move.pair, after, move.level, move.length)
        delta = _set_down(problem, plan, w, search, step, 0)
        step = Step(partner, move.partner_pair, place, plan.level[partner], move.partner_length)
        delta += _set_down(problem, plan, w, search, step, move.length)
        if other >= 0:
            push(search, other, KEYS * row[other, R_START])
    if behind >= 0:
        push(search, behind, KEYS * row[behind, R_START])
    return delta
