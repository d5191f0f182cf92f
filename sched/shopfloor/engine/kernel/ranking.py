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
    arrival_index,
    log_index,
)
from shopfloor.engine.layout import (
    CLOCK_TIME,
    ELIG_RUN,
    ELIG_SLOT,
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
    RG_EARLY,
    RG_LATE,
    RG_PLACE,
    RG_SLOTS,
    SLOT_BIT,
    SW_COUNT,
    WC_GROUP_LO,
    WC_QUEUE_LO,
    WORK_AFTER,
    Floats,
    Problem,
    Ranking,
    State,
)

LATE = RG_LATE
EARLY = RG_EARLY

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
    return rule in (SPT, WSPT) or is_fixed(rule)


@inlined
def is_fixed(rule: int) -> bool:
    """Tell whether the rule's index is moreover the same on all slots: the late key itself."""
    return rule in (FIFO, EDD, GREEDY_DISPATCH)


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
    """Write both keys of every operation that can wait, and the gaps and bits of every group's slots.

    FIFO's late keys are known at arrival only, but they are the same on all slots.
    """
    ranking.gap[:] = NEVER
    ranking.group[:] = 0
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
            bit = problem.slot[problem.elig[pair, ELIG_SLOT], SLOT_BIT]
            ranking.group[group, RG_SLOTS] |= bit if bit != 0 else -1


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
def head(problem: Problem, ranking: Ranking, group: int) -> int:
    """Return the most urgent late operation of a group that has one."""
    return at_place(problem, ranking, group, LATE, ranking.group[group, LATE] - 1)


@inlined
def _place_of(problem: Problem, ranking: Ranking, group: int, part: int, op: int) -> int:
    """Return how many operations of a part are less urgent: smaller key, or the same and a later row."""
    key = ranking.key[op, part]
    lo = 0
    hi = ranking.group[group, part]
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
    for k in range(ranking.group[group, part], place, -1):
        ranking.ops[_seat(problem, group, part, k)] = ranking.ops[_seat(problem, group, part, k - 1)]
    ranking.ops[_seat(problem, group, part, place)] = op
    ranking.group[group, part] += 1


@inlined
def remove_at(problem: Problem, ranking: Ranking, group: int, part: int, place: int) -> None:
    """Take the operation at a place out of a part."""
    ranking.group[group, part] -= 1
    for k in range(place, ranking.group[group, part]):
        ranking.ops[_seat(problem, group, part, k)] = ranking.ops[_seat(problem, group, part, k + 1)]


@inlined
def empty(ranking: Ranking) -> None:
    """Let nobody wait."""
    ranking.n_line[:] = 0
    ranking.group[:, LATE] = 0
    ranking.group[:, EARLY] = 0


@inlined
def _join(problem: Problem, ranking: Ranking, w: int, group: int) -> None:
    """Put a group in which somebody waits from now on into its work centre's line."""
    place = problem.wc[w, WC_GROUP_LO] + ranking.n_line[w]
    ranking.line[place] = group
    ranking.group[group, RG_PLACE] = place
    ranking.n_line[w] += 1


@inlined
def _leave(problem: Problem, ranking: Ranking, w: int, group: int) -> None:
    """Take a group in which nobody waits any more out of the line; the last one there takes its place."""
    ranking.n_line[w] -= 1
    last = ranking.line[problem.wc[w, WC_GROUP_LO] + ranking.n_line[w]]
    place = ranking.group[group, RG_PLACE]
    ranking.line[place] = last
    ranking.group[last, RG_PLACE] = place


@inlined
def remove_chosen(problem: Problem, ranking: Ranking, w: int, rule: int) -> None:
    """Take the chosen operation out; it moved if others left its part since it was chosen."""
    op = ranking.chosen[0]
    part = ranking.chosen[2]
    place = ranking.chosen[3]
    group = problem.op[op, OP_GROUP]
    n = ranking.group[group, part]
    if place >= n or at_place(problem, ranking, group, part, place) != op:
        place = _place_of(problem, ranking, group, part, op)
    remove_at(problem, ranking, group, part, place)
    if ranking.group[group, LATE] + ranking.group[group, EARLY] == 0:
        _leave(problem, ranking, w, group)
    elif is_fixed(rule):
        ranking.bound[group] = ranking.key[head(problem, ranking, group), LATE]


@inlined
def is_late(problem: Problem, state: State, ranking: Ranking, op: int, rate: float) -> bool:
    """Tell whether an operation belongs into the late part by now."""
    return ranking.key[op, LATE] <= ranking.key[op, EARLY] + rate * state.clock[CLOCK_TIME]


@inlined
def gather(problem: Problem, state: State, ranking: Ranking, w: int, rule: int, rate: float) -> None:
    """Move what has joined the queue of a work centre into its groups.

    A commitment whose predecessor ends before its own minute joins the queue too; it never waits to be chosen.

    Args:
        rate: `drift` of the work centre.
    """
    lo = problem.wc[w, WC_QUEUE_LO]
    for i in range(lo, lo + state.wc[w, SW_COUNT]):
        op = state.queue[i]
        group = problem.op[op, OP_GROUP]
        if group < 0:
            continue
        if rule == FIFO:
            ranking.key[op, LATE] = arrival_index(problem, state, op)
        if ranking.group[group, LATE] + ranking.group[group, EARLY] == 0:
            _join(problem, ranking, w, group)
            ranking.bound[group] = -NEVER
        if is_fixed(rule):
            ranking.bound[group] = max(ranking.bound[group], ranking.key[op, LATE])
        part = LATE if is_late(problem, state, ranking, op, rate) else EARLY
        insert(problem, ranking, group, part, op)
    state.wc[w, SW_COUNT] = 0
