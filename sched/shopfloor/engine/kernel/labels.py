"""Rollout labels: what each candidate of a decision really costs when the tuned rule finishes the episode.

All candidates of one decision meet the same realised world, so their differences are exact.
"""

from __future__ import annotations

import numpy as np

from shopfloor.engine.kernel.act import forced_choice
from shopfloor.engine.kernel.estimates import job_estimates, state_cost
from shopfloor.engine.kernel.events import begin, finish, next_decision
from shopfloor.engine.kernel.fork import copy_state
from shopfloor.engine.kernel.jit import entry, threaded
from shopfloor.engine.kernel.observe import observe
from shopfloor.engine.kernel.rules import rule_step
from shopfloor.engine.kernel.starts import assign
from shopfloor.engine.kernel.streams import uniform
from shopfloor.engine.layout import (
    CLOCK_DECISIONS,
    CLOCK_TIME,
    Bools,
    Floats,
    Ints,
    Problem,
    Scratch,
    Singles,
    State,
    World,
)
from shopfloor.engine.observation import N_CANDIDATES

_PICK = 6 << 40


@entry
def cost_to_go(
    problem: Problem,
    world: World,
    state: State,
    levels: Ints,
    rule: int,
    par: Floats,
    until: int,
    jobs: Floats,
) -> float:
    """Finish an episode with a rule (modified in place); return its weighted tardiness in days.

    Args:
        until: Minute after which the potential is taken instead of the end; -1 = to the end.
        jobs: float64 (jobs, 2), scratch.
    """
    while True:
        w = next_decision(problem, world, state, levels)
        if w < 0:
            finish(problem, state)
            return state_cost(problem, state, jobs)
        if 0 <= until < state.clock[CLOCK_TIME]:
            return job_estimates(problem, world, state, jobs)
        rule_step(problem, world, state, levels, w, rule, par, 0.0, 0)


@threaded
def label_episode(
    problem: Problem,
    world: World,
    state: State,
    fork: State,
    levels: Ints,
    scratch: Scratch,
    is_scenario: int,
    rule: int,
    par: Floats,
    knobs: Floats,
    seed: int,
    obs: Singles,
    mask: Bools,
    cost: Floats,
    centre: Ints,
) -> int:
    """Run one episode and label a random share of its real decisions; return how many were labelled.

    Args:
        knobs: behaviour temperature, share of decisions, horizon in minutes (0 = to the end).
        obs: float32 (rows, 132); mask: bool (rows, 22); centre: int64 (rows,); all modified in place.
        cost: float64 (rows, 10), modified in place: days when candidate k goes first; NaN = no candidate.
    """
    cand = scratch.cand
    made = 0
    begin(problem, world, state, levels, is_scenario)
    while made < obs.shape[0]:
        w = next_decision(problem, world, state, levels)
        if w < 0:
            break
        op, pair = forced_choice(problem, world, state, w, levels)
        if op >= 0:
            assign(problem, world, state, op, pair, levels[op])
            continue
        if uniform(seed, _PICK, state.clock[CLOCK_DECISIONS]) < knobs[1]:
            n = observe(
                problem, world, state, levels, w, rule, par, obs[made], mask[made], cand, scratch.seen
            )
            until = -1 if knobs[2] <= 0.0 else state.clock[CLOCK_TIME] + int(knobs[2])
            cost[made, :] = np.nan
            for k in range(min(n, N_CANDIDATES)):
                copy_state(state, fork)
                chosen = cand[k, 0]
                assign(problem, world, fork, chosen, cand[k, 1], levels[chosen])
                cost[made, k] = cost_to_go(problem, world, fork, levels, rule, par, until, scratch.jobs)
            centre[made] = w
            made += 1
        rule_step(problem, world, state, levels, w, rule, par, knobs[0], seed)
    return made
