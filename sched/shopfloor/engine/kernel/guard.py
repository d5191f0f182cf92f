"""The figures on which a plan must not be worse than the plant's greedy, worked out inside the search.

They are those of `domain.kpis`, in minutes; the domain has the last word on the plan that is returned.
"""

from __future__ import annotations

import math

from shopfloor.engine.kernel.jit import entry
from shopfloor.engine.kernel.sequences import (
    N_KIND,
    OUT,
    PINNED,
    R_END,
    R_SLOT,
    R_START,
    Sequences,
    open_between,
)
from shopfloor.engine.layout import CONST_NOW, JOB_DUE, SLOT_MACHINE, Floats, Ints, Problem

F_WEIGHTED = 0  # weight x minutes late
F_TARDINESS = 1  # minutes late, all jobs
F_LATE = 2  # late jobs
F_OVERTIME = 3  # minutes worked in overtime and night windows
F_SPREAD = 4  # standard deviation of the machines' utilisation
F_MOVED = 5  # operations moved against the active plan
FIGURES = 6

_TOLERANCE = 30


@entry
def figures(
    problem: Problem, plan: Sequences, old_machine: Ints, old_start: Ints, move_until: int, out: Floats
) -> None:
    """Work out the guarded figures of a plan.

    Args:
        old_machine, old_start: int64 (operations,), the active plan, -1 = none.
        out: float64 (FIGURES,), filled.
    """
    out[:] = 0.0
    now = problem.constant[CONST_NOW]
    for job in range(problem.job.shape[0]):
        late = plan.job_end[job] - problem.job[job, JOB_DUE]
        if late > 0:
            out[F_WEIGHTED] += late * problem.job_weight[job]
            out[F_TARDINESS] += late
            out[F_LATE] += 1.0
    makespan = now
    for op in range(problem.op.shape[0]):
        kind = plan.node[op, N_KIND]
        if kind == OUT:
            continue
        start = plan.row[op, R_START]
        slot = plan.row[op, R_SLOT]
        makespan = max(makespan, plan.row[op, R_END])
        if slot >= 0 and plan.level[op] > 0:
            machine = problem.slot[slot, SLOT_MACHINE]
            begin = max(now, start)
            end = max(begin, plan.row[op, R_END])
            out[F_OVERTIME] += open_between(problem, machine, plan.level[op], begin, end)
            out[F_OVERTIME] -= open_between(problem, machine, 0, begin, end)
        if kind <= PINNED and old_machine[op] >= 0 and (start < move_until or old_start[op] < move_until):
            is_moved = problem.slot[slot, SLOT_MACHINE] != old_machine[op]
            if is_moved or abs(start - old_start[op]) > _TOLERANCE:
                out[F_MOVED] += 1.0
    n = 0
    total = 0.0
    squares = 0.0
    slot = 0
    while slot < problem.slot.shape[0]:
        machine = problem.slot[slot, SLOT_MACHINE]
        opened = open_between(problem, machine, 0, now, makespan)
        busy = 0
        capacity = 0
        while slot < problem.slot.shape[0] and problem.slot[slot, SLOT_MACHINE] == machine:
            busy += plan.load[slot]
            capacity += 1
            slot += 1
        if opened > 0:
            share = busy / (capacity * opened)
            n += 1
            total += share
            squares += share * share
    if n > 0:
        mean = total / n
        out[F_SPREAD] = math.sqrt(max(0.0, squares / n - mean * mean))
