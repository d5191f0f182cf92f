"""What a policy sees at a decision, and what its actions do. Names and scales stand in `observation.py`.

Scratch arrays: `cand` int64 (10, 2), operation and eligible pair of each preselected candidate in index
order; `seen` float64 (operations, 6), the six queue quantities of the operations that may start; all
modified in place.
"""

from __future__ import annotations

import math

from shopfloor.engine.kernel.calendar import locate_from
from shopfloor.engine.kernel.events import assign, decline, is_free, nominal_end
from shopfloor.engine.kernel.jit import entry, inlined
from shopfloor.engine.kernel.rules import best_pair, log_index
from shopfloor.engine.kernel.timing import setup_minutes
from shopfloor.engine.layout import (
    CLOCK_DONE,
    CLOCK_HEAP,
    CLOCK_RUNNING,
    CLOCK_TIME,
    CLOCK_WAITING,
    CONST_HORIZON,
    CONST_NOW,
    ELIG_RUN,
    ELIG_SLOT,
    JOB_DUE,
    JOB_N_OPS,
    JOB_RELEASE,
    MEAN_RUN,
    MEAN_SETUP,
    OP_ELIG_HI,
    OP_ELIG_LO,
    OP_FAMILY,
    OP_JOB,
    OP_PRED,
    OP_WC,
    SLOT_MACHINE,
    SS_FAMILY,
    SS_FREE,
    ST_ARRIVAL,
    ST_END,
    ST_STATUS,
    SW_COUNT,
    WC_QUEUE_LO,
    WC_SLOT_HI,
    WC_SLOT_LO,
    WORK_AFTER,
    WORK_MEAN,
    Bools,
    Floats,
    Ints,
    OpStatus,
    Problem,
    Singles,
    State,
    World,
)
from shopfloor.engine.observation import (
    CANDIDATES_AT,
    GLOBAL_AT,
    LOG_INDEX_SCALE,
    MAX_WORK_CENTRES,
    N_ACTIONS,
    N_CANDIDATE_FEATURES,
    N_CANDIDATES,
)

_PENDING = int(OpStatus.PENDING)
_RUNNING = int(OpStatus.RUNNING)
_DONE = int(OpStatus.DONE)
_BLOCKED = int(OpStatus.BLOCKED)
_QUEUE_AT = 8
_QUANTITIES = 6
_PLANT_AT = MAX_WORK_CENTRES * 5


@inlined
def squash(x: float) -> float:
    """Return x / (1 + |x| / 3): linear near 0, bounded by 3."""
    return x / (1.0 + abs(x) / 3.0)


@inlined
def _clip(x: float, low: float, high: float) -> float:
    return min(max(x, low), high)


@inlined
def _station(problem: Problem, world: World, state: State, w: int, n_usable: int, obs: Singles) -> None:
    t = state.clock[CLOCK_TIME]
    scale = problem.wc_mean[w, MEAN_RUN]
    lo = problem.wc[w, WC_SLOT_LO]
    hi = problem.wc[w, WC_SLOT_HI]
    n = max(1, hi - lo)
    n_free = 0
    busy_left = 0.0
    least = 1e18
    open_left = 0.0
    for slot in range(lo, hi):
        left = state.slot[slot, SS_FREE] - t
        if left <= 0:
            n_free += 1
            if open_left == 0.0:
                c = world.cal_of[problem.slot[slot, SLOT_MACHINE], 0]
                k = problem.cal_off.shape[0] - 1 + c
                row = locate_from(world.cal_off, world.cal_end, c, t, state.hint[k])
                if row < world.cal_off[c + 1]:
                    open_left = float(max(0, world.cal_end[row] - max(t, world.cal_start[row])))
        else:
            busy_left += left
            least = min(least, float(left))
    n_busy = hi - lo - n_free
    calendar_scale = problem.stretch[0] * scale
    queued = 0.0
    q = problem.wc[w, WC_QUEUE_LO]
    for i in range(q, q + state.wc[w, SW_COUNT]):
        queued += problem.op_work[state.queue[i], WORK_MEAN]
    obs[0] = n_free / n
    obs[1] = n_busy / n
    obs[2] = max(0, n_free - n_usable) / n
    obs[3] = squash(busy_left / (n_busy * calendar_scale)) if n_busy > 0 else 0.0
    obs[4] = squash(least / calendar_scale) if n_busy > 0 else 0.0
    obs[5] = squash(open_left / scale)
    obs[6] = math.log1p(state.wc[w, SW_COUNT] / n)
    obs[7] = math.log1p(queued / (n * scale))


