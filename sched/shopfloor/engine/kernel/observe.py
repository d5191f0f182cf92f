"""What a policy sees at a decision. Names and scales stand in `observation.py`.

Every waiting operation of the work centre is looked at, so a decision takes time in proportion to its queue.

Scratch arrays: `cand` int64 (10, 3), operation, eligible pair and row of `seen` of each preselected candidate
in index order; `seen` float64 (operations + 10, 6), the six queue quantities of the operations that may
start, then the best indices; all modified in place.
"""

from __future__ import annotations

import math

from shopfloor.engine.kernel.calendar import locate_from
from shopfloor.engine.kernel.jit import inlined
from shopfloor.engine.kernel.plant_state import plant_features
from shopfloor.engine.kernel.rules import log_index
from shopfloor.engine.kernel.scales import clip, squash
from shopfloor.engine.kernel.starts import is_free, nominal_end
from shopfloor.engine.kernel.timing import setup_minutes
from shopfloor.engine.layout import (
    CLOCK_HEAP,
    CLOCK_TIME,
    ELIG_RUN,
    ELIG_SLOT,
    JOB_DUE,
    MEAN_RUN,
    MEAN_SETUP,
    OP_ELIG_HI,
    OP_ELIG_LO,
    OP_FAMILY,
    OP_JOB,
    OP_WC,
    SLOT_MACHINE,
    SS_FAMILY,
    SS_FREE,
    ST_ARRIVAL,
    SW_COUNT,
    WC_QUEUE_LO,
    WC_SLOT_HI,
    WC_SLOT_LO,
    WORK_AFTER,
    WORK_MEAN,
    Bools,
    Floats,
    Ints,
    Problem,
    Singles,
    State,
    World,
)
from shopfloor.engine.observation import (
    CANDIDATES_AT,
    GLOBAL_AT,
    LOG_INDEX_SCALE,
    N_ACTIONS,
    N_CANDIDATE_FEATURES,
    N_CANDIDATES,
)

_QUEUE_AT = 8
_QUANTITIES = 6


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


@inlined
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
    n_usable = 0  # free slots that could take some waiting operation now; counting stops at 2
    usable = -1
    for i in range(q, q + n_waiting):
        op = state.queue[i]
        pair = -1
        earliest = 0
        for other in range(problem.op[op, OP_ELIG_LO], problem.op[op, OP_ELIG_HI]):
            slot = problem.elig[other, ELIG_SLOT]
            if not is_free(state, slot):
                continue
            end = nominal_end(problem, world, state, op, other, levels[op])
            if end < 0:
                continue
            if pair < 0 or end < earliest:
                pair = other
                earliest = end
            if n_usable == 0:
                n_usable = 1
                usable = slot
            elif slot != usable:
                n_usable = 2
        if pair < 0:
            continue
        slot = problem.elig[pair, ELIG_SLOT]
        run = problem.elig[pair, ELIG_RUN]
        machine = problem.slot[slot, SLOT_MACHINE]
        setup = setup_minutes(problem, machine, state.slot[slot, SS_FAMILY], problem.op[op, OP_FAMILY])
        index = log_index(problem, state, op, run, setup, rule, par, 0)
        job = problem.op[op, OP_JOB]
        slack = problem.job[job, JOB_DUE] - t - problem.stretch[0] * (run + problem.op_work[op, WORK_AFTER])
        seen[n, 0] = clip(math.log(run / scale), -3.0, 3.0)
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
        seen[i, 5] = clip(seen[i, 5] - best, -6.0, 0.0) / LOG_INDEX_SCALE
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
