"""Simulated annealing on the disjunctive graph: moves on the critical path of a job that costs something.

Each proposal is evaluated exactly by its ends; a plan is always complete and free of cycles.

References:
    van Laarhoven, Aarts & Lenstra (1992), Job shop scheduling by simulated annealing;
    Balas & Vazacopoulos (1998), Guided local search with shifting bottleneck (insertions inside a block);
    Mati, Dauzere-Peres & Lahlou (2011), A general approach for optimizing regular criteria in the job-shop.
"""

from __future__ import annotations

import math

from shopfloor.engine.kernel.disjunctive import (
    Graph,
    Sequences,
    Smalls,
    below,
    chance,
    cost_of,
    critical_path,
    keep,
    relocate,
    undo,
    update_ends,
)
from shopfloor.engine.kernel.jit import inlined, threaded
from shopfloor.engine.layout import Floats


@inlined
def _costly_last(graph: Graph, plan: Sequences) -> int:
    """Return the last operation of a chain that costs something, drawn; n if no chain does."""
    none = len(plan.order)
    if graph.is_makespan[0] == 1:
        chosen = none
        for c in range(len(graph.last)):
            x = graph.last[c]
            if chosen == none or plan.end[x] > plan.end[chosen]:
                chosen = x
        return chosen
    late = 0
    chosen = none
    for c in range(len(graph.last)):
        x = graph.last[c]
        if plan.end[x] > graph.due[graph.last_job[c]]:
            late += 1
            if below(plan, late) == 0:
                chosen = x
    return chosen


@inlined
def _tried_in_block(graph: Graph, plan: Sequences, count: int) -> bool:
    """Draw a slot arc of the critical path and reorder around it; False = no arc, or a cycle."""
    none = len(plan.order)
    for _ in range(4):
        i = below(plan, count)
        v = plan.path[i]
        if i + 1 >= count or plan.pred[v] != plan.path[i + 1] or plan.pred[v] == none:
            continue
        u = plan.pred[v]
        way = below(plan, 4)
        if way >= 2:
            return relocate(graph, plan, u, plan.slot[u], plan.run[u], v)
        if way == 1:
            edge = i
            while edge > 0 and plan.succ[plan.path[edge]] == plan.path[edge - 1]:
                edge -= 1
            return relocate(graph, plan, u, plan.slot[u], plan.run[u], plan.path[edge])
        edge = i + 1
        while edge + 1 < count and plan.pred[plan.path[edge]] == plan.path[edge + 1]:
            edge += 1
        return relocate(graph, plan, v, plan.slot[v], plan.run[v], plan.pred[plan.path[edge]])
    return False


@inlined
def _tried_elsewhere(graph: Graph, plan: Sequences, count: int, patience: float) -> bool:
    """Draw an operation of the critical path and put it on another eligible slot; False = none, or a cycle."""
    none = len(plan.order)
    x = plan.path[below(plan, count)]
    lo = graph.elig_off[x]
    n_pairs = graph.elig_off[x + 1] - lo
    if n_pairs < 2:
        return False
    pair = lo + below(plan, n_pairs)
    slot = graph.elig_slot[pair]
    if slot == plan.slot[x]:
        return False
    ready = max(graph.release[x], plan.end[graph.job_pred[x]])
    before = none
    y = plan.first[slot]
    while y != none and (plan.end[y] <= ready or chance(plan) < patience):
        before = y
        y = plan.succ[y]
    return relocate(graph, plan, x, slot, graph.elig_run[pair], before)


@threaded
def anneal(
    graph: Graph,
    plan: Sequences,
    best: Smalls,
    score: Floats,
    iterations: int,
    hot: float,
    cold: float,
    elsewhere: float,
    patience: float,
) -> int:
    """Try moves while the temperature falls from hot to cold; return how many were tried.

    Args:
        plan: With ends; modified in place, ends at the last accepted plan.
        best: The best plan so far, as `keep` writes it; modified in place.
        score: float64 (2,), cost of the plan and of the best; modified in place.
        elsewhere: Share of proposals that change the slot of an operation.
        patience: Probability of passing one more operation when a place on another slot is drawn.
    """
    cooling = math.log(cold / hot) / max(1, iterations)
    for k in range(iterations):
        if score[1] <= 0.0:
            return k
        last = _costly_last(graph, plan)
        if last == len(plan.order):
            return k
        count = critical_path(graph, plan, last)
        if elsewhere > 0.0 and chance(plan) < elsewhere:
            is_moved = _tried_elsewhere(graph, plan, count, patience)
        else:
            is_moved = _tried_in_block(graph, plan, count)
        if not is_moved:
            continue
        temperature = hot * math.exp(cooling * k)
        limit = score[0] - temperature * math.log(chance(plan))
        update_ends(graph, plan)
        cost = cost_of(graph, plan)
        if cost > limit:
            undo(plan)
            continue
        score[0] = cost
        if cost < score[1]:
            score[1] = cost
            keep(plan, best)
    return iterations
