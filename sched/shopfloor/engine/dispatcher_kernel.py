"""One dispatcher for the whole plant, decision by decision: carry out a choice, run on, write what is seen.

The event loop, the starts and the rules are the kernel's own; here is only what a single dispatcher adds: its
window of jobs, its observation and what happened since its last decision. It decides for one work centre at
a time: starts at different centres at one instant do not touch each other, so nothing is lost and a choice
stays small. What has one possible outcome is done on the way.

Arrays are those of `Desk`, modified in place. Names and scales stand in `dispatcher_observation.py`.

All of it is one file on purpose: numba's cache notices an edit only in the file of the entry, and only `kernel/`
and `layout.py` have a folder per version. Who changes a number imported from elsewhere touches this file too.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from shopfloor.domain.open_time import COST_FACTOR, WindowKind
from shopfloor.engine.dispatcher_observation import INDEX_CLIP, N_JOB, N_MACHINE
from shopfloor.engine.kernel.bank import BANK_TYPE
from shopfloor.engine.kernel.door import door_to, tuple_type, write_door
from shopfloor.engine.kernel.estimates import EST_END, EST_OPEN, job_estimates, state_cost
from shopfloor.engine.kernel.events import begin, finish, next_decision, wake
from shopfloor.engine.kernel.jit import entry, inlined, outlined
from shopfloor.engine.kernel.rules import pair_index
from shopfloor.engine.kernel.scales import clip, squash
from shopfloor.engine.kernel.sequences import open_between
from shopfloor.engine.kernel.starts import assign, best_pair, decline, is_free
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
    ST_END,
    ST_SLOT,
    ST_START,
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

WAIT_MINUTES = 60
"""A wait ends when something happens at the work centre, and after this long at the latest."""

MAX_WAITS = 32
"""Waits in a row after which something must start: more than a night of them, and episodes stay finite."""

EVENING_COST = COST_FACTOR[WindowKind.OVERTIME] - 1.0
NIGHT_COST = COST_FACTOR[WindowKind.NIGHT] - 1.0

# --- Desk.row: one row per row of the window ---
ROW_JOB = 0  # -1: no job
ROW_OP = 1
ROW_PAIR = 2  # -1: may not start now
ROW_COLUMNS = 3

# --- Desk.seen (int64), one row per job ---
SEEN_OP = 0  # the operation that stands for it, -1 = none
SEEN_PAIR = 1
SEEN_RANK = 2  # one of the ranks below
SEEN_COLUMNS = 3

RANK_LEGAL = 0
RANK_WAITING = 1
RANK_RUNNING = 2
RANK_PENDING = 3
RANK_NONE = 4

# --- Desk.told (float64) ---
TOLD_CENTRE = 0  # work centre that is asked, -1 = the episode is over
TOLD_POTENTIAL = 1  # estimated weighted tardiness, days
TOLD_GAIN = 2  # by how much it fell since the last decision
TOLD_EXTRA = 3  # extra cost of overtime begun since then, regular hours
TOLD_ILLEGAL = 4  # 1: the last action was not legal
TOLD_WAITED = 5  # 1: it waited
TOLD_COST = 6  # exact weighted tardiness of a finished episode, days
TOLD_FINISHED = 7  # jobs finished so far
TOLD_WAITS = 8  # waits in a row
TOLD_OP = 9  # operation that was started by choice, -1 = none
TOLD_COLUMNS = 10

# --- Desk.knob (float64) ---
KNOB_TZ = 3  # plant-local minute of the week at minute 0, Monday 00:00 = 0; before it the rule's k1, k2, tail
KNOB_MAY_WAIT = 4
KNOB_COLUMNS = 5

BEGIN = -1
"""The action that begins an episode."""

_WAITING = int(OpStatus.WAITING)
_RUNNING = int(OpStatus.RUNNING)
_DONE = int(OpStatus.DONE)
_BLOCKED = int(OpStatus.BLOCKED)


class Desk(NamedTuple):
    """One dispatcher's episode.

    Attributes:
        levels: int64 (operations,), overtime level of each.
        row: int64 (window, ROW_COLUMNS), who stands in the window.
        key: float64 (window,), what the window is sorted by.
        seen: int64 (jobs, SEEN_COLUMNS), scratch.
        urgency: float64 (jobs,), log-index of a job that may start now.
        estimates: float64 (jobs, 2), completion and open operations, see `estimates`.
        obs: float32 (size of the layout,).
        mask: bool (window + 1,).
        told: float64 (TOLD_COLUMNS,).
        knob: float64 (KNOB_COLUMNS,).
        rule: int64 (1,), the rule behind `urgency`.
    """

    problem: Problem
    world: World
    state: State
    levels: Ints
    row: Ints
    key: Floats
    seen: Ints
    urgency: Floats
    estimates: Floats
    obs: Singles
    mask: Bools
    told: Floats
    knob: Floats
    rule: Ints


_STATE = "i1 i1 i2 i2 i2 i1 i1"
_BANK: Any = BANK_TYPE
DESK_TYPE = tuple_type(
    Desk,
    [
        _BANK.types[0],
        _BANK.types[1],
        tuple_type(State, _STATE.split()),
        *["i1", "i2", "f1", "i2", "f1", "f2", "s1", "b1", "f1", "f1", "i1"],
    ],
)
_open_desk = door_to(DESK_TYPE)


@inlined
def _start(desk: Desk, op: int, pair: int) -> None:
    """Start an operation and book what its overtime costs."""
    problem = desk.problem
    state = desk.state
    level = desk.levels[op]
    assign(problem, desk.world, state, op, pair, level)
    if level > 0:
        machine = problem.slot[state.op[op, ST_SLOT], SLOT_MACHINE]
        start = state.op[op, ST_START]
        end = state.op[op, ST_END]
        regular = open_between(problem, machine, 0, start, end)
        evening = open_between(problem, machine, 1, start, end) - regular
        desk.told[TOLD_EXTRA] += EVENING_COST * evening / 60.0
        if level > 1:
            night = open_between(problem, machine, 2, start, end) - regular - evening
            desk.told[TOLD_EXTRA] += NIGHT_COST * night / 60.0


@inlined
def _wait(desk: Desk, w: int) -> None:
    """Leave every free slot of a work centre idle until something happens there, an hour at most."""
    problem = desk.problem
    state = desk.state
    for slot in range(problem.wc[w, WC_SLOT_LO], problem.wc[w, WC_SLOT_HI]):
        if is_free(state, slot):
            decline(problem, state, slot)
            wake(state, slot, state.clock[CLOCK_TIME] + WAIT_MINUTES)


@inlined
def _carry_out(desk: Desk, action: int) -> None:
    """Do what was chosen; an illegal choice starts the window's first job that may start."""
    window = desk.row.shape[0]
    desk.told[TOLD_OP] = -1.0
    if action == window and desk.mask[window]:
        desk.told[TOLD_WAITED] = 1.0
        desk.told[TOLD_WAITS] += 1.0
        _wait(desk, int(desk.told[TOLD_CENTRE]))
        return
    if action < 0 or action >= window or not desk.mask[action]:
        desk.told[TOLD_ILLEGAL] = 1.0
        action = 0
    desk.told[TOLD_WAITS] = 0.0
    desk.told[TOLD_OP] = desk.row[action, ROW_OP]
    _start(desk, desk.row[action, ROW_OP], desk.row[action, ROW_PAIR])


