"""Waiting operations in order of urgency, so that a rule need not look at all of them at every decision.

A group holds the operations of one family with the same eligible slots: on a given slot all of them meet the
same setup. Within a group the order by index does not change with time, once the operations are in two parts:

- late: the index is the late key, whatever the minute;
- early: the index is the early key + minute x drift of the work centre, never more than the late key.

Both keys are those of the slot that suits the operation best: on any other slot of a work centre with unlike
speeds every operation of the group loses at least the gap of that slot. Keys bound the index from above, so an
operation may stay in the early part after its slack is used up; whoever meets it there moves it. An operation
moves once, so a decision costs a few comparisons per group and not a scan of the queue.

Arrays: `Ranking` of `layout`, modified in place. A place counts from the least urgent, 0.
"""

from __future__ import annotations

import math

from shopfloor.engine.kernel.jit import entry, inlined
from shopfloor.engine.kernel.rules import (
    ATC,
    ATCS,
    EDD,
    FIFO,
    GREEDY_DISPATCH,
    SLACK,
    SPT,
    WSPT,
    log_index,
)
from shopfloor.engine.layout import (
    CLOCK_TIME,
    ELIG_RUN,
    GROUP_HI,
    GROUP_LO,
    GROUP_SLOT_LO,
    JOB_DUE,
    MEAN_RUN,
    OP_ELIG_HI,
    OP_ELIG_LO,
    OP_GROUP,
    OP_JOB,
    OP_WC,
    SW_COUNT,
    WC_QUEUE_LO,
    WORK_AFTER,
    Floats,
    Problem,
    Ranking,
    State,
)

LATE = 0
EARLY = 1

ROUNDING = 1e-7
"""How far early keys, and gaps that are not 0, may be off."""

NEVER = 1e300
"""Early key of an operation that is always in the late part; late key of one that is never there."""


@inlined
def has_order(rule: int) -> bool:
    """Tell whether the rule's order within a group holds over time; CR and RANDOM have none."""
    return rule in (ATCS, ATC, SLACK) or is_static(rule)


@inlined
def is_static(rule: int) -> bool:
    """Tell whether the rule's index never changes while an operation waits."""
    return rule in (FIFO, SPT, EDD, WSPT, GREEDY_DISPATCH)


@inlined
def drift(problem: Problem, w: int, rule: int, par: Floats) -> float:
    """Return by how much the index of an early operation grows in a minute."""
    minutes = problem.stretch[0] * problem.wc_mean[w, MEAN_RUN]
    if rule == SLACK:
        return 1.0 / minutes
    if rule in (ATC, ATCS):
        return 1.0 / (par[0] * minutes)
    return 0.0


@inlined
def _late_value(problem: Problem, state: State, op: int, run: int, rule: int, par: Floats) -> float:
    """Return the index of a late operation on a slot where it runs that long, but for setups."""
    if rule in (ATC, ATCS):
        return math.log(problem.job_weight[problem.op[op, OP_JOB]] / run)
    if is_static(rule):
        return log_index(problem, state, op, run, 0, rule, par, 0)
    return NEVER if rule == SLACK else 0.0


@inlined
def _early_value(problem: Problem, op: int, run: int, rule: int, par: Floats) -> float:
    """Return the index of an early operation at minute 0 on a slot where it runs that long, but for setups."""
    if rule not in (ATC, ATCS, SLACK):
        return NEVER
    job = problem.op[op, OP_JOB]
    left = run + par[2] * problem.op_work[op, WORK_AFTER]
    slack = problem.job[job, JOB_DUE] - problem.stretch[0] * left
    value = -slack * drift(problem, problem.op[op, OP_WC], rule, par)
    return value if rule == SLACK else value + math.log(problem.job_weight[job] / run)


