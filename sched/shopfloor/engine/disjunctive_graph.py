"""From the engine's arrays to the disjunctive graph and back: which shops it fits, start, answer.

No search here. The graph knows neither calendars nor setups nor fixed operations, so it fits only a shop
that is open at every minute of the horizon and has none of these.
"""

from __future__ import annotations

import numpy as np

from shopfloor.engine import layout as at
from shopfloor.engine.arrays import Compiled
from shopfloor.engine.dispatch import Outcome
from shopfloor.engine.kernel.disjunctive import Graph, Sequences, Smalls
from shopfloor.engine.layout import Role
from shopfloor.engine.objective import Objective

MAX_OPERATIONS = 20_000
"""Above, a path of whole orders per move is too slow to be worth it."""


def is_disjunctive(compiled: Compiled, objective: Objective) -> bool:
    """Tell whether a critical-path search fits: an open shop without setups or fixed operations.

    Also the objective must be the makespan alone, or weighted tardiness alone, and every operation has at
    most one successor.
    """
    p = compiled.problem
    if not 0 < len(p.op) <= MAX_OPERATIONS or not (is_makespan(objective) or is_tardiness(objective)):
        return False
    if len(p.reservation) or (p.op[:, at.OP_ROLE] != int(Role.NORMAL)).any():
        return False
    if p.machine[:, [at.MACHINE_SAME, at.MACHINE_DIFFERENT]].any() or (p.setup > 0).any():
        return False
    if (np.diff(p.succ_off) > 1).any():
        return False
    calendars = np.unique(p.cal_of[:, 0])
    lo, hi = p.cal_off[calendars], p.cal_off[calendars + 1]
    if (hi - lo != 1).any():
        return False
    now, horizon = p.constant[at.CONST_NOW], p.constant[at.CONST_HORIZON]
    longest = np.maximum.reduceat(p.elig[:, at.ELIG_RUN], p.op[:, at.OP_ELIG_LO]).sum()
    begin = max(int(now), int(p.job[:, at.JOB_RELEASE].max()))
    is_open = (p.cal_start[lo] <= now).all() and (p.cal_end[lo] >= horizon).all()
    return bool(is_open and begin + longest <= horizon)


def is_makespan(objective: Objective) -> bool:
    """Tell whether the makespan alone counts; overtime and setups, which such a shop cannot have, aside."""
    return objective.makespan > 0 and _others(objective) == 0 and objective.tardiness == 0


def is_tardiness(objective: Objective) -> bool:
    """Tell whether weighted tardiness alone counts; overtime and setups aside."""
    return objective.tardiness > 0 and _others(objective) == 0 and objective.makespan == 0


def _others(objective: Objective) -> float:
    return objective.days_late + objective.late_job + objective.balance + objective.moves


def graph_of(compiled: Compiled, objective: Objective) -> Graph:
    """Return the graph of a shop for which `is_disjunctive` holds."""
    p = compiled.problem
    n = len(p.op)
    pred = np.full(n + 1, n, dtype=np.int32)
    succ = np.full(n + 1, n, dtype=np.int32)
    has_pred = p.op[:, at.OP_PRED] >= 0
    pred[:n][has_pred] = p.op[has_pred, at.OP_PRED]
    succ[pred[:n][has_pred]] = np.flatnonzero(has_pred)
    succ[n] = n
    release = np.zeros(n + 1, dtype=np.int32)
    release[:n] = np.maximum(p.job[p.op[:, at.OP_JOB], at.JOB_RELEASE], p.constant[at.CONST_NOW])
    off = np.zeros(n + 2, dtype=np.int32)
    off[:n] = p.op[:, at.OP_ELIG_LO]
    off[n:] = len(p.elig)
    last = np.flatnonzero(succ[:n] == n).astype(np.int32)
    return Graph(
        job_pred=pred,
        job_succ=succ,
        release=release,
        elig_off=off,
        elig_slot=p.elig[:, at.ELIG_SLOT].astype(np.int32),
        elig_run=p.elig[:, at.ELIG_RUN].astype(np.int32),
        last=last,
        last_job=p.op[last, at.OP_JOB].astype(np.int32),
        due=p.job[:, at.JOB_DUE].astype(np.int64),
        weight=p.job_weight.astype(np.float64),
        is_makespan=np.array([int(is_makespan(objective))], dtype=np.int64),
    )


def kept_plan(start: Outcome) -> Smalls:
    """Return a finished plan as the kernels keep it: rows order, slot and run, int32 (3, n)."""
    n = len(start.slot)
    order = np.lexsort((np.arange(n), start.end, start.start))
    return np.stack([order, start.slot, start.run]).astype(np.int32)


def sequences_of(graph: Graph, kept: Smalls, n_slots: int, seed: int) -> Sequences:
    """Return a plan in the kernels' form; the order must be topological."""
    n = kept.shape[1]

    def small(size: int, value: int = 0) -> Smalls:
        return np.full(size, value, dtype=np.int32)

    plan = Sequences(
        slot=small(n + 1), run=small(n + 1), pred=small(n + 1, n), succ=small(n + 1, n),
        first=small(n_slots, n), order=small(n), place=small(n + 1), end=small(n + 1), tail=small(n + 1),
        mark=small(n + 1), moved=small(n + 1), old_order=small(n + 1), old_end=small(n + 1),
        path=small(n + 1), window=np.zeros(8, dtype=np.int64),
        finish=np.zeros(len(graph.due), dtype=np.int64),
        dice=np.array([seed * 1_000_003 + 12_345], dtype=np.uint64),
    )  # fmt: skip
    load(plan, kept)
    return plan


def load(plan: Sequences, kept: Smalls) -> None:
    """Put a kept plan into the working arrays; its ends are not worked out."""
    n = kept.shape[1]
    order, slot, run = kept
    plan.order[:] = order
    plan.place[order] = np.arange(n)
    plan.slot[:n], plan.run[:n] = slot, run
    plan.pred[:] = n
    plan.succ[:] = n
    plan.first[:] = n
    grouped = order[np.argsort(slot[order], kind="stable")]
    same = slot[grouped[1:]] == slot[grouped[:-1]]
    plan.pred[grouped[1:][same]] = grouped[:-1][same]
    plan.succ[grouped[:-1][same]] = grouped[1:][same]
    heads = grouped[np.concatenate(([True], ~same))]
    plan.first[slot[heads]] = heads


def outcome_from(compiled: Compiled, graph: Graph, kept: Smalls) -> Outcome:
    """Return the engine's answer: everything as early as the orders allow."""
    p = compiled.problem
    n = kept.shape[1]
    order, slot, run = (row.astype(np.int64) for row in kept)
    free = np.zeros(len(p.slot), dtype=np.int64)
    end = np.zeros(n + 1, dtype=np.int64)
    for x in order:
        start = max(int(graph.release[x]), int(end[graph.job_pred[x]]), int(free[slot[x]]))
        end[x] = free[slot[x]] = start + run[x]
    zeros = np.zeros(n, dtype=np.int64)
    end = end[:n]
    return Outcome(slot, end - run, end, zeros, run, zeros, zeros, n, int(end.max()))
