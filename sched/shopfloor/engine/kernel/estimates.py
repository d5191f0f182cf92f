"""Where an episode stands: estimated completions, what is done, and what it cost in the end.

Read by rewards and by the critic; no decision is made here.
"""

from __future__ import annotations

from shopfloor.engine.kernel.jit import entry
from shopfloor.engine.kernel.scales import clip
from shopfloor.engine.layout import (
    CLOCK_TIME,
    CONST_HORIZON,
    JOB_DUE,
    JOB_N_OPS,
    JOB_RELEASE,
    OP_JOB,
    OP_PRED,
    ST_END,
    ST_STATUS,
    WORK_AFTER,
    WORK_MEAN,
    Floats,
    OpStatus,
    Problem,
    State,
    World,
)

_PENDING = int(OpStatus.PENDING)
_RUNNING = int(OpStatus.RUNNING)
_DONE = int(OpStatus.DONE)
_BLOCKED = int(OpStatus.BLOCKED)


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