@inlined
def plant_features(problem: Problem, state: State, out: Singles, at: int) -> None:
    """Write the four plant-wide features at `out[at:at + 4]` (modified in place)."""
    n_slots = max(1, problem.slot.shape[0])
    congested = 0
    for w in range(problem.wc.shape[0]):
        if state.wc[w, SW_COUNT] > problem.wc[w, WC_SLOT_HI] - problem.wc[w, WC_SLOT_LO]:
            congested += 1
    out[at] = state.clock[CLOCK_DONE] / max(1, problem.op.shape[0])
    out[at + 1] = math.log1p(state.clock[CLOCK_WAITING] / n_slots)
    out[at + 2] = state.clock[CLOCK_RUNNING] / n_slots
    out[at + 3] = congested / max(1, problem.wc.shape[0])


@inlined
def _queue_statistics(seen: Floats, n: int, best: int, obs: Singles) -> None:
    for q in range(_QUANTITIES):
        total = 0.0
        low = seen[0, q]
        high = seen[0, q]
        for i in range(n):
            value = seen[i, q]
            total += value
            low = min(low, value)
            high = max(high, value)
        mean = total / n
        spread = 0.0
        for i in range(n):
            spread += (seen[i, q] - mean) ** 2
        at = _QUEUE_AT + 5 * q
        obs[at] = mean
        obs[at + 1] = math.sqrt(spread / n)
        obs[at + 2] = low
        obs[at + 3] = high
        obs[at + 4] = seen[best, q]


@inlined
def _next_queue(problem: Problem, state: State, op: int) -> float:
    k = problem.succ_off[op]
    if k == problem.succ_off[op + 1]:
        return 0.0
    w = problem.op[problem.succ[k], OP_WC]
    if w < 0:
        return 0.0
    n = max(1, problem.wc[w, WC_SLOT_HI] - problem.wc[w, WC_SLOT_LO])
    return math.log1p(state.wc[w, SW_COUNT] / n)


@entry
def _count_usable(problem: Problem, world: World, state: State, w: int, levels: Ints) -> int:
    """Return how many free slots could take some waiting operation now, counting no further than 2."""
    usable = 0
    q = problem.wc[w, WC_QUEUE_LO]
    for slot in range(problem.wc[w, WC_SLOT_LO], problem.wc[w, WC_SLOT_HI]):
        if not is_free(state, slot):
            continue
        found = False
        for i in range(q, q + state.wc[w, SW_COUNT]):
            op = state.queue[i]
            for pair in range(problem.op[op, OP_ELIG_LO], problem.op[op, OP_ELIG_HI]):
                if problem.elig[pair, ELIG_SLOT] == slot:
                    found = nominal_end(problem, world, state, op, pair, levels[op]) >= 0
                    break
            if found:
                break
        if found:
            usable += 1
            if usable == 2:
                break
    return usable