@inlined
def _find_legal(desk: Desk, w: int) -> int:
    """Write each job's most urgent operation that may start now at a work centre; return how many jobs."""
    problem = desk.problem
    state = desk.state
    for job in range(problem.job.shape[0]):
        desk.seen[job, SEEN_OP] = -1
        desk.seen[job, SEEN_PAIR] = -1
        desk.seen[job, SEEN_RANK] = RANK_NONE
    found = 0
    q = problem.wc[w, WC_QUEUE_LO]
    for i in range(q, q + state.wc[w, SW_COUNT]):
        op = state.queue[i]
        pair = best_pair(problem, desk.world, state, op, desk.levels[op])
        if pair < 0:
            continue
        job = problem.op[op, OP_JOB]
        index = pair_index(problem, state, op, pair, desk.rule[0], desk.knob, 0)
        other = desk.seen[job, SEEN_OP]
        if other < 0:
            found += 1
        elif index < desk.urgency[job] or (index == desk.urgency[job] and op > other):
            continue
        desk.seen[job, SEEN_OP] = op
        desk.seen[job, SEEN_PAIR] = pair
        desk.seen[job, SEEN_RANK] = RANK_LEGAL
        desk.urgency[job] = index
    return found


@inlined
def _to_decision(desk: Desk) -> int:
    """Run on to the next real decision or the end; return its work centre, or -1."""
    problem = desk.problem
    state = desk.state
    while True:
        w = next_decision(problem, desk.world, state, desk.levels)
        if w < 0:
            finish(problem, state)
            return -1
        n_legal = _find_legal(desk, w)
        may_wait = desk.knob[KNOB_MAY_WAIT] > 0.0 and desk.told[TOLD_WAITS] < MAX_WAITS
        desk.mask[desk.row.shape[0]] = may_wait
        if n_legal > 1 or may_wait:
            return w
        for job in range(problem.job.shape[0]):
            if desk.seen[job, SEEN_OP] >= 0:
                _start(desk, desk.seen[job, SEEN_OP], desk.seen[job, SEEN_PAIR])
                desk.told[TOLD_WAITS] = 0.0
                break


