"""A complete plan as one sequence of operations per slot, and the exact times that follow from it.

Every operation starts as early as its slot predecessor, its route predecessor, its release and the open time of
its level allow. Committed operations and start pins are nodes whose start does not move; a sequence that would
push them is infeasible. Nothing is decided here: `anneal.py` changes sequences.

A node is one row of `node` (never modified) and one row of `row` (the plan): 64 bytes each, one cache line.
"""

from __future__ import annotations

from typing import NamedTuple

from shopfloor.engine.kernel.calendar import advance_from, contiguous_from, locate
from shopfloor.engine.kernel.jit import entry, inlined
from shopfloor.engine.kernel.timing import setup_minutes
from shopfloor.engine.layout import SLOT_FAMILY, SLOT_MACHINE, Floats, Ints, Problem

# --- Sequences.node ---
N_PRED = 0  # route predecessor, -1 = none or without a place
N_SUCC = 1  # its only route successor, -1 = none, -2 = several (see Problem.succ)
N_FAMILY = 2
N_JOB = 3
N_KIND = 4
N_EARLIEST = 5  # first minute that is not before now, release and pinned start
N_INTERRUPTIBLE = 6
N_PROMISED = 7  # setup minutes that a committed operation was planned with
NODE_COLUMNS = 8

# --- kinds of node ---
FREE = 0
PINNED = 1  # its start is given, its machine too
COMMITTED = 2  # a constant that has not begun
BEGUN = 3  # a constant that runs already
OUT = 4  # has no place in the plan

# --- Sequences.row ---
R_START = 0
R_END = 1
R_SLOT = 2
R_BEFORE = 3  # operation before it on its slot, -1 = first
R_AFTER = 4  # operation after it on its slot, -1 = last
R_RUN = 5
R_SETUP = 6
R_CAL = 7  # row of the calendar's stretch in which it starts: a hint
ROW_COLUMNS = 8


class Sequences(NamedTuple):
    """A plan that is being improved.

    Attributes:
        node: int64 (operations, NODE_COLUMNS), never modified.
        row: int64 (operations, ROW_COLUMNS).
        level: int64 (operations,), overtime level.
        first: int64 (slots,), first operation of each slot, -1 = none.
        last: int64 (slots,), last operation of each slot.
        load: int64 (slots,), work minutes of setups and runs.
        job_end: int64 (jobs,), completion; the horizon when an operation has no place.
        extra: int64 (operations,), overtime minutes, night minutes twice.
    """

    node: Ints
    row: Ints
    level: Ints
    first: Ints
    last: Ints
    load: Ints
    job_end: Ints
    extra: Ints


class Timing(NamedTuple):
    """When an operation would be done; `end` is -1 when it cannot be."""

    start: int
    end: int
    setup: int
    cal: int


@inlined
def locate_near(off: Ints, end: Ints, c: int, t: int, hint: int) -> int:
    """Return `locate(off, end, c, t)`, looking around a hint first."""
    lo = off[c]
    hi = off[c + 1]
    if hint < lo or hint >= hi:
        return locate(off, end, c, t)
    k = hint
    steps = 0
    if end[k] > t:
        while k > lo and end[k - 1] > t:
            k -= 1
            steps += 1
            if steps > 8:
                return locate(off, end, c, t)
        return k
    while k < hi and end[k] <= t:
        k += 1
        steps += 1
        if steps > 8:
            return locate(off, end, c, t)
    return k