@entry
def observe(
    problem: Problem,
    world: World,
    state: State,
    levels: Ints,
    w: int,
    rule: int,
    par: Floats,
    obs: Singles,
    mask: Bools,
    cand: Ints,
    seen: Floats,
) -> int:
    """Write what work centre w sees and may do; return how many operations may start now.

    Args:
        rule, par: The rule that preselects and orders the candidates.
        obs: float32 (132,), modified in place.
        mask: bool (22,), modified in place: head 1 then head 2, entry 10 of each is idle.
    """
    t = state.clock[CLOCK_TIME]
    scale = problem.wc_mean[w, MEAN_RUN]
    calendar_scale = problem.stretch[0] * scale
    mean_weight = problem.stretch[1]
    q = problem.wc[w, WC_QUEUE_LO]
    n_waiting = state.wc[w, SW_COUNT]
    top = seen.shape[0] - N_CANDIDATES
    n_top = 0
    n = 0
    for i in range(q, q + n_waiting):
        op = state.queue[i]
        pair = best_pair(problem, world, state, op, levels[op])
        if pair < 0:
            continue
        slot = problem.elig[pair, ELIG_SLOT]
        run = problem.elig[pair, ELIG_RUN]
        machine = problem.slot[slot, SLOT_MACHINE]
        setup = setup_minutes(problem, machine, state.slot[slot, SS_FAMILY], problem.op[op, OP_FAMILY])
        index = log_index(problem, state, op, run, setup, rule, par, 0)
        job = problem.op[op, OP_JOB]
        slack = problem.job[job, JOB_DUE] - t - problem.stretch[0] * (run + problem.op_work[op, WORK_AFTER])
        seen[n, 0] = _clip(math.log(run / scale), -3.0, 3.0)
        seen[n, 1] = squash(slack / calendar_scale)
        seen[n, 2] = min(3.0, problem.job_weight[job] / mean_weight)
        seen[n, 3] = min(3.0, setup / problem.wc_mean[w, MEAN_SETUP])
        seen[n, 4] = squash((t - state.op[op, ST_ARRIVAL]) / calendar_scale)
        seen[n, 5] = index
        k = n_top
        while k > 0:
            above = seen[top + k - 1, 0]
            if above > index or (above == index and cand[k - 1, 0] < op):
                break
            if k < N_CANDIDATES:
                seen[top + k, 0] = above
                for column in range(3):
                    cand[k, column] = cand[k - 1, column]
            k -= 1
        if k < N_CANDIDATES:
            seen[top + k, 0] = index
            cand[k, 0] = op
            cand[k, 1] = pair
            cand[k, 2] = n
            n_top = min(N_CANDIDATES, n_top + 1)
        n += 1
    n_usable = _count_usable(problem, world, state, w, levels)
    obs[:] = 0.0
    mask[:] = False
    _station(problem, world, state, w, n_usable, obs)
    plant_features(problem, state, obs, GLOBAL_AT)
    mask[N_CANDIDATES] = state.clock[CLOCK_HEAP] > 0 or n == 0
    mask[N_ACTIONS + N_CANDIDATES] = True
    if n == 0:
        return 0
    best = seen[top, 0]
    for i in range(n):
        seen[i, 5] = _clip(seen[i, 5] - best, -6.0, 0.0) / LOG_INDEX_SCALE
    _queue_statistics(seen, n, cand[0, 2], obs)
    for k in range(n_top):
        op = cand[k, 0]
        family = problem.op[op, OP_FAMILY]
        same = 0
        for i in range(q, q + n_waiting):
            if problem.op[state.queue[i], OP_FAMILY] == family:
                same += 1
        row = cand[k, 2]
        at = CANDIDATES_AT + k * N_CANDIDATE_FEATURES
        obs[at] = seen[row, 5]
        obs[at + 1] = seen[row, 0]
        obs[at + 2] = seen[row, 3]
        obs[at + 3] = seen[row, 1]
        obs[at + 4] = seen[row, 2]
        obs[at + 5] = math.log1p(problem.op_work[op, WORK_AFTER] / scale)
        obs[at + 6] = _next_queue(problem, state, op)
        obs[at + 7] = seen[row, 4]
        obs[at + 8] = (same - 1) / n_waiting
        mask[k] = True
        if n_usable >= 2:
            mask[N_ACTIONS + k] = True
    return n


@entry
def forced_choice(problem: Problem, world: World, state: State, w: int, levels: Ints) -> tuple[int, int]:
    """Return the only operation that may start now with its pair, or (-1, -1) when there are several."""
    q = problem.wc[w, WC_QUEUE_LO]
    only = -1
    only_pair = -1
    for i in range(q, q + state.wc[w, SW_COUNT]):
        op = state.queue[i]
        pair = best_pair(problem, world, state, op, levels[op])
        if pair >= 0:
            if only >= 0:
                return -1, -1
            only = op
            only_pair = pair
    return only, only_pair


