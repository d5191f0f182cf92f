"""Rollout labels: what each candidate of a decision costs when somebody finishes the episode from there.

All candidates of one decision meet the same world, so their differences are exact. Who finishes is a rule or
a policy; it also meets the decisions, so a policy is labelled on its own states. Nothing is learned here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from shopfloor.engine.actor import ActorSpec
from shopfloor.engine.arrays import Compiled
from shopfloor.engine.episode import new_scratch, new_state
from shopfloor.engine.kernel.actor_labels import label_actor_episode
from shopfloor.engine.kernel.labels import label_episode
from shopfloor.engine.layout import Bools, Floats, Ints, Singles
from shopfloor.engine.observation import MASK_SIZE, N_CANDIDATES, OBSERVATION_SIZE
from shopfloor.engine.rules import RuleSpec
from shopfloor.engine.scenario import Scenario, nominal_world


@dataclass(frozen=True, slots=True)
class LabelPlan:
    """How to label an episode.

    Attributes:
        temperature: Of the softmax over index or logits that drives the episode.
        share: Of the real decisions that are labelled, 0..1.
        horizon_h: Calendar hours after which a rollout is cut and its estimated cost taken; 0 = to the end.
        max_rows: Labels per episode at most.
    """

    temperature: float = 0.7
    share: float = 0.15
    horizon_h: float = 0.0
    max_rows: int = 512


class Labels(NamedTuple):
    """Labelled decisions.

    Attributes:
        observations: float32 (rows, 132).
        masks: bool (rows, 22).
        costs: float64 (rows, 10), weighted tardiness in days when candidate k goes first; NaN = no candidate.
        agents: int64 (rows,), the work centre that decides.
    """

    observations: Singles
    masks: Bools
    costs: Floats
    agents: Ints


def label_decisions(
    compiled: Compiled,
    policy: RuleSpec | ActorSpec,
    *,
    seed: int,
    scenario: Scenario | None = None,
    plan: LabelPlan | None = None,
) -> Labels:
    """Run one episode and price every candidate of some of its decisions by finishing it.

    Args:
        policy: Drives the episode (with noise) and finishes the rollouts (without).
        seed: Of the behaviour's noise and of which decisions are labelled.
        scenario: What really happens, in the episode and in all its rollouts; None = everything as planned.
    """
    plan = plan or LabelPlan()
    world = nominal_world(compiled) if scenario is None else scenario.world
    rows = plan.max_rows
    labels = Labels(
        np.zeros((rows, OBSERVATION_SIZE), dtype=np.float32),
        np.zeros((rows, MASK_SIZE), dtype=np.bool_),
        np.zeros((rows, N_CANDIDATES)),
        np.zeros(rows, dtype=np.int64),
    )
    state, fork = new_state(compiled, world), new_state(compiled, world)
    levels = np.zeros(compiled.n_operations, dtype=np.int64)
    is_scenario = int(scenario is not None)
    knobs = np.array([plan.temperature, plan.share, plan.horizon_h * 60.0])
    if isinstance(policy, RuleSpec):
        made = label_episode(
            compiled.problem,
            world,
            state,
            fork,
            levels,
            new_scratch(compiled),
            is_scenario,
            int(policy.rule),
            policy.parameters(),
            knobs,
            seed,
            *labels,
        )
    else:
        made = label_actor_episode(
            compiled.problem,
            world,
            state,
            fork,
            levels,
            new_scratch(compiled, policy.weights),
            np.zeros((N_CANDIDATES, 3), dtype=np.int64),
            is_scenario,
            int(policy.rule.rule),
            policy.rule.parameters(),
            policy.weights,
            float(policy.beta),
            knobs,
            seed,
            *labels,
        )
    return Labels(
        labels.observations[:made].copy(),
        labels.masks[:made].copy(),
        labels.costs[:made].copy(),
        labels.agents[:made].copy(),
    )
