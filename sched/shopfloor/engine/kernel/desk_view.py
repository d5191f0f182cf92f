"""What a single dispatcher sees: the window of jobs, and the numbers of machines, jobs and plant.

In the order and on the scales of `dispatcher_observation.py`; nothing is decided here.
"""

from __future__ import annotations

import math

from shopfloor.engine.dispatcher_observation import INDEX_CLIP, N_JOB, N_MACHINE
from shopfloor.engine.kernel.desk import (
    KNOB_TZ,
    RANK_NONE,
    RANK_PENDING,
    RANK_RUNNING,
    RANK_WAITING,
    ROW_JOB,
    ROW_OP,
    ROW_PAIR,
    SEEN_OP,
    SEEN_PAIR,
    SEEN_RANK,
    TOLD_POTENTIAL,
    Desk,
)
from shopfloor.engine.kernel.estimates import EST_END, EST_OPEN
from shopfloor.engine.kernel.jit import inlined, outlined
from shopfloor.engine.kernel.scales import clip, squash
from shopfloor.engine.kernel.sequences import open_between
from shopfloor.engine.kernel.timing import setup_minutes
from shopfloor.engine.layout import (
    CLOCK_DONE,
    CLOCK_RUNNING,
    CLOCK_TIME,
    CLOCK_WAITING,
    CONST_NOW,
    ELIG_RUN,
    ELIG_SLOT,
    JOB_DUE,
    MACHINE_WC,
    MEAN_RUN,
    MEAN_SETUP,
    OP_FAMILY,
    OP_JOB,
    OP_WC,
    SLOT_MACHINE,
    SS_BUSY,
    SS_FAMILY,
    SS_FREE,
    ST_STATUS,
    SW_COUNT,
    WC_QUEUE_LO,
    WC_SLOT_HI,
    WC_SLOT_LO,
    WORK_AFTER,
    WORK_MEAN,
    OpStatus,
)

_WAITING = int(OpStatus.WAITING)
_RUNNING = int(OpStatus.RUNNING)
_DONE = int(OpStatus.DONE)
_BLOCKED = int(OpStatus.BLOCKED)


@inlined
def find_others(desk: Desk) -> None:
    """Let an operation stand for each open job that may not start now: one that waits, runs, or comes first."""
    problem = desk.problem
    state = desk.state
    t = state.clock[CLOCK_TIME]
    for op in range(problem.op.shape[0]):
        job = problem.op[op, OP_JOB]
        status = state.op[op, ST_STATUS]
        if status in (_DONE, _BLOCKED) or desk.world.arrival[job] > t:
            continue
        rank = RANK_PENDING
        if status == _WAITING:
            rank = RANK_WAITING
        elif status == _RUNNING:
            rank = RANK_RUNNING
        if rank < desk.seen[job, SEEN_RANK]:
            desk.seen[job, SEEN_OP] = op
            desk.seen[job, SEEN_RANK] = rank


@inlined
def fill_window(desk: Desk) -> int:
    """Sort the open jobs into the window: those that may start first, each kind by slack; return how many."""
    problem = desk.problem
    window = desk.row.shape[0]
    n = 0
    for job in range(problem.job.shape[0]):
        rank = desk.seen[job, SEEN_RANK]
        if rank == RANK_NONE:
            continue
        key = 1e9 * rank + problem.job[job, JOB_DUE] - desk.estimates[job, EST_END]
        if n == window and key >= desk.key[n - 1]:
            continue
        place = n if n < window else window - 1
        while place > 0 and desk.key[place - 1] > key:
            if place < window:
                desk.key[place] = desk.key[place - 1]
                desk.row[place, ROW_JOB] = desk.row[place - 1, ROW_JOB]
            place -= 1
        desk.key[place] = key
        desk.row[place, ROW_JOB] = job
        n = min(window, n + 1)
    for place in range(window):
        if place < n:
            job = desk.row[place, ROW_JOB]
            desk.row[place, ROW_OP] = desk.seen[job, SEEN_OP]
            desk.row[place, ROW_PAIR] = desk.seen[job, SEEN_PAIR]
        else:
            desk.row[place, ROW_JOB] = -1
            desk.row[place, ROW_OP] = -1
            desk.row[place, ROW_PAIR] = -1
        desk.mask[place] = desk.row[place, ROW_PAIR] >= 0
    return n


