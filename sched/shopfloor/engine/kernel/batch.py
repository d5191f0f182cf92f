"""Many episodes side by side: each call carries every environment from one real decision to the next.

Forced choices are taken on the way. Arrays of `Envs` have one row per environment and are modified in place.
"""

from __future__ import annotations

import numpy as np

from shopfloor.engine.kernel.act import act, forced_choice
from shopfloor.engine.kernel.bank import (
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
    Bank,
    Envs,
    problem_at,
    state_at,
    world_at,
)
from shopfloor.engine.kernel.estimates import count_finished, job_estimates, state_cost
from shopfloor.engine.kernel.events import begin, finish, next_decision
from shopfloor.engine.kernel.jit import entry
from shopfloor.engine.kernel.observe import observe
from shopfloor.engine.kernel.plant_state import plant_state
from shopfloor.engine.kernel.starts import assign
from shopfloor.engine.layout import (
    CLOCK_DONE,
    CLOCK_RUNNING,
    CLOCK_TIME,
    CLOCK_WAITING,
    Floats,
    Ints,
    Problem,
    State,
    World,
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