@entry
def _first_usable(problem: Problem, world: World, state: State, w: int, levels: Ints) -> int:
    """Return the first free slot that could take some waiting operation now, or -1."""
    q = problem.wc[w, WC_QUEUE_LO]
    for slot in range(problem.wc[w, WC_SLOT_LO], problem.wc[w, WC_SLOT_HI]):
        if not is_free(state, slot):
            continue
        for i in range(q, q + state.wc[w, SW_COUNT]):
            op = state.queue[i]
            for pair in range(problem.op[op, OP_ELIG_LO], problem.op[op, OP_ELIG_HI]):
                if problem.elig[pair, ELIG_SLOT] != slot:
                    continue
                if nominal_end(problem, world, state, op, pair, levels[op]) >= 0:
                    return slot
    return -1


@entry
def act(
    problem: Problem,
    world: World,
    state: State,
    levels: Ints,
    w: int,
    cand: Ints,
    mask: Bools,
    first: int,
    second: int,
) -> int:
    """Carry out both heads' actions; return how many were idle by choice or invalid.

    Head 1 serves the first usable slot, head 2 the second; a chosen operation goes to the free slot that
    finishes it first. An invalid choice of head 1 becomes the rule's best candidate, an invalid choice of
    head 2 does nothing.
    """
    fault = 0
    has_second = False
    for k in range(N_CANDIDATES):
        has_second = has_second or mask[N_ACTIONS + k]
    if first == N_CANDIDATES and mask[N_CANDIDATES]:
        fault += 1
        slot = _first_usable(problem, world, state, w, levels)
        if slot >= 0:
            decline(problem, state, slot)
    else:
        if first < 0 or first >= N_CANDIDATES or not mask[first]:
            fault += 1
            first = 0
        op = cand[first, 0]
        assign(problem, world, state, op, cand[first, 1], levels[op])
    if not has_second:
        return fault
    if second == N_CANDIDATES:
        fault += 1
        slot = _first_usable(problem, world, state, w, levels)
        if slot >= 0:
            decline(problem, state, slot)
        return fault
    pair = -1
    op = -1
    if 0 <= second < N_CANDIDATES and second != first and mask[N_ACTIONS + second]:
        op = cand[second, 0]
        pair = best_pair(problem, world, state, op, levels[op])
    if pair < 0:
        return fault + 1
    assign(problem, world, state, op, pair, levels[op])
    return fault


@entry
def job_estimates(problem: Problem, world: World, state: State, out: Floats) -> float:
    """Estimate each job's completion and return the weighted tardiness in days that follows.

    A job's estimate is the latest of its operations' ends: known where an operation is done or runs, else
    now plus the remaining run minutes in calendar time. When every operation is done the sum is the exact
    weighted tardiness.

    Args:
        out: float64 (jobs, 2), modified in place: estimated completion minute, unfinished operations.
    """
    t = state.clock[CLOCK_TIME]
    stretch = problem.stretch[0]
    out[:] = 0.0
    out[:, 0] = -1e18
    for op in range(problem.op.shape[0]):
        job = problem.op[op, OP_JOB]
        status = state.op[op, ST_STATUS]
        if status == _DONE:
            estimate = float(state.op[op, ST_END])
        elif status == _RUNNING:
            out[job, 1] += 1.0
            estimate = state.op[op, ST_END] + stretch * problem.op_work[op, WORK_AFTER]
        elif status == _BLOCKED:
            out[job, 1] += 1.0
            estimate = float(problem.constant[CONST_HORIZON])
        else:
            out[job, 1] += 1.0
            if status == _PENDING and problem.op[op, OP_PRED] >= 0:
                continue
            begin = max(t, problem.job[job, JOB_RELEASE], world.arrival[job])
            estimate = begin + stretch * (problem.op_work[op, WORK_MEAN] + problem.op_work[op, WORK_AFTER])
        out[job, 0] = max(out[job, 0], estimate)
    total = 0.0
    for job in range(problem.job.shape[0]):
        late = out[job, 0] - problem.job[job, JOB_DUE]
        if late > 0.0:
            total += problem.job_weight[job] * late
    return total / 1440.0


