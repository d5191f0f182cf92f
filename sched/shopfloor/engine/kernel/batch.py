"""Many episodes side by side: each call carries every environment from one real decision to the next.

A `Bank` holds several problems end to end; an environment reads its own by slices, so one compiled function
serves all. Forced choices are taken on the way. Arrays of `Envs` have one row per environment and are
modified in place.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from shopfloor.engine.kernel.events import assign, begin, finish, next_decision
from shopfloor.engine.kernel.features import (
    act,
    count_finished,
    forced_choice,
    job_estimates,
    observe,
    plant_state,
    state_cost,
)
from shopfloor.engine.kernel.jit import entry, inlined
from shopfloor.engine.layout import (
    CLOCK_DONE,
    CLOCK_HEAP,
    CLOCK_RUNNING,
    CLOCK_TIME,
    CLOCK_WAITING,
    Bools,
    Floats,
    Ints,
    Problem,
    Singles,
    State,
    World,
)

# --- Envs.row ---
ROW_PROBLEM = 0
ROW_IS_SCENARIO = 1
ROW_CALENDARS = 2  # realised calendars
ROW_STRETCHES = 3  # their stretches
ROW_CENTRE = 4  # work centre that must decide, -1 = episode over
ROW_CANDIDATES = 5
ROW_COLUMNS = 6

# --- Envs.last (float64) ---
LAST_POTENTIAL = 0
LAST_TIME = 1
LAST_FINISHED = 2
LAST_PENALTY = 3
LAST_SLACK = 4
LAST_WIP = 5
LAST_COLUMNS = 6

N_TERMS = 7


class Bank(NamedTuple):
    """Problems end to end: the fields of `Problem`, then the nominal world's own, then where each begins.

    Attributes:
        off: int64 (problems + 1, 25), first row of each problem in each of the other fields.
    """

    op: Ints
    op_work: Floats
    succ_off: Ints
    succ: Ints
    elig: Ints
    job: Ints
    job_weight: Floats
    slot: Ints
    machine: Ints
    wc: Ints
    wc_mean: Floats
    setup: Ints
    cal_of: Ints
    cal_off: Ints
    cal_start: Ints
    cal_end: Ints
    cal_cum: Ints
    reservation: Ints
    greedy_order: Ints
    constant: Ints
    stretch: Floats
    run: Ints
    arrival: Ints
    res_end: Ints
    res_work: Ints
    off: Ints


class Envs(NamedTuple):
    """All environments; the first axis of every array is the environment.

    Attributes:
        run, arrival, res_end, res_work, cal_of, cal_off, cal_start, cal_end, cal_cum: Realised worlds.
        clock, heap, op, slot, wc, queue, hint: States.
        row: int64 (envs, ROW_COLUMNS).
        last: float64 (envs, LAST_COLUMNS), what was true at the last decision.
        cand: int64 (envs, 10, 3).
        estimates: float64 (envs, jobs, 2).
        seen: float64 (operations + 10, 6), scratch shared by all.
        counts: float64 (3,), scratch shared by all.
        levels: int64 (operations,), zeros.
        obs: float32 (envs, 132).
        mask: bool (envs, 22).
        glob: float32 (envs, 88).
        terms: float64 (envs, 7).
        elapsed: float64 (envs,), minutes since the last decision.
        done: bool (envs,).
        cost: float64 (envs,), weighted tardiness in days of the last finished episode.
    """

    run: Ints
    arrival: Ints
    res_end: Ints
    res_work: Ints
    cal_of: Ints
    cal_off: Ints
    cal_start: Ints
    cal_end: Ints
    cal_cum: Ints
    clock: Ints
    heap: Ints
    op: Ints
    slot: Ints
    wc: Ints
    queue: Ints
    hint: Ints
    row: Ints
    last: Floats
    cand: Ints
    estimates: Floats
    seen: Floats
    counts: Floats
    levels: Ints
    obs: Singles
    mask: Bools
    glob: Singles
    terms: Floats
    elapsed: Floats
    done: Bools
    cost: Floats


@inlined
def problem_at(bank: Bank, i: int) -> Problem:
    """Return problem i of a bank: views, no copies."""
    lo = bank.off[i]
    hi = bank.off[i + 1]
    return Problem(
        bank.op[lo[0] : hi[0]],
        bank.op_work[lo[1] : hi[1]],
        bank.succ_off[lo[2] : hi[2]],
        bank.succ[lo[3] : hi[3]],
        bank.elig[lo[4] : hi[4]],
        bank.job[lo[5] : hi[5]],
        bank.job_weight[lo[6] : hi[6]],
        bank.slot[lo[7] : hi[7]],
        bank.machine[lo[8] : hi[8]],
        bank.wc[lo[9] : hi[9]],
        bank.wc_mean[lo[10] : hi[10]],
        bank.setup[lo[11] : hi[11]],
        bank.cal_of[lo[12] : hi[12]],
        bank.cal_off[lo[13] : hi[13]],
        bank.cal_start[lo[14] : hi[14]],
        bank.cal_end[lo[15] : hi[15]],
        bank.cal_cum[lo[16] : hi[16]],
        bank.reservation[lo[17] : hi[17]],
        bank.greedy_order[lo[18] : hi[18]],
        bank.constant[lo[19] : hi[19]],
        bank.stretch[lo[20] : hi[20]],
    )


@inlined
def world_at(bank: Bank, envs: Envs, b: int, problem: Problem) -> World:
    """Return environment b's world: its own realisation, or the nominal one."""
    i = envs.row[b, ROW_PROBLEM]
    lo = bank.off[i]
    hi = bank.off[i + 1]
    if envs.row[b, ROW_IS_SCENARIO] == 0:
        return World(
            bank.run[lo[21] : hi[21]],
            bank.arrival[lo[22] : hi[22]],
            bank.res_end[lo[23] : hi[23]],
            bank.res_work[lo[24] : hi[24]],
            problem.cal_of,
            problem.cal_off,
            problem.cal_start,
            problem.cal_end,
            problem.cal_cum,
        )
    n_calendars = envs.row[b, ROW_CALENDARS]
    n = envs.row[b, ROW_STRETCHES]
    return World(
        envs.run[b, : hi[21] - lo[21]],
        envs.arrival[b, : hi[22] - lo[22]],
        envs.res_end[b, : hi[23] - lo[23]],
        envs.res_work[b, : hi[24] - lo[24]],
        envs.cal_of[b, : hi[12] - lo[12]],
        envs.cal_off[b, : n_calendars + 1],
        envs.cal_start[b, :n],
        envs.cal_end[b, :n],
        envs.cal_cum[b, :n],
    )