@outlined
def show_machines(desk: Desk) -> None:
    problem = desk.problem
    state = desk.state
    t = state.clock[CLOCK_TIME]
    now = problem.constant[CONST_NOW]
    slot = 0
    while slot < problem.slot.shape[0]:
        machine = problem.slot[slot, SLOT_MACHINE]
        w = problem.machine[machine, MACHINE_WC]
        busy = 0
        free = -1
        capacity = 0
        while slot < problem.slot.shape[0] and problem.slot[slot, SLOT_MACHINE] == machine:
            busy += state.slot[slot, SS_BUSY]
            if free < 0 or state.slot[slot, SS_FREE] < free:
                free = state.slot[slot, SS_FREE]
            capacity += 1
            slot += 1
        opened = capacity * open_between(problem, machine, 0, now, t)
        n_slots = max(1, problem.wc[w, WC_SLOT_HI] - problem.wc[w, WC_SLOT_LO])
        n = state.wc[w, SW_COUNT]
        late = 0.0
        q = problem.wc[w, WC_QUEUE_LO]
        for i in range(q, q + n):
            job = problem.op[state.queue[i], OP_JOB]
            late += max(0.0, desk.estimates[job, EST_END] - problem.job[job, JOB_DUE])
        at = N_MACHINE * machine
        desk.obs[at] = min(1.0, busy / opened) if opened > 0 else 0.0
        desk.obs[at + 1] = squash(late / (1440.0 * n)) / 3.0 if n > 0 else 0.0
        desk.obs[at + 2] = min(1.0, math.log1p(n / n_slots) / 3.0)
        desk.obs[at + 3] = squash(max(0, free - t) / 480.0) / 3.0


@outlined
def show_jobs(desk: Desk, n: int, at: int) -> None:
    problem = desk.problem
    state = desk.state
    stretch = problem.stretch[0]
    best = -1e18
    for place in range(n):
        if desk.row[place, ROW_PAIR] >= 0:
            best = max(best, desk.urgency[desk.row[place, ROW_JOB]])
    for place in range(desk.row.shape[0]):
        out = desk.obs[at + N_JOB * place : at + N_JOB * (place + 1)]
        job = desk.row[place, ROW_JOB]
        if job < 0:
            for k in range(N_JOB):
                out[k] = 0.0
            out[6] = -1.0
            continue
        op = desk.row[place, ROW_OP]
        pair = desk.row[place, ROW_PAIR]
        rank = desk.seen[job, SEEN_RANK]
        w = problem.op[op, OP_WC]
        scale = problem.wc_mean[w, MEAN_RUN] if w >= 0 else 1.0
        margin = problem.job[job, JOB_DUE] - desk.estimates[job, EST_END]
        run = problem.op_work[op, WORK_MEAN]
        setup = 0.0
        if pair >= 0:
            run = float(problem.elig[pair, ELIG_RUN])
            slot = problem.elig[pair, ELIG_SLOT]
            before = state.slot[slot, SS_FAMILY]
            minutes = setup_minutes(
                problem, problem.slot[slot, SLOT_MACHINE], before, problem.op[op, OP_FAMILY]
            )
            setup = minutes / problem.wc_mean[w, MEAN_SETUP]
        out[0] = min(1.0, problem.job_weight[job] / 5.0)
        out[1] = squash(max(0.0, -margin) / 1440.0) / 3.0
        out[2] = squash(margin / (stretch * scale)) / 3.0
        out[3] = squash(math.log(run / scale)) / 3.0
        out[4] = squash(setup) / 3.0
        out[5] = squash(problem.op_work[op, WORK_AFTER] / scale) / 3.0
        out[6] = 1.0 - 0.5 * rank
        out[7] = clip(desk.urgency[job] - best, -INDEX_CLIP, 0.0) / INDEX_CLIP if pair >= 0 else -1.0


@outlined
def show_plant(desk: Desk, at: int) -> None:
    problem = desk.problem
    state = desk.state
    t = state.clock[CLOCK_TIME]
    n_slots = max(1, problem.slot.shape[0])
    congested = 0
    for w in range(problem.wc.shape[0]):
        if state.wc[w, SW_COUNT] > problem.wc[w, WC_SLOT_HI] - problem.wc[w, WC_SLOT_LO]:
            congested += 1
    n_open = 0
    n_late = 0
    for job in range(problem.job.shape[0]):
        if desk.estimates[job, EST_OPEN] > 0.0 and desk.world.arrival[job] <= t:
            n_open += 1
            if desk.estimates[job, EST_END] > problem.job[job, JOB_DUE]:
                n_late += 1
    n_legal = 0
    for place in range(desk.row.shape[0]):
        if desk.mask[place]:
            n_legal += 1
    minute = (t + int(desk.knob[KNOB_TZ])) % 10080
    out = desk.obs[at:]
    out[0] = squash((t - problem.constant[CONST_NOW]) / 10080.0) / 3.0
    out[1] = (minute % 1440) / 1440.0
    out[2] = (minute // 1440) / 6.0
    out[3] = state.clock[CLOCK_DONE] / max(1, problem.op.shape[0])
    out[4] = min(1.0, math.log1p(state.clock[CLOCK_WAITING] / n_slots) / 3.0)
    out[5] = state.clock[CLOCK_RUNNING] / n_slots
    out[6] = congested / max(1, problem.wc.shape[0])
    out[7] = n_late / max(1, n_open)
    out[8] = min(1.0, math.log1p(desk.told[TOLD_POTENTIAL]) / 9.0)
    out[9] = n_legal / desk.row.shape[0]
