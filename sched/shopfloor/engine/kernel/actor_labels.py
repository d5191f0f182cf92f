"""Rollout labels of a policy: what each candidate of its own decisions costs when the policy itself finishes.

The states are those that the policy meets, and the rollouts go on as it would, so learning from these labels
is one step of approximate policy iteration.

References:
    Lagoudakis and Parr, Reinforcement learning as classification (ICML 2003), section 3: rollout policy iteration.
    Ross, Gordon and Bagnell, A reduction of imitation learning to no-regret online learning (AISTATS 2011).
"""

from __future__ import annotations

import numpy as np

from shopfloor.engine.kernel.act import forced_choice
from shopfloor.engine.kernel.actor import ActorWeights, actor_step
from shopfloor.engine.kernel.estimates import job_estimates, state_cost
from shopfloor.engine.kernel.events import begin, finish, next_decision
from shopfloor.engine.kernel.fork import copy_state
from shopfloor.engine.kernel.jit import entry, threaded
from shopfloor.engine.kernel.observe import observe
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
def cost_to_go_by_actor(
    problem: Problem,
    world: World,
    state: State,
    levels: Ints,
    scratch: Scratch,
    rule: int,
    par: Floats,
    weights: ActorWeights,
    beta: float,
    until: int,
) -> float:
    """Finish an episode with the actor's best choices (modified in place); return its weighted tardiness in days.

    Args:
        scratch: Its observation, mask and candidates are overwritten.
        until: Minute after which the potential is taken instead of the end; -1 = to the end.
    """
    while True:
        w = next_decision(problem, world, state, levels)
        if w < 0:
            finish(problem, state)
            return state_cost(problem, state, scratch.jobs)
        if 0 <= until < state.clock[CLOCK_TIME]:
            return job_estimates(problem, world, state, scratch.jobs)
        actor_step(problem, world, state, levels, w, scratch, rule, par, weights, beta, 0.0, 0)


@threaded
def label_actor_episode(
    problem: Problem,
    world: World,
    state: State,
    fork: State,
    levels: Ints,
    scratch: Scratch,
    chosen: Ints,
    is_scenario: int,
    rule: int,
    par: Floats,
    weights: ActorWeights,
    beta: float,
    knobs: Floats,
    seed: int,
    obs: Singles,
    mask: Bools,
    cost: Floats,
    centre: Ints,
) -> int:
    """Run one episode with the actor and label a random share of its real decisions; return how many were labelled.

    Args:
        chosen: int64 (10, 3), scratch: the candidates of the decision that is labelled.
        knobs: behaviour temperature, share of decisions, horizon in minutes (0 = to the end).
        obs: float32 (rows, 132); mask: bool (rows, 22); centre: int64 (rows,); all modified in place.
        cost: float64 (rows, 10), modified in place: days when candidate k goes first; NaN = no candidate.
    """
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
                problem, world, state, levels, w, rule, par, obs[made], mask[made], chosen, scratch.seen
            )
            until = -1 if knobs[2] <= 0.0 else state.clock[CLOCK_TIME] + int(knobs[2])
            cost[made, :] = np.nan
            for k in range(min(n, N_CANDIDATES)):
                copy_state(state, fork)
                candidate = chosen[k, 0]
                assign(problem, world, fork, candidate, chosen[k, 1], levels[candidate])
                cost[made, k] = cost_to_go_by_actor(
                    problem, world, fork, levels, scratch, rule, par, weights, beta, until
                )
            centre[made] = w
            made += 1
        actor_step(problem, world, state, levels, w, scratch, rule, par, weights, beta, knobs[0], seed)
    return made
