"""Many episodes side by side: each call carries every environment from one real decision to the next.

Forced choices are taken on the way. Arrays of `Envs` have one row per environment and are modified in place.
"""

from __future__ import annotations

import numpy as np

from shopfloor.engine.kernel.act import act, forced_choice
from shopfloor.engine.kernel.bank import (
    BATCH_TYPE,
    LAST_FINISHED,
    LAST_PENALTY,
    LAST_POTENTIAL,
    LAST_SLACK,
    LAST_TIME,
    LAST_WIP,
    ROW_CANDIDATES,
    ROW_CENTRE,
    ROW_IS_SCENARIO,
    ROW_PROBLEM,
    Batch,
    Envs,
    problem_at,
    state_at,
    world_at,
)
from shopfloor.engine.kernel.door import door_to, write_door
from shopfloor.engine.kernel.estimates import (
    count_finished,
    job_estimates,
    mark_scanned,
    state_cost,
    update_estimates,
)
from shopfloor.engine.kernel.events import begin, finish, next_decision
from shopfloor.engine.kernel.jit import entry, inlined
from shopfloor.engine.kernel.observe import observe
from shopfloor.engine.kernel.plant_state import plant_state
from shopfloor.engine.kernel.starts import assign
from shopfloor.engine.layout import (
    CLOCK_DONE,
    CLOCK_RUNNING,
    CLOCK_TIME,
    CLOCK_WAITING,
    Ints,
    Problem,
    State,
    World,
)


@inlined
def _to_decision(problem: Problem, world: World, state: State, levels: Ints, envs: Envs, b: int) -> int:
    """Run on to the next real decision or the end; return its work centre, or -1."""
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
                envs.rule[0],
                envs.par,
                envs.obs[b],
                envs.mask[b],
                envs.cand[b],
                envs.seen,
            )
            break
        assign(problem, world, state, op, pair, levels[op])
    envs.row[b, ROW_CENTRE] = w
    envs.row[b, ROW_CANDIDATES] = n
    return w


@inlined
def _tell(problem: Problem, world: World, state: State, envs: Envs, b: int, w: int, is_new: bool) -> None:
    """Write what the critic sees at a decision or the end, and what happened since the last one.

    Args:
        w: Work centre that must decide, -1 = the episode is over.
        is_new: The episode begins here.
    """
    t = state.clock[CLOCK_TIME]
    estimates = envs.estimates[b, : problem.job.shape[0]]
    if is_new:
        mark_scanned(problem, estimates)
        envs.known[b] = -1.0
        envs.glob[b] = np.float32(0.0)
    if is_new or w < 0:  # `finish` gives up what still waits
        potential = job_estimates(problem, world, state, estimates)
    else:
        potential = update_estimates(problem, world, state, estimates)
    counts = envs.counts
    count_finished(problem, estimates, counts, t)
    plant_state(problem, world, state, estimates, potential, envs.known[b], envs.glob[b])
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


@inlined
def _begin_env(problem: Problem, world: World, state: State, levels: Ints, envs: Envs, b: int) -> None:
    begin(problem, world, state, levels, envs.row[b, ROW_IS_SCENARIO])
    envs.done[b] = False
    envs.last[b] = 0.0
    envs.last[b, LAST_TIME] = state.clock[CLOCK_TIME]


_open_batch = door_to(BATCH_TYPE)


@entry
def open_door(batch: Batch, door: Ints) -> None:
    """Write a batch into a buffer that `advance` reads; again whenever one of its arrays is replaced."""
    write_door(batch, door)  # type: ignore[call-arg]  # numba gives the first argument


@entry
def advance(door: Ints, actions: Ints, fresh: int) -> None:
    """Carry out one decision in every environment that is not over, or begin the episode of one of them, and
    run on to the next decision.

    Args:
        door: What `open_door` wrote.
        actions: int64 (envs, 2), 0..9 a candidate, 10 idle.
        fresh: The one environment whose episode begins (its row says which problem and world; no actions are
            read), -1 = none.
    """
    batch = _open_batch(door)
    bank = batch.bank
    envs = batch.envs
    is_new = fresh >= 0
    lo = fresh if is_new else 0
    hi = fresh + 1 if is_new else actions.shape[0]
    for b in range(lo, hi):
        if not is_new and envs.done[b]:
            envs.terms[b] = 0.0
            envs.elapsed[b] = 0.0
            continue
        problem = problem_at(bank, envs.row[b, ROW_PROBLEM])
        world = world_at(bank, envs, b, problem)
        state = state_at(envs, b, problem)
        levels = envs.levels[: problem.op.shape[0]]
        fault = 0
        if is_new:
            _begin_env(problem, world, state, levels, envs, b)
        else:
            w = envs.row[b, ROW_CENTRE]
            first = actions[b, 0]
            second = actions[b, 1]
            fault = act(problem, world, state, levels, w, envs.cand[b], envs.mask[b], first, second)
        w = _to_decision(problem, world, state, levels, envs, b)
        _tell(problem, world, state, envs, b, w, is_new)
        envs.terms[b, 5] = fault
        if is_new:
            envs.terms[b] = 0.0
            envs.elapsed[b] = 0.0
