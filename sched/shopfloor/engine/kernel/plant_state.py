"""What the critic sees of the whole plant. Names and scales stand in `observation.py`."""

from __future__ import annotations

import math

from shopfloor.engine.kernel.jit import inlined
from shopfloor.engine.kernel.scales import squash
from shopfloor.engine.layout import (
    CLOCK_DONE,
    CLOCK_RUNNING,
    CLOCK_TIME,
    CLOCK_WAITING,
    CONST_NOW,
    JOB_DUE,
    MEAN_RUN,
    OP_JOB,
    SS_FREE,
    SW_COUNT,
    WC_QUEUE_LO,
    WC_SLOT_HI,
    WC_SLOT_LO,
    WORK_AFTER,
    WORK_MEAN,
    Floats,
    Problem,
    Singles,
    State,
    World,
)
from shopfloor.engine.observation import MAX_WORK_CENTRES

_PLANT_AT = MAX_WORK_CENTRES * 5


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
def plant_state(
    problem: Problem,
    world: World,
    state: State,
    estimates: Floats,
    potential: float,
    known: Floats,
    out: Singles,
) -> None:
    """Write the critic's global state; what depends on a queue or the free slots only where they changed.

    Args:
        estimates: The jobs' estimates at this minute.
        known: float64 (16, 3), modified in place: queue length, queued work and free slots of each work centre
            that `out` shows; -1 = none.
        out: float32 (88,), modified in place; zeros when an episode begins.
    """
    t = state.clock[CLOCK_TIME]
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
        if known[w, 2] != free:
            known[w, 2] = free
            out[at] = free / n
            out[at + 1] = (hi - lo - free) / n
        count = state.wc[w, SW_COUNT]
        if known[w, 0] != count or known[w, 1] != queued:
            known[w, 0] = count
            known[w, 1] = queued
            out[at + 2] = math.log1p(count / n)
            out[at + 3] = math.log1p(queued / (n * scale))
        out[at + 4] = squash(least / (stretch * scale)) if count > 0 else 3.0
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
