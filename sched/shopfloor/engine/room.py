"""Room that a better plan leaves: operations that found none before the horizon may find some now.

A starting plan may leave operations out for want of open time, and the search does not touch those. When it
has made the others shorter, a left-out operation that fits behind them must get its place: a code that is not
true any more is a defect of the plan.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from shopfloor.engine import layout as at
from shopfloor.engine.arrays import Compiled
from shopfloor.engine.dispatch import Outcome
from shopfloor.engine.kernel.timing import earliest, setup_between
from shopfloor.engine.layout import Code, Ints


def fill_room(compiled: Compiled, outcome: Outcome) -> Outcome:
    """Return the plan with every operation that fits behind the others after all."""
    if not (outcome.code == Code.NO_OPEN_TIME).any():
        return outcome
    filled = replace(
        outcome,
        slot=outcome.slot.copy(),
        start=outcome.start.copy(),
        end=outcome.end.copy(),
        setup=outcome.setup.copy(),
        run=outcome.run.copy(),
        level=outcome.level.copy(),
        code=outcome.code.copy(),
    )
    free, family = _ends_of_slots(compiled, filled)
    for op in range(compiled.n_operations):
        if filled.code[op] in (Code.NO_OPEN_TIME, Code.PREDECESSOR_UNASSIGNED):
            _append(compiled, filled, op, free, family)
    return filled


def _ends_of_slots(compiled: Compiled, outcome: Outcome) -> tuple[Ints, Ints]:
    """Return the last end and the last family of each slot."""
    problem = compiled.problem
    free = np.full(len(problem.slot), problem.constant[at.CONST_NOW], dtype=np.int64)
    family = problem.slot[:, at.SLOT_FAMILY].copy()
    for op in np.argsort(outcome.end, kind="stable"):
        slot = outcome.slot[op]
        if slot >= 0 and outcome.code[op] == 0:
            free[slot] = max(free[slot], outcome.end[op])
            family[slot] = problem.op[op, at.OP_FAMILY]
    return free, family


def _append(compiled: Compiled, outcome: Outcome, op: int, free: Ints, family: Ints) -> None:
    """Place one operation behind all others where it ends first, in regular time, if it fits anywhere."""
    problem = compiled.problem
    row = problem.op[op]
    pred = row[at.OP_PRED]
    if pred >= 0 and outcome.code[pred] != 0:
        outcome.code[op] = Code.PREDECESSOR_UNASSIGNED
        return
    job = problem.job[row[at.OP_JOB]]
    ready = max(job[at.JOB_RELEASE], job[at.JOB_ARRIVAL]) if pred < 0 else outcome.end[pred]
    best: tuple[int, int, int, int, int] | None = None
    for pair in range(row[at.OP_ELIG_LO], row[at.OP_ELIG_HI]):
        slot, run = (int(value) for value in problem.elig[pair])
        machine = int(problem.slot[slot, at.SLOT_MACHINE])
        setup = int(setup_between(problem, machine, int(family[slot]), int(row[at.OP_FAMILY])))
        begin = max(int(ready), int(free[slot]))
        start, end = earliest(problem, machine, 0, begin, setup + run, int(row[at.OP_INTERRUPTIBLE]))
        if end >= 0 and (best is None or (end, slot) < best[:2]):
            best = (int(end), slot, int(start), setup, run)
    if best is None:
        outcome.code[op] = Code.NO_OPEN_TIME
        return
    end, slot, start, setup, run = best
    outcome.code[op], outcome.slot[op], outcome.level[op] = 0, slot, 0
    outcome.start[op], outcome.end[op], outcome.setup[op], outcome.run[op] = start, end, setup, run
    free[slot], family[slot] = end, row[at.OP_FAMILY]
