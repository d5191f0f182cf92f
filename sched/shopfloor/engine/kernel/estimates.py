"""Where an episode stands: estimated completions, what is done, and what it cost in the end.

Read by rewards and by the critic; no decision is made here.
"""

from __future__ import annotations

from shopfloor.engine.kernel.heap import event_kind, event_payload, event_time
from shopfloor.engine.kernel.jit import entry, inlined
from shopfloor.engine.kernel.scales import clip
from shopfloor.engine.layout import (
    CLOCK_HEAP,
    CLOCK_TIME,
    CONST_HORIZON,
    JOB_DUE,
    JOB_FIRST_OP,
    JOB_N_OPS,
    JOB_RELEASE,
    OP_JOB,
    OP_PRED,
    OP_ROLE,
    RES_OP,
    ST_END,
    ST_STATUS,
    SW_COUNT,
    WC_QUEUE_LO,
    WORK_AFTER,
    WORK_MEAN,
    Event,
    Floats,
    OpStatus,
    Problem,
    Role,
    State,
    World,
)

_PENDING = int(OpStatus.PENDING)
_WAITING = int(OpStatus.WAITING)
_RUNNING = int(OpStatus.RUNNING)
_DONE = int(OpStatus.DONE)
_BLOCKED = int(OpStatus.BLOCKED)
_ROLE_BLOCKED = int(Role.BLOCKED)
_ROLE_PIN = int(Role.START_PIN)
_ROLE_COMMITTED = int(Role.COMMITTED)
_END = int(Event.END)
_RESERVATION = int(Event.RESERVATION)
_WAKE = int(Event.WAKE)
_NOTHING = -1e18

# --- estimates (float64), one row per job ---
EST_END = 0  # estimated completion minute
EST_OPEN = 1  # unfinished operations
EST_IS_SCANNED = 2  # 1: an update must read all its operations
EST_COLUMNS = 3


@inlined
def _from_now(problem: Problem, world: World, state: State, op: int) -> float:
    """Return when an operation that has not begun and everything after it would be done, begun at once."""
    job = problem.op[op, OP_JOB]
    begin = max(state.clock[CLOCK_TIME], problem.job[job, JOB_RELEASE], world.arrival[job])
    return begin + problem.stretch[0] * (problem.op_work[op, WORK_MEAN] + problem.op_work[op, WORK_AFTER])


@inlined
def _estimate(problem: Problem, world: World, state: State, op: int) -> float:
    """Return an operation's part in its job's estimate; `_NOTHING` while it waits for another one."""
    status = state.op[op, ST_STATUS]
    if status == _DONE:
        return float(state.op[op, ST_END])
    if status == _RUNNING:
        return state.op[op, ST_END] + problem.stretch[0] * problem.op_work[op, WORK_AFTER]
    if status == _BLOCKED:
        return float(problem.constant[CONST_HORIZON])
    if status == _PENDING and problem.op[op, OP_PRED] >= 0:
        return _NOTHING
    return _from_now(problem, world, state, op)


@inlined
def _weighted_tardiness(problem: Problem, estimates: Floats) -> float:
    total = 0.0
    for job in range(problem.job.shape[0]):
        late = estimates[job, EST_END] - problem.job[job, JOB_DUE]
        if late > 0.0:
            total += problem.job_weight[job] * late
    return total / 1440.0


@entry
def job_estimates(problem: Problem, world: World, state: State, out: Floats) -> float:
    """Estimate each job's completion and return the weighted tardiness in days that follows.

    A job's estimate is the latest of its operations' ends: known where an operation is done or runs, else
    now plus the remaining run minutes in calendar time. When every operation is done the sum is the exact
    weighted tardiness.

    Args:
        out: float64 (jobs, 2 or more), modified in place: estimated completion minute, unfinished operations.
    """
    out[:, EST_END] = _NOTHING
    out[:, EST_OPEN] = 0.0
    for op in range(problem.op.shape[0]):
        job = problem.op[op, OP_JOB]
        if state.op[op, ST_STATUS] != _DONE:
            out[job, EST_OPEN] += 1.0
        out[job, EST_END] = max(out[job, EST_END], _estimate(problem, world, state, op))
    return _weighted_tardiness(problem, out)


