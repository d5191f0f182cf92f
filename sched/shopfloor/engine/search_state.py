"""The arrays of one search: a finished plan becomes sequences, and sequences become a plan again.

No search happens here. Operations without a place in the starting plan stay without one.
"""

from __future__ import annotations

import numpy as np

from shopfloor.domain.kpis import MOVED_WINDOW_WORKING_DAYS, working_days_end
from shopfloor.engine import layout as at
from shopfloor.engine.arrays import Compiled
from shopfloor.engine.dispatch import Outcome
from shopfloor.engine.kernel import search_memory as memory
from shopfloor.engine.kernel import sequences as seq
from shopfloor.engine.kernel.guard import FIGURES
from shopfloor.engine.kernel.moves import Book
from shopfloor.engine.layout import Floats, Ints, Problem, Role
from shopfloor.engine.objective import Objective

ORDINARY_LOAD = 6000.0
"""Work minutes of an average slot up to which uneven load has its full price."""

_FOR_EVER = 1 << 60
_SEVERAL = -2
_NOBODY = -3


class InfeasibleStart(ValueError):
    """A plan that was given as a start cannot be timed: an operation has an impossible place."""


def nodes_of(compiled: Compiled, outcome: Outcome) -> Ints:
    """Return the node table of a plan, int64 (operations, NODE_COLUMNS)."""
    problem = compiled.problem
    op = problem.op
    n = len(op)
    node = np.zeros((n, seq.NODE_COLUMNS), dtype=np.int64)
    placed = outcome.is_scheduled
    now = int(problem.constant[at.CONST_NOW])
    kind = np.full(n, seq.FREE, dtype=np.int64)
    kind[op[:, at.OP_ROLE] == Role.START_PIN] = seq.PINNED
    committed = op[:, at.OP_ROLE] == Role.COMMITTED
    kind[committed] = np.where(outcome.start[committed] <= now, seq.BEGUN, seq.COMMITTED)
    kind[~placed] = seq.OUT
    node[:, seq.N_KIND] = kind
    pred = op[:, at.OP_PRED].copy()
    pred[(pred >= 0) & ~placed[np.maximum(pred, 0)]] = -1
    node[:, seq.N_PRED] = pred
    node[:, seq.N_FAMILY] = op[:, at.OP_FAMILY]
    node[:, seq.N_JOB] = op[:, at.OP_JOB]
    node[:, seq.N_INTERRUPTIBLE] = op[:, at.OP_INTERRUPTIBLE]
    release = problem.job[op[:, at.OP_JOB], at.JOB_RELEASE]
    arrival = problem.job[op[:, at.OP_JOB], at.JOB_ARRIVAL]
    is_first = op[:, at.OP_PRED] < 0
    node[:, seq.N_EARLIEST] = np.where(is_first, np.maximum(np.maximum(release, arrival), now), now)
    held = kind == seq.PINNED
    node[held, seq.N_EARLIEST] = outcome.start[held]
    fixed = (kind == seq.COMMITTED) | (kind == seq.BEGUN)
    node[fixed, seq.N_EARLIEST] = -(1 << 40)
    node[fixed, seq.N_PROMISED] = outcome.setup[fixed]
    node[:, seq.N_SUCC] = _successors(compiled, placed)
    return node


def _successors(compiled: Compiled, placed: np.ndarray) -> Ints:
    """Return each operation's only successor with a place, -1 none, -2 several, -3 its job stays open."""
    problem = compiled.problem
    n = len(problem.op)
    counts = np.diff(problem.succ_off)
    only = np.full(n, -1, dtype=np.int64)
    has = counts > 0
    only[has] = problem.succ[problem.succ_off[:-1][has]]
    only[counts > 1] = _SEVERAL
    open_jobs = np.zeros(len(problem.job), dtype=bool)
    open_jobs[problem.op[~placed, at.OP_JOB]] = True
    without = (only >= 0) & ~placed[np.maximum(only, 0)]
    only[without] = _NOBODY
    only[(only == -1) & open_jobs[problem.op[:, at.OP_JOB]]] = _NOBODY
    return only


