"""What really happens: realised durations, breakdowns taken out of open time, late arrivals.

Every draw is keyed by (seed, which stream, which machine or operation, which event), so no decision moves
it and two policies meet the same week. Breakdowns follow calendar time: up exponential(mtbf), down
exponential(mttr), from now on.
"""

from __future__ import annotations

import math

import numpy as np

from shopfloor.engine.kernel.calendar import advance_from, locate
from shopfloor.engine.kernel.jit import allocating, entry, inlined
from shopfloor.engine.kernel.streams import uniform
from shopfloor.engine.layout import (
    CONST_HORIZON,
    CONST_NOW,
    ELIG_RUN,
    JOB_ARRIVAL,
    JOB_RELEASE,
    OP_ELIG_HI,
    OP_ELIG_LO,
    OP_JOB,
    OP_ROLE,
    RES_END,
    RES_IS_PIN,
    RES_LEVEL,
    RES_OP,
    RES_SLOT,
    RES_START,
    RES_WORK,
    SLOT_MACHINE,
    Floats,
    Ints,
    Problem,
    Role,
    World,
)

_DURATION = 1 << 40
_UP = 2 << 40
_DOWN = 3 << 40
_RUSH = 4 << 40
_RUSH_MINUTE = 5 << 40
_ROLE_COMMITTED = int(Role.COMMITTED)


@inlined
def _normal(seed: int, stream: int, index: int) -> float:
    u = uniform(seed, stream + index, 0)
    v = uniform(seed, stream + index, 1)
    return math.sqrt(-2.0 * math.log(u)) * math.cos(2.0 * math.pi * v)


@inlined
def _exponential_minutes(seed: int, stream: int, event: int, mean_h: float) -> int:
    return max(1, int(-math.log(uniform(seed, stream, event)) * mean_h * 60.0 + 0.5))


@allocating
def breakdowns(seed: int, machine: int, mtbf_h: float, mttr_h: float, begin: int, until: int) -> Ints:
    """Return the breakdowns of a machine, int64 (breakdowns, 2): `[start, end)`, sorted, disjoint."""
    count = 0
    if mtbf_h > 0.0:
        t = begin + _exponential_minutes(seed, _UP + machine, 0, mtbf_h)
        while t < until:
            t += _exponential_minutes(seed, _DOWN + machine, count, mttr_h)
            count += 1
            t += _exponential_minutes(seed, _UP + machine, count, mtbf_h)
    downs = np.empty((count, 2), dtype=np.int64)
    t = begin
    for k in range(count):
        t += _exponential_minutes(seed, _UP + machine, k, mtbf_h)
        downs[k, 0] = t
        t += _exponential_minutes(seed, _DOWN + machine, k, mttr_h)
        downs[k, 1] = t
    return downs


@entry
def open_between(starts: Ints, ends: Ints, downs: Ints, out_start: Ints, out_end: Ints) -> int:
    """Write the stretches less the breakdowns into two arrays (modified in place); return their number."""
    n = 0
    k = 0
    for i in range(starts.shape[0]):
        begin = starts[i]
        while k < downs.shape[0] and downs[k, 1] <= begin:
            k += 1
        j = k
        while j < downs.shape[0] and downs[j, 0] < ends[i]:
            if downs[j, 0] > begin:
                out_start[n] = begin
                out_end[n] = downs[j, 0]
                n += 1
            begin = max(begin, downs[j, 1])
            j += 1
        if begin < ends[i]:
            out_start[n] = begin
            out_end[n] = ends[i]
            n += 1
    return n