@inlined
def _find_others(desk: Desk) -> None:
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
def _fill_window(desk: Desk) -> int:
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
def _show_machines(desk: Desk) -> None:
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
def _show_jobs(desk: Desk, n: int, at: int) -> None:
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
def _show_plant(desk: Desk, at: int) -> None:
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


@entry
def open_desk(desk: Desk, door: Ints) -> None:
    """Write a desk into a buffer that `play` reads; again whenever one of its arrays is replaced."""
    write_door(desk, door)  # type: ignore[call-arg]  # numba gives the first argument


@entry
def play(door: Ints, n_machines: int, action: int) -> None:
    """Carry out an action and run on to the next decision or the end.

    Args:
        door: What `open_desk` wrote.
        n_machines: Rows of machines in the observation.
        action: A row of the window, the window's length to wait, or `BEGIN`.
    """
    desk = _open_desk(door)
    problem = desk.problem
    state = desk.state
    told = desk.told
    before = told[TOLD_POTENTIAL]
    told[TOLD_EXTRA] = 0.0
    told[TOLD_ILLEGAL] = 0.0
    told[TOLD_WAITED] = 0.0
    if action == BEGIN:
        begin(problem, desk.world, state, desk.levels, 0)
        before = job_estimates(problem, desk.world, state, desk.estimates)
        told[:] = 0.0
        told[TOLD_OP] = -1.0
    else:
        _carry_out(desk, action)
    w = _to_decision(desk)
    told[TOLD_CENTRE] = w
    told[TOLD_POTENTIAL] = job_estimates(problem, desk.world, state, desk.estimates)
    told[TOLD_GAIN] = before - told[TOLD_POTENTIAL]
    finished = 0
    for job in range(problem.job.shape[0]):
        if desk.estimates[job, EST_OPEN] == 0.0:
            finished += 1
    told[TOLD_FINISHED] = finished
    if w < 0:
        told[TOLD_COST] = state_cost(problem, state, desk.estimates)
        desk.obs[:] = 0.0
        desk.mask[:] = False
        desk.mask[desk.row.shape[0]] = True
        return
    _find_others(desk)
    n = _fill_window(desk)
    _show_machines(desk)
    _show_jobs(desk, n, N_MACHINE * n_machines)
    _show_plant(desk, N_MACHINE * n_machines + N_JOB * desk.row.shape[0])
