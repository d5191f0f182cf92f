"""How long: the setup between two families, and the first stretch of open time that an operation fits in.

Reads the nominal calendars only and no state, so it serves the event loop, the list builder and a search
alike.
"""

from __future__ import annotations

from shopfloor.engine.kernel.calendar import advance_from, contiguous_from, locate
from shopfloor.engine.kernel.jit import entry, inlined
from shopfloor.engine.layout import (
    CONST_FAMILIES,
    MACHINE_DIFFERENT,
    MACHINE_SAME,
    MACHINE_WC,
    Problem,
)


@inlined
def setup_minutes(problem: Problem, machine: int, before: int, after: int) -> int:
    """Return the setup minutes on a machine when family `after` follows `before` (-1 = unknown)."""
    if problem.setup.shape[0] > 0:
        n = problem.constant[CONST_FAMILIES]
        centre = problem.machine[machine, MACHINE_WC]
        rule = problem.setup[(centre * (n + 1) + before + 1) * n + after]
        if rule >= 0:
            return rule
    if before == after:
        return problem.machine[machine, MACHINE_SAME]
    return problem.machine[machine, MACHINE_DIFFERENT]


@entry
def setup_between(problem: Problem, machine: int, before: int, after: int) -> int:
    """Return `setup_minutes` to a caller in Python."""
    return setup_minutes(problem, machine, before, after)


@entry
def earliest(
    problem: Problem, machine: int, level: int, t: int, work: int, interruptible: int
) -> tuple[int, int]:
    """Return the first (start, end) of `work` minutes at or after t; (-1, -1) beyond the horizon."""
    c = problem.cal_of[machine, level]
    row = locate(problem.cal_off, problem.cal_end, c, t)
    if row >= problem.cal_off[c + 1]:
        return -1, -1
    if interruptible == 1:
        start = max(t, problem.cal_start[row])
        end = advance_from(
            problem.cal_off, problem.cal_start, problem.cal_end, problem.cal_cum, c, row, t, work
        )
        if end < 0:
            return -1, -1
        return start, end
    start = contiguous_from(problem.cal_off, problem.cal_start, problem.cal_end, c, row, t, work)
    if start < 0:
        return -1, -1
    return start, start + work