@inlined
def mark_scanned(problem: Problem, out: Floats) -> None:
    """Write which jobs `update_estimates` must read in full: those with an operation that never runs, or may
    be given up.

    Args:
        out: float64 (jobs, EST_COLUMNS), modified in place.
    """
    out[:, EST_IS_SCANNED] = 0.0
    for op in range(problem.op.shape[0]):
        role = problem.op[op, OP_ROLE]
        if role in (_ROLE_BLOCKED, _ROLE_PIN):
            out[problem.op[op, OP_JOB], EST_IS_SCANNED] = 1.0


@inlined
def _raise(problem: Problem, out: Floats, op: int, estimate: float) -> None:
    job = problem.op[op, OP_JOB]
    out[job, EST_END] = max(out[job, EST_END], estimate)


@inlined
def _scan_job(problem: Problem, world: World, state: State, job: int, out: Floats) -> None:
    """Estimate one job from all its operations."""
    out[job, EST_END] = _NOTHING
    out[job, EST_OPEN] = 0.0
    left = problem.job[job, JOB_N_OPS]
    op = problem.job[job, JOB_FIRST_OP]
    while left > 0:
        if problem.op[op, OP_JOB] == job:
            left -= 1
            if state.op[op, ST_STATUS] != _DONE:
                out[job, EST_OPEN] += 1.0
            out[job, EST_END] = max(out[job, EST_END], _estimate(problem, world, state, op))
        op += 1


@inlined
def update_estimates(problem: Problem, world: World, state: State, out: Floats) -> float:
    """Bring estimates up to now and return what `job_estimates` would, bit for bit.

    Reads the operations that wait or have an event ahead instead of all: an operation that is done ended
    before now, so it matters only to a job of which nothing waits or runs, and such a job is read in full
    once. Takes time in proportion to jobs, waiting operations and pending events.

    Args:
        out: float64 (jobs, EST_COLUMNS), modified in place. On entry what this or `job_estimates` wrote
            earlier in the episode; on return the unfinished operations are exact only where they are 0.
    """
    for job in range(problem.job.shape[0]):
        if out[job, EST_OPEN] > 0.0:
            out[job, EST_END] = _NOTHING
    for w in range(problem.wc.shape[0]):
        q = problem.wc[w, WC_QUEUE_LO]
        for i in range(q, q + state.wc[w, SW_COUNT]):
            op = state.queue[i]
            # A commitment that stood here may have begun. Only its state is read: the rows of all states are
            # too many for the cache.
            if problem.op[op, OP_ROLE] != _ROLE_COMMITTED or state.op[op, ST_STATUS] == _WAITING:
                _raise(problem, out, op, _from_now(problem, world, state, op))
    for i in range(state.clock[CLOCK_HEAP]):
        kind = event_kind(state.heap[i])
        if kind == _WAKE:
            continue
        op = event_payload(state.heap[i])
        if kind == _RESERVATION:
            op = problem.reservation[op, RES_OP]
        if kind == _END and problem.op[op, OP_ROLE] != _ROLE_COMMITTED:
            end = event_time(state.heap[i])
            _raise(problem, out, op, end + problem.stretch[0] * problem.op_work[op, WORK_AFTER])
        else:
            _raise(problem, out, op, _estimate(problem, world, state, op))
    for job in range(problem.job.shape[0]):
        if out[job, EST_OPEN] > 0.0 and (out[job, EST_END] == _NOTHING or out[job, EST_IS_SCANNED] == 1.0):
            _scan_job(problem, world, state, job, out)
    return _weighted_tardiness(problem, out)


@inlined
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
            slack += clip(margin / 4320.0, -1.0, 1.0)
    if n_open > 0:
        out[2] = slack / n_open


@entry
def state_cost(problem: Problem, state: State, completion: Floats) -> float:
    """Return the weighted tardiness in days of a finished episode; no place counts as the horizon.

    Args:
        completion: float64 (jobs, 1 or more), scratch.
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