@inlined
def timing(problem: Problem, plan: Sequences, op: int) -> Timing:
    """Return when a node is done where it stands; `end` -1 = its place is impossible."""
    node = plan.node
    row = plan.row
    kind = node[op, N_KIND]
    slot = row[op, R_SLOT]
    before = row[op, R_BEFORE]
    t = node[op, N_EARLIEST]
    pred = node[op, N_PRED]
    if pred >= 0 and row[pred, R_END] > t:
        t = row[pred, R_END]
    if kind == BEGUN or slot < 0:
        return Timing(row[op, R_START], row[op, R_END], row[op, R_SETUP], row[op, R_CAL])
    if before >= 0 and row[before, R_END] > t:
        t = row[before, R_END]
    machine = problem.slot[slot, SLOT_MACHINE]
    family = problem.slot[slot, SLOT_FAMILY] if before < 0 else node[before, N_FAMILY]
    setup = setup_minutes(problem, machine, family, node[op, N_FAMILY])
    if kind == COMMITTED:
        start = row[op, R_START]
        chosen = before >= 0 and node[before, N_KIND] <= PINNED
        if t > start or (chosen and setup > node[op, N_PROMISED]):
            return Timing(start, -1, 0, 0)
        return Timing(start, row[op, R_END], row[op, R_SETUP], row[op, R_CAL])
    work = setup + row[op, R_RUN]
    c = problem.cal_of[machine, plan.level[op]]
    k = locate_near(problem.cal_off, problem.cal_end, c, t, row[op, R_CAL])
    if k >= problem.cal_off[c + 1]:
        return Timing(t, -1, 0, 0)
    start = max(t, problem.cal_start[k])
    if node[op, N_INTERRUPTIBLE] == 1:
        end = advance_from(
            problem.cal_off, problem.cal_start, problem.cal_end, problem.cal_cum, c, k, start, work
        )
    else:
        start = contiguous_from(problem.cal_off, problem.cal_start, problem.cal_end, c, k, start, work)
        end = start + work if start >= 0 else -1
    if kind == PINNED and start != node[op, N_EARLIEST]:
        end = -1
    return Timing(start, end, setup, k)


@inlined
def open_between(problem: Problem, machine: int, level: int, begin: int, finish: int) -> int:
    """Return the open minutes of a level in [begin, finish)."""
    c = problem.cal_of[machine, level]
    total = 0
    for side in range(2):
        t = finish if side == 0 else begin
        k = locate(problem.cal_off, problem.cal_end, c, t)
        if k < problem.cal_off[c + 1]:
            minutes = problem.cal_cum[k] + max(0, t - problem.cal_start[k])
        elif k > problem.cal_off[c]:
            minutes = problem.cal_cum[k - 1] + problem.cal_end[k - 1] - problem.cal_start[k - 1]
        else:
            minutes = 0
        total += minutes if side == 0 else -minutes
    return total


@inlined
def extra_minutes(problem: Problem, slot: int, level: int, start: int, end: int) -> int:
    """Return the overtime minutes in [start, end) at a level, night minutes twice."""
    if level == 0 or slot < 0:
        return 0
    machine = problem.slot[slot, SLOT_MACHINE]
    regular = open_between(problem, machine, 0, start, end)
    evening = open_between(problem, machine, 1, start, end) - regular
    if level == 1:
        return evening
    return evening + 2 * (open_between(problem, machine, 2, start, end) - regular - evening)


@entry
def retime_all(problem: Problem, plan: Sequences, order: Ints) -> int:
    """Work out every time anew; return 0, or 1 + the operation whose place is impossible.

    Args:
        order: int64, the operations with a place, each after its predecessors on route and slot.
    """
    plan.load[:] = 0
    plan.extra[:] = 0
    for i in range(order.shape[0]):
        op = order[i]
        found = timing(problem, plan, op)
        if found.end < 0:
            return 1 + op
        plan.row[op, R_START] = found.start
        plan.row[op, R_END] = found.end
        plan.row[op, R_SETUP] = found.setup
        plan.row[op, R_CAL] = found.cal
        slot = plan.row[op, R_SLOT]
        if slot >= 0:
            plan.load[slot] += found.setup + plan.row[op, R_RUN]
            plan.extra[op] = extra_minutes(problem, slot, plan.level[op], found.start, found.end)
    return 0


@entry
def count_work(problem: Problem, plan: Sequences, order: Ints) -> None:
    """Fill load and overtime of a plan whose times are given; `order` as in `retime_all`."""
    plan.load[:] = 0
    plan.extra[:] = 0
    for i in range(order.shape[0]):
        op = order[i]
        slot = plan.row[op, R_SLOT]
        if slot >= 0:
            start, end = plan.row[op, R_START], plan.row[op, R_END]
            plan.load[slot] += plan.row[op, R_SETUP] + plan.row[op, R_RUN]
            plan.extra[op] = extra_minutes(problem, slot, plan.level[op], start, end)


@inlined
def job_cost(late: int, rates: Floats, job: int) -> float:
    """Return the cost of a job that is `late` minutes late (negative = early).

    Args:
        rates: float64 (jobs, 2), cost per minute late and cost of being late at all.
    """
    if late <= 0:
        return 0.0
    return rates[job, 0] * late + rates[job, 1]
