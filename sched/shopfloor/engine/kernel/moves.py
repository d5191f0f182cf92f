"""Where the search looks next: an operation, and a place for it on one of its eligible slots.

A proposal changes nothing. Half of them walk back from a late job along what made it late: its own operations,
the ones that held their machines, and places where their family would need less setup. Feasibility is
`rearrange.py`'s.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from shopfloor.engine.kernel.jit import inlined
from shopfloor.engine.kernel.sequences import (
    FREE,
    N_FAMILY,
    N_KIND,
    N_PRED,
    R_AFTER,
    R_BEFORE,
    R_END,
    R_SLOT,
    R_START,
    Sequences,
)
from shopfloor.engine.kernel.streams import mix
from shopfloor.engine.layout import (
    ELIG_SLOT,
    OP_ELIG_HI,
    OP_ELIG_LO,
    Floats,
    Ints,
    Problem,
)

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(11)
_LONGEST_WALK = 64


class Step(NamedTuple):
    """Take `op` and the `length` - 1 behind it out, put them on the slot of `pair` after `after` (-1 = first).

    `level` is the overtime level that `op` gets; the others keep theirs.
    """

    op: int
    pair: int
    after: int
    level: int
    length: int


class Move(NamedTuple):
    """A step, or with a `partner` a swap of two runs: each goes to where the other was.

    `op` -1 means that nothing came to mind; `partner` -1 that there is none.
    """

    op: int
    pair: int
    after: int
    level: int
    partner: int
    partner_pair: int
    length: int
    partner_length: int


class Near(NamedTuple):
    """What `Search` remembers of the plan as it was a while ago; see there."""

    mark: Ints
    span: Ints


class Book(NamedTuple):
    """What the proposals know of the jobs.

    Attributes:
        late: int64 (jobs,), jobs that are later than they would be alone; the first `n_late[0]` are valid.
        place: int64 (jobs,), position of each job in `late`, -1 = not there.
        n_late: int64 (1,).
        terminal_off, terminal: CSR of each job's operations without successor.
        movable: int64, operations that may move at all.
        tempting: float64 (jobs,), cost per minute late: dearer jobs are looked at first.
    """

    late: Ints
    place: Ints
    n_late: Ints
    terminal_off: Ints
    terminal: Ints
    movable: Ints
    tempting: Floats


@inlined
def draw(rng: np.ndarray) -> float:
    """Return the next number in [0, 1) of a SplitMix64 stream; `rng` uint64 (1,) is its state."""
    rng[0] += _GOLDEN
    return float(mix(rng[0]) >> _SHIFT) * (1.0 / 9007199254740992.0)


@inlined
def draw_below(rng: np.ndarray, n: int) -> int:
    """Return an integer in [0, n)."""
    return min(n - 1, int(draw(rng) * n))


@inlined
def last_of_job(plan: Sequences, book: Book, job: int) -> int:
    """Return the operation that completes a job."""
    best = -1
    for k in range(book.terminal_off[job], book.terminal_off[job + 1]):
        op = book.terminal[k]
        if best < 0 or plan.row[op, R_END] > plan.row[best, R_END]:
            best = op
    return best


@inlined
def late_operation(plan: Sequences, book: Book, rng: np.ndarray) -> int:
    """Return an operation that a late job waits for: its own, or one that held a machine before it."""
    n = book.n_late[0]
    job = book.late[draw_below(rng, n)]
    other = book.late[draw_below(rng, n)]
    if book.tempting[other] > book.tempting[job] and draw(rng) < 0.7:
        job = other
    op = last_of_job(plan, book, job)
    found = op
    for _ in range(_LONGEST_WALK):
        if op < 0:
            break
        found = op
        pred = plan.node[op, N_PRED]
        before = plan.row[op, R_BEFORE]
        blocked = before >= 0 and (pred < 0 or plan.row[before, R_END] >= plan.row[pred, R_END])
        blocked = blocked and plan.row[before, R_END] >= plan.row[op, R_START] - 1440 * 4
        u = draw(rng)
        if blocked and u < 0.25:
            found = before
            break
        if u < 0.60:
            break
        op = before if blocked else pred
    return found


@inlined
def pair_on(problem: Problem, op: int, slot: int) -> int:
    """Return the eligible pair of an operation on a slot, or -1."""
    for pair in range(problem.op[op, OP_ELIG_LO], problem.op[op, OP_ELIG_HI]):
        if problem.elig[pair, ELIG_SLOT] == slot:
            return pair
    return -1


@inlined
def ready_of(plan: Sequences, op: int, earliest: int) -> int:
    """Return the minute from which an operation could run, were its machine free."""
    pred = plan.node[op, N_PRED]
    if pred >= 0:
        return max(earliest, plan.row[pred, R_END])
    return earliest


@inlined
def place_at(plan: Sequences, near: Near, op: int, slot: int, minute: int) -> int:
    """Return the operation after which one that wants to start at `minute` stands on a slot; -1 = first."""
    row = plan.row
    k = plan.last[slot]
    b = (minute - near.span[0]) // near.span[1]
    if 0 <= b < near.mark.shape[1]:
        marked = near.mark[slot, b]
        if marked >= 0 and row[marked, R_SLOT] == slot:
            k = marked
            while row[k, R_AFTER] >= 0 and row[row[k, R_AFTER], R_START] < minute:
                k = row[k, R_AFTER]
    while k >= 0 and (row[k, R_START] >= minute or k == op):
        k = row[k, R_BEFORE]
    return k


@inlined
def shifted(plan: Sequences, op: int, after: int, slot: int, steps: int) -> int:
    """Return the place `steps` further on (positive) or back (negative) on a slot, never beside itself."""
    while steps > 0:
        k = plan.first[slot] if after < 0 else plan.row[after, R_AFTER]
        if k == op:
            k = plan.row[k, R_AFTER]
        if k < 0:
            break
        after = k
        steps -= 1
    while steps < 0 and after >= 0:
        k = plan.row[after, R_BEFORE]
        if k == op:
            k = plan.row[k, R_BEFORE]
        after = k
        steps += 1
    return after


@inlined
def _steps(rng: np.ndarray) -> int:
    """Return 1, 2, 3, ... with halving chances."""
    n = 1
    while n < 12 and draw(rng) < 0.5:
        n += 1
    return n


@inlined
def _swap(problem: Problem, plan: Sequences, near: Near, rng: np.ndarray, op: int, ready: int) -> Move:
    """Return a swap with an operation that could do without its earlier place, or nothing."""
    lo = problem.op[op, OP_ELIG_LO]
    pair = lo + draw_below(rng, problem.op[op, OP_ELIG_HI] - lo)
    target = problem.elig[pair, ELIG_SLOT]
    start = plan.row[op, R_START]
    # a random one among those that start between ready and its own start: reservoir sampling
    chosen = -1
    seen = 0
    k = place_at(plan, near, op, target, start)
    while k >= 0 and plan.row[k, R_END] > ready and seen < 40:
        if k != op and plan.row[k, R_START] < start and plan.node[k, N_KIND] == FREE:
            seen += 1
            if draw_below(rng, seen) == 0:
                chosen = k
        k = plan.row[k, R_BEFORE]
    if chosen < 0:
        return Move(-1, -1, -1, 0, -1, -1, 1, 1)
    other = pair_on(problem, chosen, plan.row[op, R_SLOT])
    if other < 0:
        return Move(-1, -1, -1, 0, -1, -1, 1, 1)
    return Move(op, pair, plan.row[chosen, R_BEFORE], plan.level[op], chosen, other, 1, 1)


@inlined
def propose(
    problem: Problem,
    plan: Sequences,
    book: Book,
    rng: np.ndarray,
    earliest: Ints,
    max_level: int,
    near: Near,
) -> Move:
    """Return a move to try.

    Args:
        rng: uint64 (1,), modified in place.
        earliest: int64 (operations,), first minute of each operation.
        max_level: Highest overtime level that may be given.
    """
    if book.n_late[0] > 0 and draw(rng) < 0.55:
        op = late_operation(plan, book, rng)
    else:
        op = book.movable[draw_below(rng, book.movable.shape[0])]
    if plan.node[op, N_KIND] != FREE:
        return Move(-1, -1, -1, 0, -1, -1, 1, 1)
    slot = plan.row[op, R_SLOT]
    before = plan.row[op, R_BEFORE]
    level = plan.level[op]
    lo = problem.op[op, OP_ELIG_LO]
    n_pairs = problem.op[op, OP_ELIG_HI] - lo
    u = draw(rng)
    if max_level > 0 and u < 0.12:
        new_level = draw_below(rng, max_level + 1)
        if new_level == level:
            return Move(-1, -1, -1, 0, -1, -1, 1, 1)
        return Move(op, pair_on(problem, op, slot), before, new_level, -1, -1, 1, 1)
    v = draw(rng)
    if v < 0.3:
        return _swap(problem, plan, near, rng, op, ready_of(plan, op, earliest[op]))
    v = draw(rng)
    if n_pairs == 1 or v < 0.35:
        pair = pair_on(problem, op, slot)
        steps = _steps(rng)
        if draw(rng) < 0.5:
            after = shifted(plan, op, before, slot, -steps)
        else:
            after = shifted(plan, op, before, slot, steps)
        return Move(op, pair, after, level, -1, -1, 1, 1)
    pair = lo + draw_below(rng, n_pairs)
    target = problem.elig[pair, ELIG_SLOT]
    if v < 0.75:
        want = ready_of(plan, op, earliest[op]) if draw(rng) < 0.6 else plan.row[op, R_START]
        after = place_at(plan, near, op, target, want)
        w = draw(rng)
        if w < 0.25:
            after = shifted(plan, op, after, target, 1)
        elif w < 0.5:
            after = shifted(plan, op, after, target, -1)
        return Move(op, pair, after, level, -1, -1, 1, 1)
    # next to its own family: setups are shorter there
    ready = ready_of(plan, op, earliest[op])
    after = _relative(plan, near, rng, op, target, ready)
    if after < 0:
        return Move(-1, -1, -1, 0, -1, -1, 1, 1)
    if draw(rng) < 0.5:
        after = plan.row[after, R_BEFORE]
        if after == op:
            after = plan.row[after, R_BEFORE]
    return Move(op, pair, after, level, -1, -1, 1, 1)


@inlined
def _relative(plan: Sequences, near: Near, rng: np.ndarray, op: int, target: int, ready: int) -> int:
    """Return one of an operation's own family on a slot, not far from when it is done now; -1 = none."""
    family = plan.node[op, N_FAMILY]
    k = place_at(plan, near, op, target, plan.row[op, R_START])
    is_forward = draw(rng) < 0.5
    if is_forward:
        k = plan.first[target] if k < 0 else plan.row[k, R_AFTER]
    found = -1
    seen = 0
    while k >= 0 and seen < 24:
        if k != op and plan.node[k, N_FAMILY] == family:
            found = k
            if draw(rng) < 0.5:
                break
        if is_forward:
            k = plan.row[k, R_AFTER]
        else:
            if plan.row[k, R_START] < ready:
                break
            k = plan.row[k, R_BEFORE]
        seen += 1
    return found
