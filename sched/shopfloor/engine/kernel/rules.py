"""Dispatching rules: a log-index per waiting operation, the larger the more urgent, and one decision by it.

Every index is on a log-like scale (a difference of 1 is a factor of e for the multiplicative rules), so
that one temperature means the same for all of them and a policy can learn a residual. Minutes of work
become calendar minutes by `problem.stretch` wherever they meet a due date.

`par` float64 (3,): k1, k2, tail. A rule sees nominal minutes only.

References:
    Vepsalainen & Morton (1987) ATC; Lee, Bhaskaran & Pinedo (1997) ATCS; Pinedo, Scheduling, ch. 14.
"""

from __future__ import annotations

import math

from shopfloor.engine.kernel.jit import entry, inlined
from shopfloor.engine.kernel.starts import assign, best_pair
from shopfloor.engine.kernel.streams import gumbel, uniform
from shopfloor.engine.kernel.timing import setup_minutes
from shopfloor.engine.layout import (
    CLOCK_TIME,
    ELIG_RUN,
    ELIG_SLOT,
    JOB_DUE,
    JOB_RELEASE,
    MEAN_RUN,
    MEAN_SETUP,
    OP_FAMILY,
    OP_JOB,
    OP_SEQUENCE,
    OP_WC,
    SLOT_MACHINE,
    SS_FAMILY,
    ST_ARRIVAL,
    SW_COUNT,
    WC_QUEUE_LO,
    WORK_AFTER,
    Floats,
    Ints,
    Problem,
    State,
    World,
)

FIFO = 0
SPT = 1
EDD = 2
WSPT = 3
CR = 4
SLACK = 5
ATC = 6
ATCS = 7
GREEDY_DISPATCH = 8
RANDOM = 9


@inlined
def arrival_index(problem: Problem, state: State, op: int) -> float:
    """Return FIFO's index, which no slot changes."""
    scale = problem.wc_mean[problem.op[op, OP_WC], MEAN_RUN]
    return -float(state.op[op, ST_ARRIVAL]) / (problem.stretch[0] * scale)


@inlined
def log_index(
    problem: Problem, state: State, op: int, run: int, setup: int, rule: int, par: Floats, seed: int
) -> float:
    """Return the log-index of a waiting operation.

    Args:
        run: Nominal run minutes on the slot it would take.
        setup: Setup minutes there.
        rule: One of the codes above.
        seed: Only RANDOM reads it.
    """
    t = state.clock[CLOCK_TIME]
    stretch = problem.stretch[0]
    job = problem.op[op, OP_JOB]
    w = problem.op[op, OP_WC]
    scale = problem.wc_mean[w, MEAN_RUN]
    if rule == FIFO:
        return arrival_index(problem, state, op)
    if rule == SPT:
        return -math.log(float(run))
    if rule == EDD:
        return -float(problem.job[job, JOB_DUE]) / (stretch * scale)
    weight = problem.job_weight[job]
    if rule == WSPT:
        return math.log(weight / run)
    if rule == GREEDY_DISPATCH:
        return weight - 1e-9 * problem.job[job, JOB_RELEASE] - 1e-13 * problem.op[op, OP_SEQUENCE]
    if rule == RANDOM:
        return uniform(seed, op, t)
    left = run + par[2] * problem.op_work[op, WORK_AFTER]
    if rule == CR:
        return -(problem.job[job, JOB_DUE] - t) / (stretch * left)
    slack = problem.job[job, JOB_DUE] - t - stretch * left
    if rule == SLACK:
        return -slack / (stretch * scale)
    index = math.log(weight / run) - max(0.0, slack) / (par[0] * stretch * scale)
    if rule == ATCS:
        index -= setup / (par[1] * problem.wc_mean[w, MEAN_SETUP])
    return index


@inlined
def pair_index(
    problem: Problem, state: State, op: int, pair: int, rule: int, par: Floats, seed: int
) -> float:
    """Return the log-index of a waiting operation for the slot of an eligible pair."""
    slot = problem.elig[pair, ELIG_SLOT]
    setup = setup_minutes(
        problem, problem.slot[slot, SLOT_MACHINE], state.slot[slot, SS_FAMILY], problem.op[op, OP_FAMILY]
    )
    return log_index(problem, state, op, problem.elig[pair, ELIG_RUN], setup, rule, par, seed)


@entry
def rule_step(
    problem: Problem,
    world: World,
    state: State,
    levels: Ints,
    w: int,
    rule: int,
    par: Floats,
    temperature: float,
    seed: int,
) -> None:
    """Start the waiting operation of work centre w that the rule likes best (ties: lower operation)."""
    lo = problem.wc[w, WC_QUEUE_LO]
    chosen = -1
    chosen_pair = -1
    chosen_index = 0.0
    for i in range(lo, lo + state.wc[w, SW_COUNT]):
        op = state.queue[i]
        pair = best_pair(problem, world, state, op, levels[op])
        if pair < 0:
            continue
        index = pair_index(problem, state, op, pair, rule, par, seed)
        if temperature > 0.0:
            index += temperature * gumbel(seed, op, state.clock[CLOCK_TIME])
        if chosen < 0 or index > chosen_index or (index == chosen_index and op < chosen):
            chosen = op
            chosen_pair = pair
            chosen_index = index
    assign(problem, world, state, chosen, chosen_pair, levels[chosen])