@entry
def plant_state(
    problem: Problem, world: World, state: State, estimates: Floats, potential: float, out: Singles
) -> None:
    """Write the critic's global state.

    Args:
        estimates: What `job_estimates` wrote at this minute.
        out: float32 (88,), modified in place.
    """
    t = state.clock[CLOCK_TIME]
    out[:] = 0.0
    stretch = problem.stretch[0]
    left = 0.0
    for w in range(min(MAX_WORK_CENTRES, problem.wc.shape[0])):
        lo = problem.wc[w, WC_SLOT_LO]
        hi = problem.wc[w, WC_SLOT_HI]
        n = max(1, hi - lo)
        scale = problem.wc_mean[w, MEAN_RUN]
        free = 0
        for slot in range(lo, hi):
            if state.slot[slot, SS_FREE] <= t:
                free += 1
        queued = 0.0
        least = 1e18
        q = problem.wc[w, WC_QUEUE_LO]
        for i in range(q, q + state.wc[w, SW_COUNT]):
            op = state.queue[i]
            work = problem.op_work[op, WORK_MEAN]
            queued += work
            due = problem.job[problem.op[op, OP_JOB], JOB_DUE]
            least = min(least, due - t - stretch * (work + problem.op_work[op, WORK_AFTER]))
        left += queued
        at = 5 * w
        out[at] = free / n
        out[at + 1] = (hi - lo - free) / n
        out[at + 2] = math.log1p(state.wc[w, SW_COUNT] / n)
        out[at + 3] = math.log1p(queued / (n * scale))
        out[at + 4] = squash(least / (stretch * scale)) if state.wc[w, SW_COUNT] > 0 else 3.0
    plant_features(problem, state, out, _PLANT_AT)
    n_open = 0
    n_late = 0
    for job in range(problem.job.shape[0]):
        if estimates[job, 1] > 0.0 and world.arrival[job] <= t:
            n_open += 1
            if estimates[job, 0] > problem.job[job, JOB_DUE]:
                n_late += 1
    out[_PLANT_AT + 4] = math.log1p(potential) / 3.0
    out[_PLANT_AT + 5] = squash((t - problem.constant[CONST_NOW]) / 10080.0)
    out[_PLANT_AT + 6] = n_late / max(1, n_open)
    out[_PLANT_AT + 7] = math.log1p(left / (60.0 * max(1, problem.slot.shape[0])))


@entry
def count_finished(problem: Problem, estimates: Floats, out: Floats, t: int) -> None:
    """Write finished jobs, their weighted tardiness in days, and the mean clipped slack of the others.

    Args:
        out: float64 (3,), modified in place; the slack is in -1..1, where 1 is three days or more.
    """
    out[:] = 0.0
    slack = 0.0
    n_open = 0
    for job in range(problem.job.shape[0]):
        if problem.job[job, JOB_N_OPS] == 0:
            continue
        margin = problem.job[job, JOB_DUE] - estimates[job, 0]
        if estimates[job, 1] == 0.0 and estimates[job, 0] <= t:
            out[0] += 1.0
            if margin < 0.0:
                out[1] -= problem.job_weight[job] * margin / 1440.0
        else:
            n_open += 1
            slack += _clip(margin / 4320.0, -1.0, 1.0)
    if n_open > 0:
        out[2] = slack / n_open


@entry
def state_cost(problem: Problem, state: State, completion: Floats) -> float:
    """Return the weighted tardiness in days of a finished episode; no place counts as the horizon.

    Args:
        completion: float64 (jobs, 2), scratch.
    """
    completion[:, 0] = -1e18
    for op in range(problem.op.shape[0]):
        job = problem.op[op, OP_JOB]
        end = state.op[op, ST_END] if state.op[op, ST_STATUS] == _DONE else problem.constant[CONST_HORIZON]
        completion[job, 0] = max(completion[job, 0], float(end))
    total = 0.0
    for job in range(problem.job.shape[0]):
        total += problem.job_weight[job] * max(0.0, completion[job, 0] - problem.job[job, JOB_DUE])
    return total / 1440.0
