"""Tabu search for the makespan on fixed slots, and the walk from one plan towards another.

Moves: the N7 neighbourhood, an operation of a critical block goes behind its last or before its first one, and
the last or first one goes inside. Each is estimated by its new heads and tails along the stretch; only the one
that is taken is worked out.

References:
    Zhang, Li, Rao & Guan (2008), A very fast TS/SA algorithm for the job shop scheduling problem;
    Balas & Vazacopoulos (1998) (conditions and estimates); Peng, Lu & Cheng (2015), TS/PR (relinking).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from shopfloor.engine.kernel.disjunctive import (
    HIGH,
    LOW,
    Graph,
    Sequences,
    Smalls,
    below,
    cost_of,
    critical_path,
    keep,
    relocate,
    update_ends,
    update_tails,
)
from shopfloor.engine.kernel.jit import inlined, threaded
from shopfloor.engine.kernel.streams import mix
from shopfloor.engine.layout import Floats, Ints

_FAR = 1 << 40


class Memory(NamedTuple):
    """What the search forbids, and its working memory; modified in place.

    Attributes:
        until: int64 (power of two,), iteration until which "a before b" with that hash is forbidden.
        head: int32 (n + 1,), new heads along the stretch of one move.
        choice: int64 (4,), operation, its new predecessor on the slot, estimate and until when it is forbidden, of
            the best move.
    """

    until: Ints
    head: Smalls
    choice: Ints


CHOICE_OPERATION = 0
CHOICE_BEFORE = 1
CHOICE_VALUE = 2
CHOICE_UNTIL = 3


@inlined
def _arc(plan: Sequences, memory: Memory, a: int, b: int) -> int:
    """Return the row of `until` that stands for "a before b"."""
    key = mix(np.uint64(a * len(plan.tail) + b + 1))
    return int(key & np.uint64(len(memory.until) - 1))


@inlined
def _forward_until(plan: Sequences, memory: Memory, u: int, v: int) -> int:
    """Return until when it is forbidden that u goes behind v: the latest of the orders that it makes."""
    until = 0
    x = u
    while x != v:
        x = plan.succ[x]
        until = max(until, memory.until[_arc(plan, memory, x, u)])
    return until


@inlined
def _backward_until(plan: Sequences, memory: Memory, u: int, v: int) -> int:
    """Return until when it is forbidden that v goes before u."""
    until = 0
    x = u
    while x != v:
        until = max(until, memory.until[_arc(plan, memory, v, x)])
        x = plan.succ[x]
    return until


@inlined
def _forward_value(graph: Graph, plan: Sequences, memory: Memory, u: int, v: int) -> int:
    """Return the longest path through the stretch u..v after u went behind v, estimated."""
    ready = plan.end[plan.pred[u]]
    x = u
    while x != v:
        x = plan.succ[x]
        start = max(graph.release[x], plan.end[graph.job_pred[x]], ready)
        memory.head[x] = start
        ready = start + plan.run[x]
    start = max(graph.release[u], plan.end[graph.job_pred[u]], ready)
    tail = plan.run[u] + max(plan.tail[graph.job_succ[u]], plan.tail[plan.succ[v]])
    value = start + tail
    x = v
    while x != u:
        tail = plan.run[x] + max(plan.tail[graph.job_succ[x]], tail)
        value = max(value, memory.head[x] + tail)
        x = plan.pred[x]
    return value


@inlined
def _backward_value(graph: Graph, plan: Sequences, memory: Memory, u: int, v: int) -> int:
    """Return the longest path through the stretch u..v after v went before u, estimated."""
    start = max(graph.release[v], plan.end[graph.job_pred[v]], plan.end[plan.pred[u]])
    memory.head[v] = start
    ready = start + plan.run[v]
    x = u
    while x != v:
        start = max(graph.release[x], plan.end[graph.job_pred[x]], ready)
        memory.head[x] = start
        ready = start + plan.run[x]
        x = plan.succ[x]
    tail = plan.tail[plan.succ[v]]
    value = 0
    x = plan.pred[v]
    while True:
        tail = plan.run[x] + max(plan.tail[graph.job_succ[x]], tail)
        value = max(value, memory.head[x] + tail)
        if x == u:
            break
        x = plan.pred[x]
    tail = plan.run[v] + max(plan.tail[graph.job_succ[v]], tail)
    return max(value, memory.head[v] + tail)


@inlined
def _weighed(
    plan: Sequences, memory: Memory, x: int, before: int, value: int, until: int, goal: int, counts: Ints
) -> None:
    """Keep a move if it is the best one so far that is allowed; else maybe as the random one.

    counts: moves allowed that are as good as the best, and moves seen.
    """
    counts[1] += 1
    is_free = until <= counts[2] or value < goal
    if is_free:
        if value < memory.choice[CHOICE_VALUE]:
            counts[0] = 1
        elif value == memory.choice[CHOICE_VALUE]:
            counts[0] += 1
            if below(plan, counts[0]) != 0:
                return
        else:
            return
        memory.choice[CHOICE_VALUE] = value
    elif counts[0] > 0 or below(plan, counts[1]) != 0:
        return
    memory.choice[CHOICE_OPERATION] = x
    memory.choice[CHOICE_BEFORE] = before
    memory.choice[CHOICE_UNTIL] = until


@inlined
def _try_forward(
    graph: Graph, plan: Sequences, memory: Memory, u: int, v: int, goal: int, counts: Ints
) -> None:
    if plan.tail[v] < plan.tail[graph.job_succ[u]]:
        return
    until = _forward_until(plan, memory, u, v)
    _weighed(plan, memory, u, v, _forward_value(graph, plan, memory, u, v), until, goal, counts)


@inlined
def _try_backward(
    graph: Graph, plan: Sequences, memory: Memory, u: int, v: int, goal: int, counts: Ints
) -> None:
    if plan.end[u] < plan.end[graph.job_pred[v]]:
        return
    until = _backward_until(plan, memory, u, v)
    _weighed(plan, memory, v, plan.pred[u], _backward_value(graph, plan, memory, u, v), until, goal, counts)


@threaded
def best_in_block(
    graph: Graph, plan: Sequences, memory: Memory, lo: int, hi: int, edges: int, goal: int, counts: Ints
) -> None:
    """Weigh the moves of one critical block.

    Args:
        lo, hi: Rows of `path`: its last and its first operation (the path runs backwards), lo < hi.
        edges: Bit 0: moves before the first operation count; bit 1: moves behind the last.
    """
    first, last = plan.path[hi], plan.path[lo]
    if hi == lo + 1:
        _try_forward(graph, plan, memory, first, last, goal, counts)
        return
    if edges & 2:
        for i in range(lo + 1, hi + 1):
            _try_forward(graph, plan, memory, plan.path[i], last, goal, counts)
        for i in range(lo + 1, hi):
            _try_backward(graph, plan, memory, plan.path[i], last, goal, counts)
    if edges & 1:
        for i in range(lo, hi):
            _try_backward(graph, plan, memory, first, plan.path[i], goal, counts)
        for i in range(lo + 1, hi):
            _try_forward(graph, plan, memory, first, plan.path[i], goal, counts)


@inlined
def _chosen_move(
    graph: Graph, plan: Sequences, memory: Memory, makespan: int, goal: int, counts: Ints
) -> bool:
    """Look at all moves of one critical path; False = there is none, the plan is optimal."""
    ties = 0
    last = len(plan.order)
    for c in range(len(graph.last)):
        if plan.end[graph.last[c]] == makespan:
            ties += 1
            if below(plan, ties) == 0:
                last = graph.last[c]
    count = critical_path(graph, plan, last)
    counts[0] = 0
    counts[1] = 0
    memory.choice[CHOICE_VALUE] = _FAR
    lo = 0
    while lo < count - 1:
        hi = lo
        while hi + 1 < count and plan.pred[plan.path[hi]] == plan.path[hi + 1]:
            hi += 1
        if hi > lo:
            edges = (1 if hi < count - 1 else 0) | (2 if lo > 0 else 0)
            if edges:
                best_in_block(graph, plan, memory, lo, hi, edges, goal, counts)
        lo = hi + 1
    return counts[1] > 0


@threaded
def tabu_search(
    graph: Graph, plan: Sequences, memory: Memory, best: Smalls, score: Floats, counts: Ints, iterations: int
) -> int:
    """Take the best allowed move again and again; return the iterations since the best plan.

    Args:
        plan: With ends; tails are worked out first. Modified in place.
        best: The best plan so far, as `keep` writes it; modified in place.
        score: float64 (2,), makespan of the plan and of the best; modified in place.
        counts: int64 (6,): two counters of one step, the iteration (goes on over calls), the iteration of
            the best, 1 once a plan is proved optimal, and the iteration up to which forbidden moves stay
            forbidden however good; modified in place.
    """
    n = len(plan.order)
    update_tails(graph, plan, n - 1)
    tenure = 10 + n // (len(plan.first) * len(plan.first))
    for _ in range(iterations):
        counts[2] += 1
        # An estimate below the best that turned out wrong must not be believed again and again.
        goal = int(score[1]) if counts[2] > counts[5] else 0
        if not _chosen_move(graph, plan, memory, int(score[0]), goal, counts):
            counts[4] = 1
            break
        x = memory.choice[CHOICE_OPERATION]
        before = memory.choice[CHOICE_BEFORE]
        until = counts[2] + tenure + below(plan, tenure // 2 + 1)
        if before != n and plan.place[before] > plan.place[x]:
            y = x
            while y != before:
                y = plan.succ[y]
                memory.until[_arc(plan, memory, x, y)] = until
        else:
            y = plan.pred[x]
            while y != before:
                memory.until[_arc(plan, memory, y, x)] = until
                y = plan.pred[y]
        if not relocate(graph, plan, x, plan.slot[x], plan.run[x], before):
            continue
        if memory.choice[CHOICE_UNTIL] > counts[2]:
            counts[5] = until
        update_ends(graph, plan)
        update_tails(graph, plan, plan.window[HIGH])
        score[0] = cost_of(graph, plan)
        if score[0] < score[1]:
            score[1] = score[0]
            counts[3] = counts[2]
            keep(plan, best)
    return counts[2] - counts[3]


@threaded
def distance(plan: Sequences, rank: Smalls) -> int:
    """Return the pairs of operations on one slot whose order differs from `rank`."""
    n = len(plan.order)
    total = 0
    for slot in range(len(plan.first)):
        x = plan.first[slot]
        while x != n:
            y = plan.succ[x]
            while y != n:
                if rank[y] < rank[x]:
                    total += 1
                y = plan.succ[y]
            x = plan.succ[x]
    return total


@threaded
def walk_towards(graph: Graph, plan: Sequences, rank: Smalls, steps: int) -> int:
    """Swap neighbours that stand otherwise than in `rank`, drawn, as often as `steps`; return the swaps made.

    Args:
        rank: int32 (n,), place of each operation in the order of the plan to walk towards.
        plan: Modified in place, ends worked out.
    """
    n = len(plan.order)
    made = 0
    while made < steps:
        offset = below(plan, n)
        is_moved = False
        for k in range(n):
            v = (offset + k) % n
            u = plan.pred[v]
            if u != n and rank[v] < rank[u]:
                is_moved = relocate(graph, plan, u, plan.slot[u], plan.run[u], v)
                if is_moved:
                    break
        if not is_moved:
            break
        made += 1
    plan.window[LOW] = 0
    update_ends(graph, plan)
    return made


@threaded
def shake(graph: Graph, plan: Sequences, steps: int) -> int:
    """Swap neighbours at random where no cycle closes; return the swaps made."""
    n = len(plan.order)
    made = 0
    for _ in range(4 * steps):
        if made >= steps:
            break
        v = below(plan, n)
        u = plan.pred[v]
        if u != n and relocate(graph, plan, u, plan.slot[u], plan.run[u], v):
            made += 1
    plan.window[LOW] = 0
    update_ends(graph, plan)
    return made