def sequences_of(compiled: Compiled, outcome: Outcome, *, is_retimed: bool = True) -> seq.Sequences:
    """Return a plan as sequences.

    Args:
        is_retimed: Let every operation start as early as its place allows, which is never later than it did;
            else the times stay as they are.

    Raises:
        InfeasibleStart: An operation cannot be done where it stands.
    """
    problem = compiled.problem
    n = len(problem.op)
    node = nodes_of(compiled, outcome)
    row = np.full((n, seq.ROW_COLUMNS), -1, dtype=np.int64)
    row[:, seq.R_START], row[:, seq.R_END] = outcome.start, outcome.end
    row[:, seq.R_SLOT] = outcome.slot
    row[:, seq.R_SETUP], row[:, seq.R_RUN] = outcome.setup, outcome.run
    begun = node[:, seq.N_KIND] == seq.BEGUN
    _net_of_the_past(compiled, row, begun)
    order = np.lexsort((np.arange(n), outcome.end, outcome.start))
    order = order[node[order, seq.N_KIND] != seq.OUT]
    first = np.full(len(problem.slot), -1, dtype=np.int64)
    last = first.copy()
    for op in order:
        slot = row[op, seq.R_SLOT]
        if slot < 0:
            continue
        before = last[slot]
        row[op, seq.R_BEFORE] = before
        if before < 0:
            first[slot] = op
        else:
            row[before, seq.R_AFTER] = op
        last[slot] = op
    plan = seq.Sequences(
        node=node,
        row=row,
        level=np.ascontiguousarray(outcome.level, dtype=np.int64).copy(),
        first=first,
        last=last,
        load=np.zeros(len(problem.slot), dtype=np.int64),
        job_end=np.zeros(len(problem.job), dtype=np.int64),
        extra=np.zeros(n, dtype=np.int64),
    )
    if not is_retimed:
        seq.count_work(problem, plan, order.astype(np.int64))
    elif wrong := seq.retime_all(problem, plan, order.astype(np.int64)):
        raise InfeasibleStart(
            f"operation {compiled.operation_ids[wrong - 1]!r} has an impossible place in the starting plan"
        )
    plan.job_end[:] = completions(compiled, plan)
    return plan


def _net_of_the_past(compiled: Compiled, row: Ints, begun: np.ndarray) -> None:
    """Count of what runs already only the work that is left."""
    reservation = compiled.problem.reservation
    for index in np.flatnonzero(begun):
        position = compiled.problem.op[index, at.OP_RESERVATION]
        row[index, seq.R_SETUP] = 0
        row[index, seq.R_RUN] = reservation[position, at.RES_WORK]


def completions(compiled: Compiled, plan: seq.Sequences) -> Ints:
    """Return each job's completion minute, int64 (jobs,); the horizon if an operation has no place."""
    problem = compiled.problem
    horizon = problem.constant[at.CONST_HORIZON]
    ends = np.where(plan.node[:, seq.N_KIND] == seq.OUT, horizon, plan.row[:, seq.R_END])
    completion = np.full(len(problem.job), problem.constant[at.CONST_NOW], dtype=np.int64)
    np.maximum.at(completion, problem.op[:, at.OP_JOB], ends)
    return completion


def outcome_of_kept(compiled: Compiled, start: Outcome, kept: Ints) -> Outcome:
    """Return the kept plan; what is committed or has no place is as in the starting plan."""
    role = compiled.problem.op[:, at.OP_ROLE]
    free = start.is_scheduled & (role != Role.COMMITTED)

    def merged(column: int, old: Ints) -> Ints:
        return np.where(free, kept[:, column], old)

    return Outcome(
        slot=merged(2, start.slot),
        start=merged(0, start.start),
        end=merged(1, start.end),
        setup=merged(4, start.setup),
        run=merged(3, start.run),
        level=merged(5, start.level),
        code=start.code,
        n_decisions=start.n_decisions,
        end_time=int(np.max(np.where(free, kept[:, 1], start.end), initial=0)),
    )


def weights_of(compiled: Compiled, objective: Objective) -> memory.Weights:
    """Return the objective and the active plan as the kernel reads them."""
    problem, instance = compiled.problem, compiled.instance
    n = len(problem.op)
    day = 1440.0
    rate = np.zeros((len(problem.job), 2))
    rate[:, 0] = (objective.tardiness * problem.job_weight + objective.days_late) / day
    rate[:, 1] = objective.late_job
    flat = np.zeros(memory.FLAT)
    flat[memory.W_BALANCE] = objective.balance / 3600.0 * _share_of_load(problem)
    flat[memory.W_SETUP] = objective.setup / 60.0
    flat[memory.W_EXTRA] = objective.overtime / 60.0
    flat[memory.W_MOVE] = objective.moves
    flat[memory.W_MAKESPAN] = objective.makespan / day
    old_machine = np.full(n, -1, dtype=np.int64)
    old_start = np.zeros(n, dtype=np.int64)
    index = instance.plant.machine_index
    for i, operation_id in enumerate(compiled.operation_ids):
        planned = instance.active_plan.get(operation_id)
        if planned is not None and problem.op[i, at.OP_ROLE] != Role.COMMITTED:
            old_machine[i] = index.get(planned.machine_id, -1)
            old_start[i] = planned.start
    until = working_days_end(instance, MOVED_WINDOW_WORKING_DAYS) if instance.active_plan else 0
    if objective.all_moves:
        until = _FOR_EVER
    now = int(problem.constant[at.CONST_NOW])
    job = problem.job[problem.op[:, at.OP_JOB]]
    first = np.maximum(np.maximum(job[:, at.JOB_RELEASE], job[:, at.JOB_ARRIVAL]), now)
    earliest = np.where(problem.op[:, at.OP_PRED] < 0, first, now)
    return memory.Weights(
        rate, flat, old_machine, old_start, earliest.astype(np.int64), np.array([until], dtype=np.int64)
    )


