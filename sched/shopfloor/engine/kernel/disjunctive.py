"""The disjunctive graph of a shop without calendars and setups: one move, its undoing, longest paths, cost.

A plan is the order of operations on each slot. Operation n (one past the last) stands for "none" in every
link, with end and tail 0, so that no loop asks whether there is a predecessor. Nothing here chooses a move.

References:
    Nowicki & Smutnicki (2005), An advanced tabu search algorithm for the job shop problem, section 3
    (topological order kept between moves).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from shopfloor.engine.kernel.jit import inlined, threaded
from shopfloor.engine.kernel.streams import mix
from shopfloor.engine.layout import Floats, Ints

Smalls = NDArray[np.int32]
Words = NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


class Graph(NamedTuple):
    """What does not change: operations 0..n-1, and n for none.

    Attributes:
        job_pred, job_succ: int32 (n + 1,), neighbours in the route, n = none.
        release: int32 (n + 1,), earliest start.
        elig_off: int32 (n + 2,), rows of the next two.
        elig_slot, elig_run: int32 (pairs,), eligible slots and run minutes there.
        last: int32 (chains,), last operation of each chain of operations.
        last_job: int32 (chains,), its job.
        due: int64 (jobs,).
        weight: float64 (jobs,), cost of a minute of tardiness.
        is_makespan: int64 (1,), 1 = the cost is the last end and nothing else.
    """

    job_pred: Smalls
    job_succ: Smalls
    release: Smalls
    elig_off: Smalls
    elig_slot: Smalls
    elig_run: Smalls
    last: Smalls
    last_job: Smalls
    due: Ints
    weight: Floats
    is_makespan: Ints


class Sequences(NamedTuple):
    """A plan and its working memory; modified in place.

    Attributes:
        slot, run: int32 (n + 1,), where each operation is and how long it takes there.
        pred, succ: int32 (n + 1,), neighbours on the slot, n = none.
        first: int32 (slots,), first operation of each slot, n = none.
        order, place: int32 (n,) and (n + 1,), a topological order and each operation's position in it.
        end: int32 (n + 1,), earliest end.
        tail: int32 (n + 1,), longest path from the operation's start to the end of the plan.
        mark: int32 (n + 1,), stamps.
        moved: int32 (n + 1,), operations set aside while the order is repaired.
        old_order, old_end: int32 (n + 1,), what one move destroys.
        path: int32 (n + 1,), a critical path, last operation first.
        window: int64 (8,), stamp, lowest and highest changed position, and what undoes the last move.
        finish: int64 (jobs,), completion of each job.
        dice: uint64 (1,), state of the random numbers.
    """

    slot: Smalls
    run: Smalls
    pred: Smalls
    succ: Smalls
    first: Smalls
    order: Smalls
    place: Smalls
    end: Smalls
    tail: Smalls
    mark: Smalls
    moved: Smalls
    old_order: Smalls
    old_end: Smalls
    path: Smalls
    window: Ints
    finish: Ints
    dice: Words


STAMP = 0
LOW = 1
HIGH = 2
UNDO_OPERATION = 3
UNDO_AFTER = 4
UNDO_SLOT = 5
UNDO_RUN = 6


@inlined
def below(plan: Sequences, n: int) -> int:
    """Return a random integer in 0..n-1."""
    plan.dice[0] += _GOLDEN
    return int(np.int64(mix(plan.dice[0]) >> np.uint64(33)) % np.int64(n))


@inlined
def chance(plan: Sequences) -> float:
    """Return a random number in (0, 1)."""
    plan.dice[0] += _GOLDEN
    return (float(mix(plan.dice[0]) >> np.uint64(11)) + 0.5) * (1.0 / 9007199254740992.0)


@inlined
def _unlink(plan: Sequences, x: int, none: int) -> None:
    before, after = plan.pred[x], plan.succ[x]
    if before == none:
        plan.first[plan.slot[x]] = after
    else:
        plan.succ[before] = after
    plan.pred[after] = before


@inlined
def _link(plan: Sequences, x: int, slot: int, before: int, none: int) -> None:
    """Put x on a slot behind `before`, none = at the beginning."""
    if before == none:
        after = plan.first[slot]
        plan.first[slot] = x
    else:
        after = plan.succ[before]
        plan.succ[before] = x
    plan.slot[x] = slot
    plan.pred[x] = before
    plan.succ[x] = after
    plan.pred[after] = x


@inlined
def _repaired_forward(graph: Graph, plan: Sequences, lo: int, hi: int, x: int) -> bool:
    """Bring x and what follows it behind position hi; False = the operation there follows x: a cycle."""
    stamp = plan.window[STAMP]
    barrier = plan.order[hi]
    plan.mark[x] = stamp
    kept = lo
    count = 0
    for i in range(lo, hi + 1):
        w = plan.order[i]
        plan.old_order[i] = w
        if w == x or plan.mark[graph.job_pred[w]] == stamp or plan.mark[plan.pred[w]] == stamp:
            plan.mark[w] = stamp
            plan.moved[count] = w
            count += 1
    if plan.mark[barrier] == stamp:
        return False
    for i in range(lo, hi + 1):
        w = plan.old_order[i]
        if plan.mark[w] != stamp:
            plan.order[kept] = w
            plan.place[w] = kept
            kept += 1
    for i in range(count):
        w = plan.moved[i]
        plan.order[kept + i] = w
        plan.place[w] = kept + i
    return True


@inlined
def _repaired_backward(graph: Graph, plan: Sequences, lo: int, hi: int, x: int) -> bool:
    """Bring x and what precedes it before position lo; False = the operation there precedes x: a cycle."""
    stamp = plan.window[STAMP]
    barrier = plan.order[lo]
    plan.mark[x] = stamp
    count = 0
    for i in range(hi, lo - 1, -1):
        w = plan.order[i]
        plan.old_order[i] = w
        if w == x or plan.mark[graph.job_succ[w]] == stamp or plan.mark[plan.succ[w]] == stamp:
            plan.mark[w] = stamp
            plan.moved[count] = w
            count += 1
    if plan.mark[barrier] == stamp:
        return False
    kept = hi
    for i in range(hi, lo - 1, -1):
        w = plan.old_order[i]
        if plan.mark[w] != stamp:
            plan.order[kept] = w
            plan.place[w] = kept
            kept -= 1
    for i in range(count):
        w = plan.moved[i]
        plan.order[kept - i] = w
        plan.place[w] = kept - i
    return True


@inlined
def relocate(graph: Graph, plan: Sequences, x: int, slot: int, run: int, before: int) -> bool:
    """Move operation x behind `before` on a slot, and repair the topological order.

    Ends and tails are not worked out; `window` says between which positions they may have changed: ends from
    LOW upwards, tails from HIGH downwards.

    Args:
        run: Minutes of x on that slot.
        before: Operation on that slot, not x; n = at the beginning.

    Returns:
        False if the move would close a cycle; then nothing has changed.
    """
    none = len(plan.order)
    plan.window[UNDO_OPERATION] = x
    plan.window[UNDO_AFTER] = plan.pred[x]
    plan.window[UNDO_SLOT] = plan.slot[x]
    plan.window[UNDO_RUN] = plan.run[x]
    plan.window[STAMP] += 1
    here = plan.place[x]
    _unlink(plan, x, none)
    _link(plan, x, slot, before, none)
    after = plan.succ[x]
    lo = hi = here
    is_sound = True
    if before != none and plan.place[before] > here:
        hi = plan.place[before]
        is_sound = _repaired_forward(graph, plan, lo, hi, x)
    elif after != none and plan.place[after] < here:
        lo = plan.place[after]
        is_sound = _repaired_backward(graph, plan, lo, hi, x)
    else:
        plan.old_order[here] = x
    if not is_sound:
        _unlink(plan, x, none)
        _link(plan, x, plan.window[UNDO_SLOT], plan.window[UNDO_AFTER], none)
        return False
    plan.run[x] = run
    plan.window[LOW] = lo
    plan.window[HIGH] = hi
    return True


@inlined
def update_ends(graph: Graph, plan: Sequences) -> None:
    """Work out the ends from position LOW upwards, keeping the old ones for `undo`."""
    for i in range(plan.window[LOW], len(plan.order)):
        x = plan.order[i]
        plan.old_end[x] = plan.end[x]
        start = max(graph.release[x], plan.end[graph.job_pred[x]], plan.end[plan.pred[x]])
        plan.end[x] = start + plan.run[x]


@inlined
def update_tails(graph: Graph, plan: Sequences, high: int) -> None:
    """Work out the tails from position `high` downwards."""
    for i in range(high, -1, -1):
        x = plan.order[i]
        plan.tail[x] = plan.run[x] + max(plan.tail[graph.job_succ[x]], plan.tail[plan.succ[x]])


@inlined
def undo(plan: Sequences) -> None:
    """Take back the last `relocate` and `update_ends`."""
    none = len(plan.order)
    x = plan.window[UNDO_OPERATION]
    _unlink(plan, x, none)
    _link(plan, x, plan.window[UNDO_SLOT], plan.window[UNDO_AFTER], none)
    plan.run[x] = plan.window[UNDO_RUN]
    for i in range(plan.window[LOW], plan.window[HIGH] + 1):
        w = plan.old_order[i]
        plan.order[i] = w
        plan.place[w] = i
    for i in range(plan.window[LOW], none):
        w = plan.order[i]
        plan.end[w] = plan.old_end[w]


@inlined
def cost_of(graph: Graph, plan: Sequences) -> float:
    """Return the cost by the ends: the makespan, or weighted minutes of tardiness."""
    if graph.is_makespan[0] == 1:
        latest = 0
        for c in range(len(graph.last)):
            latest = max(latest, plan.end[graph.last[c]])
        return float(latest)
    plan.finish[:] = 0
    for c in range(len(graph.last)):
        job = graph.last_job[c]
        plan.finish[job] = max(plan.finish[job], plan.end[graph.last[c]])
    total = 0.0
    for job in range(len(graph.due)):
        total += graph.weight[job] * max(0, plan.finish[job] - graph.due[job])
    return total


@inlined
def critical_path(graph: Graph, plan: Sequences, last: int) -> int:
    """Write a longest path that ends with operation `last` into `path`, backwards; return its length.

    Where both predecessors are binding one is drawn.
    """
    none = len(plan.order)
    x = last
    count = 0
    while True:
        plan.path[count] = x
        count += 1
        start = plan.end[x] - plan.run[x]
        on_slot = plan.pred[x]
        in_job = graph.job_pred[x]
        is_slot = on_slot != none and plan.end[on_slot] == start
        is_job = in_job != none and plan.end[in_job] == start
        if is_slot and is_job:
            is_slot = below(plan, 2) == 0
        if is_slot:
            x = on_slot
        elif is_job:
            x = in_job
        else:
            return count


@inlined
def keep(plan: Sequences, best: Smalls) -> None:
    """Write the plan into `best`: rows order, slot and run of each operation, int32 (3, n)."""
    n = len(plan.order)
    for i in range(n):
        best[0, i] = plan.order[i]
        best[1, i] = plan.slot[i]
        best[2, i] = plan.run[i]


@threaded
def recompute(graph: Graph, plan: Sequences) -> float:
    """Work out all ends in the plan's order and return the cost."""
    plan.window[LOW] = 0
    update_ends(graph, plan)
    return cost_of(graph, plan)