@allocating
def realise_world(
    problem: Problem, seed: int, mtbf_h: Floats, mttr_h: Floats, knobs: Floats, max_level: int
) -> World:
    """Return one realisation.

    Args:
        mtbf_h: Mean hours up, float64 (machines,), 0 = never breaks down.
        mttr_h: Mean hours down, float64 (machines,).
        knobs: duration sigma, share of rush jobs, span of their arrival in minutes, minutes with breakdowns.
        max_level: Calendars above this level stay nominal.
    """
    now = problem.constant[CONST_NOW]
    until = min(problem.constant[CONST_HORIZON], now + int(knobs[3]))
    n_machines = problem.machine.shape[0]
    n_old = problem.cal_off.shape[0] - 1
    rows = problem.cal_start.shape[0]
    n_new = n_old
    for m in range(n_machines):
        n_downs = breakdowns(seed, m, mtbf_h[m], mttr_h[m], now, until).shape[0]
        if n_downs > 0:
            for level in range(max_level + 1):
                c = problem.cal_of[m, level]
                rows += problem.cal_off[c + 1] - problem.cal_off[c] + n_downs
                n_new += 1
    cal_of = problem.cal_of.copy()
    cal_off = np.zeros(n_new + 1, dtype=np.int64)
    cal_start = np.empty(rows, dtype=np.int64)
    cal_end = np.empty(rows, dtype=np.int64)
    cal_cum = np.empty(rows, dtype=np.int64)
    at = problem.cal_start.shape[0]
    cal_off[: n_old + 1] = problem.cal_off
    cal_start[:at] = problem.cal_start
    cal_end[:at] = problem.cal_end
    cal_cum[:at] = problem.cal_cum
    made = n_old
    for m in range(n_machines):
        downs = breakdowns(seed, m, mtbf_h[m], mttr_h[m], now, until)
        if downs.shape[0] == 0:
            continue
        for level in range(max_level + 1):
            c = problem.cal_of[m, level]
            lo = problem.cal_off[c]
            hi = problem.cal_off[c + 1]
            n = open_between(
                problem.cal_start[lo:hi], problem.cal_end[lo:hi], downs, cal_start[at:], cal_end[at:]
            )
            cum = 0
            for i in range(at, at + n):
                cal_cum[i] = cum
                cum += cal_end[i] - cal_start[i]
            at += n
            cal_of[m, level] = made
            made += 1
            cal_off[made] = at
    run = np.empty(problem.elig.shape[0], dtype=np.int64)
    factor = np.ones(problem.op.shape[0])
    is_started = np.zeros(problem.job.shape[0], dtype=np.int64)
    for op in range(problem.op.shape[0]):
        if problem.op[op, OP_ROLE] == _ROLE_COMMITTED:
            is_started[problem.op[op, OP_JOB]] = 1
        if knobs[0] > 0.0:
            factor[op] = math.exp(knobs[0] * _normal(seed, _DURATION, op) - 0.5 * knobs[0] * knobs[0])
        for pair in range(problem.op[op, OP_ELIG_LO], problem.op[op, OP_ELIG_HI]):
            run[pair] = max(1, int(problem.elig[pair, ELIG_RUN] * factor[op] + 0.5))
    arrival = problem.job[:, JOB_ARRIVAL].copy()
    for job in range(problem.job.shape[0]):
        if is_started[job] == 0 and uniform(seed, _RUSH + job, 0) < knobs[1]:
            late = now + int(uniform(seed, _RUSH_MINUTE + job, 0) * knobs[2])
            arrival[job] = max(arrival[job], late, problem.job[job, JOB_RELEASE])
    res_end = problem.reservation[:, RES_END].copy()
    res_work = problem.reservation[:, RES_WORK].copy()
    for r in range(problem.reservation.shape[0]):
        slot = problem.reservation[r, RES_SLOT]
        if problem.reservation[r, RES_IS_PIN] == 1 or slot < 0 or problem.reservation[r, RES_END] <= now:
            continue
        res_work[r] = max(1, int(res_work[r] * factor[problem.reservation[r, RES_OP]] + 0.5))
        c = cal_of[problem.slot[slot, SLOT_MACHINE], problem.reservation[r, RES_LEVEL]]
        begin = max(now, problem.reservation[r, RES_START])
        row = locate(cal_off, cal_end, c, begin)
        end = advance_from(cal_off, cal_start, cal_end, cal_cum, c, row, begin, res_work[r])
        res_end[r] = end if end >= 0 else problem.constant[CONST_HORIZON] + res_work[r]
    return World(
        run,
        arrival,
        res_end,
        res_work,
        cal_of,
        cal_off,
        cal_start[:at],
        cal_end[:at],
        cal_cum[:at],
    )