def _share_of_load(problem: Problem) -> float:
    """Return the price of uneven load in a large book as a share of that in an ordinary one.

    Squares grow faster than the book: unscaled they outweigh all tardiness at 2 000 operations.
    """
    minutes = float(problem.op_work[:, at.WORK_MEAN].sum()) / max(1, len(problem.slot))
    return min(1.0, ORDINARY_LOAD / max(1.0, minutes))


def cost_of(compiled: Compiled, plan: seq.Sequences, weights: memory.Weights) -> float:
    """Return the cost of a plan, worked out from nothing."""
    problem = compiled.problem
    late = np.maximum(0, plan.job_end - problem.job[:, at.JOB_DUE])
    cost = float((weights.rate[:, 0] * late + weights.rate[:, 1] * (late > 0)).sum())
    free = plan.node[:, seq.N_KIND] <= seq.PINNED
    flat = weights.flat
    cost += flat[memory.W_BALANCE] * float((plan.load.astype(np.float64) ** 2).sum())
    cost += flat[memory.W_SETUP] * float(plan.row[free, seq.R_SETUP].sum())
    cost += flat[memory.W_EXTRA] * float(plan.extra[free].sum())
    if flat[memory.W_MAKESPAN] and len(plan.job_end):
        cost += flat[memory.W_MAKESPAN] * float(plan.job_end.max())
    return cost + _moves_cost(compiled, plan, weights)


def _moves_cost(compiled: Compiled, plan: seq.Sequences, weights: memory.Weights) -> float:
    known = np.flatnonzero((weights.old_machine >= 0) & (plan.node[:, seq.N_KIND] <= seq.PINNED))
    if not len(known) or not weights.flat[memory.W_MOVE]:
        return 0.0
    start, old = plan.row[known, seq.R_START], weights.old_start[known]
    near = (start < weights.move_until[0]) | (old < weights.move_until[0])
    machine = compiled.problem.slot[plan.row[known, seq.R_SLOT], at.SLOT_MACHINE]
    gap = np.abs(start - old)
    price = np.minimum(1.0, gap / 14400.0) * 0.1 + 0.9 * (gap > 30)
    price = np.where(machine != weights.old_machine[known], 1.0, price)
    return float(weights.flat[memory.W_MOVE] * price[near].sum())


def book_of(compiled: Compiled, plan: seq.Sequences, weights: memory.Weights, worth: Ints) -> Book:
    """Return the proposals' knowledge of the jobs.

    Args:
        worth: int64 (jobs,), a job that completes after this minute is worth looking at.
    """
    n_jobs = len(worth)
    succ = plan.node[:, seq.N_SUCC]
    ends = np.flatnonzero((succ == -1) & (plan.node[:, seq.N_KIND] != seq.OUT))
    jobs = plan.node[ends, seq.N_JOB]
    order = np.argsort(jobs, kind="stable")
    offsets = np.zeros(n_jobs + 1, dtype=np.int64)
    np.add.at(offsets, jobs + 1, 1)
    late = np.zeros(n_jobs, dtype=np.int64)
    place = np.full(n_jobs, -1, dtype=np.int64)
    chosen = np.flatnonzero(plan.job_end > worth)
    late[: len(chosen)] = chosen
    place[chosen] = np.arange(len(chosen))
    return Book(
        late=late,
        place=place,
        n_late=np.array([len(chosen)], dtype=np.int64),
        terminal_off=np.cumsum(offsets),
        terminal=ends[order].astype(np.int64),
        movable=np.flatnonzero(plan.node[:, seq.N_KIND] == seq.FREE).astype(np.int64),
        tempting=weights.rate[:, 0].copy(),
    )


def search_of(plan: seq.Sequences, limit: Floats, seed: int) -> memory.Search:
    """Return the working memory of one chain."""
    n, n_jobs = len(plan.node), len(plan.job_end)
    return memory.Search(
        tally=np.zeros(memory.TALLY, dtype=np.int64),
        money=np.zeros(memory.MONEY),
        rng=np.array([(seed * 0x9E3779B97F4A7C15 + 0x1234567) % 2**64], dtype=np.uint64),
        heap=np.zeros(2 * n + 16, dtype=np.int64),
        stamp=np.zeros(n, dtype=np.int64),
        log=np.zeros((n + 4, 6), dtype=np.int64),
        job_log=np.zeros((n + n_jobs + 4, 2), dtype=np.int64),
        back=np.zeros((2 * memory.LONGEST, memory.BACK), dtype=np.int64),
        figures=np.zeros(FIGURES),
        kept=np.zeros((n, 6), dtype=np.int64),
        loose=np.zeros((n, 6), dtype=np.int64),
        limit=np.ascontiguousarray(limit, dtype=np.float64),
        slope=np.zeros(n),
        mark=np.full((len(plan.first), memory.MARKS), -1, dtype=np.int64),
        span=np.ones(2, dtype=np.int64),
        order=np.lexsort((np.arange(n), plan.row[:, seq.R_START])).astype(np.int64),
    )