@inlined
def state_at(envs: Envs, b: int, problem: Problem) -> State:
    """Return environment b's state: views, no copies."""
    n = problem.op.shape[0]
    return State(
        envs.clock[b],
        envs.heap[b],
        envs.op[b, :n],
        envs.slot[b, : problem.slot.shape[0]],
        envs.wc[b, : problem.wc.shape[0]],
        envs.queue[b, :n],
        envs.hint[b],
    )


@entry
def _to_decision(
    problem: Problem, world: World, state: State, envs: Envs, b: int, rule: int, par: Floats
) -> None:
    """Run on to the next real decision or the end, and write what there is to see and to count."""
    levels = envs.levels[: problem.op.shape[0]]
    w = -1
    n = 0
    while True:
        w = next_decision(problem, world, state, levels)
        if w < 0:
            finish(problem, state)
            break
        op, pair = forced_choice(problem, world, state, w, levels)
        if op < 0:
            n = observe(
                problem,
                world,
                state,
                levels,
                w,
                rule,
                par,
                envs.obs[b],
                envs.mask[b],
                envs.cand[b],
                envs.seen,
            )
            break
        assign(problem, world, state, op, pair, levels[op])
    envs.row[b, ROW_CENTRE] = w
    envs.row[b, ROW_CANDIDATES] = n
    t = state.clock[CLOCK_TIME]
    estimates = envs.estimates[b, : problem.job.shape[0]]
    potential = job_estimates(problem, world, state, estimates)
    counts = envs.counts
    count_finished(problem, estimates, counts, t)
    plant_state(problem, world, state, estimates, potential, envs.glob[b])
    last = envs.last[b]
    days = (t - last[LAST_TIME]) / 1440.0
    terms = envs.terms[b]
    terms[0] = counts[0] - last[LAST_FINISHED]
    terms[1] = 0.0
    terms[2] = counts[1] - last[LAST_PENALTY]
    terms[3] = last[LAST_SLACK] * days
    terms[4] = last[LAST_WIP] * days
    terms[5] = 0.0
    terms[6] = last[LAST_POTENTIAL] - potential
    envs.elapsed[b] = t - last[LAST_TIME]
    last[LAST_POTENTIAL] = potential
    last[LAST_TIME] = t
    last[LAST_FINISHED] = counts[0]
    last[LAST_PENALTY] = counts[1]
    last[LAST_SLACK] = counts[2]
    n_slots = max(1, problem.slot.shape[0])
    last[LAST_WIP] = (state.clock[CLOCK_WAITING] + state.clock[CLOCK_RUNNING]) / n_slots
    if w < 0:
        envs.done[b] = True
        envs.obs[b, :] = np.float32(0.0)
        envs.mask[b, :] = False
        envs.mask[b, 10] = True
        envs.mask[b, 21] = True
        envs.cost[b] = state_cost(problem, state, estimates)
        if state.clock[CLOCK_DONE] == problem.op.shape[0]:
            terms[1] = 1.0