@entry
def write_keys(problem: Problem, state: State, ranking: Ranking, rule: int, par: Floats) -> None:
    """Write both keys of every operation that can wait, and the gaps of every group's slots.

    FIFO's late keys are known at arrival only, but they are the same on all slots.
    """
    ranking.gap[:] = NEVER
    for op in range(problem.op.shape[0]):
        group = problem.op[op, OP_GROUP]
        if group < 0:
            continue
        lo = problem.op[op, OP_ELIG_LO]
        hi = problem.op[op, OP_ELIG_HI]
        late = -NEVER
        early = -NEVER
        for pair in range(lo, hi):
            run = problem.elig[pair, ELIG_RUN]
            late = max(late, _late_value(problem, state, op, run, rule, par))
            early = max(early, _early_value(problem, op, run, rule, par))
        ranking.key[op, LATE] = late
        ranking.key[op, EARLY] = early
        for pair in range(lo, hi):
            run = problem.elig[pair, ELIG_RUN]
            k = problem.group[group, GROUP_SLOT_LO] + pair - lo
            gap = late - _late_value(problem, state, op, run, rule, par)
            ranking.gap[k, LATE] = min(ranking.gap[k, LATE], gap if gap <= 0.0 else gap - ROUNDING)
            gap = early - _early_value(problem, op, run, rule, par)
            ranking.gap[k, EARLY] = min(ranking.gap[k, EARLY], gap)


@inlined
def _seat(problem: Problem, group: int, part: int, place: int) -> int:
    """Return where in `ranking.ops` a place of a part is."""
    if part == LATE:
        return problem.group[group, GROUP_LO] + place
    return problem.group[group, GROUP_HI] - 1 - place


@inlined
def at_place(problem: Problem, ranking: Ranking, group: int, part: int, place: int) -> int:
    """Return the operation at a place of a part."""
    return ranking.ops[_seat(problem, group, part, place)]


@inlined
def _place_of(problem: Problem, ranking: Ranking, group: int, part: int, op: int) -> int:
    """Return how many operations of a part are less urgent: smaller key, or the same and a later row."""
    key = ranking.key[op, part]
    lo = 0
    hi = ranking.size[group, part]
    while lo < hi:
        mid = (lo + hi) >> 1
        other = at_place(problem, ranking, group, part, mid)
        its = ranking.key[other, part]
        if its < key or (its == key and other > op):
            lo = mid + 1
        else:
            hi = mid
    return lo


@inlined
def insert(problem: Problem, ranking: Ranking, group: int, part: int, op: int) -> None:
    """Put an operation where it belongs in a part."""
    place = _place_of(problem, ranking, group, part, op)
    for k in range(ranking.size[group, part], place, -1):
        ranking.ops[_seat(problem, group, part, k)] = ranking.ops[_seat(problem, group, part, k - 1)]
    ranking.ops[_seat(problem, group, part, place)] = op
    ranking.size[group, part] += 1


@inlined
def remove_at(problem: Problem, ranking: Ranking, group: int, part: int, place: int) -> None:
    """Take the operation at a place out of a part."""
    ranking.size[group, part] -= 1
    for k in range(place, ranking.size[group, part]):
        ranking.ops[_seat(problem, group, part, k)] = ranking.ops[_seat(problem, group, part, k + 1)]


@inlined
def remove(problem: Problem, ranking: Ranking, op: int) -> None:
    """Take a waiting operation out of whichever part it is in."""
    group = problem.op[op, OP_GROUP]
    part = EARLY
    place = _place_of(problem, ranking, group, EARLY, op)
    is_there = place < ranking.size[group, EARLY]
    if not is_there or at_place(problem, ranking, group, EARLY, place) != op:
        part = LATE
        place = _place_of(problem, ranking, group, LATE, op)
    remove_at(problem, ranking, group, part, place)


@inlined
def is_late(problem: Problem, state: State, ranking: Ranking, op: int, rate: float) -> bool:
    """Tell whether an operation belongs into the late part by now."""
    return ranking.key[op, LATE] <= ranking.key[op, EARLY] + rate * state.clock[CLOCK_TIME]


@inlined
def gather(problem: Problem, state: State, ranking: Ranking, w: int, rule: int, par: Floats) -> None:
    """Move what has joined the queue of a work centre into its groups.

    A commitment whose predecessor ends before its own minute joins the queue too; it never waits to be chosen.
    """
    rate = drift(problem, w, rule, par)
    lo = problem.wc[w, WC_QUEUE_LO]
    for i in range(lo, lo + state.wc[w, SW_COUNT]):
        op = state.queue[i]
        if problem.op[op, OP_GROUP] < 0:
            continue
        if rule == FIFO:
            ranking.key[op, LATE] = log_index(problem, state, op, 1, 0, rule, par, 0)
        part = LATE if is_late(problem, state, ranking, op, rate) else EARLY
        insert(problem, ranking, problem.op[op, OP_GROUP], part, op)
    state.wc[w, SW_COUNT] = 0