@entry
def reset_env(bank: Bank, envs: Envs, b: int, rule: int, par: Floats) -> None:
    """Begin environment b's episode (its row says which problem and world) and observe it."""
    problem = problem_at(bank, envs.row[b, ROW_PROBLEM])
    world = world_at(bank, envs, b, problem)
    state = state_at(envs, b, problem)
    begin(problem, world, state, envs.levels[: problem.op.shape[0]], envs.row[b, ROW_IS_SCENARIO])
    envs.done[b] = False
    envs.last[b, :] = 0.0
    envs.last[b, LAST_TIME] = state.clock[CLOCK_TIME]
    _to_decision(problem, world, state, envs, b, rule, par)
    envs.terms[b, :] = 0.0
    envs.elapsed[b] = 0.0


@entry
def step_envs(bank: Bank, envs: Envs, actions: Ints, rule: int, par: Floats) -> None:
    """Carry out one decision in every environment that is not over and run on to the next.

    Args:
        actions: int64 (envs, 2), 0..9 a candidate, 10 idle.
    """
    for b in range(actions.shape[0]):
        if envs.done[b]:
            envs.terms[b, :] = 0.0
            envs.elapsed[b] = 0.0
            continue
        problem = problem_at(bank, envs.row[b, ROW_PROBLEM])
        world = world_at(bank, envs, b, problem)
        state = state_at(envs, b, problem)
        fault = act(
            problem,
            world,
            state,
            envs.levels[: problem.op.shape[0]],
            envs.row[b, ROW_CENTRE],
            envs.cand[b],
            envs.mask[b],
            actions[b, 0],
            actions[b, 1],
        )
        _to_decision(problem, world, state, envs, b, rule, par)
        envs.terms[b, 5] = fault


@inlined
def _copy_rows(source: Ints, target: Ints) -> None:
    for i in range(source.shape[0]):
        for j in range(source.shape[1]):
            target[i, j] = source[i, j]


@entry
def copy_state(source: State, target: State) -> None:
    """Copy a state: `target` becomes a fork of the episode (modified in place)."""
    for i in range(source.clock.shape[0]):
        target.clock[i] = source.clock[i]
    for i in range(source.clock[CLOCK_HEAP]):
        target.heap[i] = source.heap[i]
    for i in range(source.queue.shape[0]):
        target.queue[i] = source.queue[i]
    for i in range(source.hint.shape[0]):
        target.hint[i] = source.hint[i]
    _copy_rows(source.op, target.op)
    _copy_rows(source.slot, target.slot)
    _copy_rows(source.wc, target.wc)
