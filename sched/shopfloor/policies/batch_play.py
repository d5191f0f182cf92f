"""Play a policy on many cases side by side, exactly as it was trained: with or without mask and exclusion.

The engine's own actor always masks and excludes; policies that were trained without either are judged here.
With both on, the outcome is the engine's. Deterministic: each head takes its largest logit. Nothing is scored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from shopfloor.engine.actor import ActorSpec
from shopfloor.engine.arrays import Compiled
from shopfloor.engine.batch import BatchEngine
from shopfloor.engine.dispatch import Outcome, dispatch
from shopfloor.engine.rules import RuleSpec
from shopfloor.engine.scenario import Disturbances, Scenario
from shopfloor.envs.markov_game import idle_where_illegal
from shopfloor.policies.distribution import AS_DESIGNED, Choice, MaskedPairDistribution
from shopfloor.policies.network import CandidateActor


@dataclass(frozen=True, eq=False)
class PlayCase:
    """One instance with what really happens; None = as planned."""

    problem: Compiled
    scenario: Scenario | None


def play_cases(
    cases: Sequence[PlayCase],
    spec: RuleSpec | ActorSpec,
    *,
    choice: Choice = AS_DESIGNED,
    disturbances: Disturbances | None = None,
) -> list[Outcome]:
    """Return what happens in every case when `spec` runs the shop.

    Args:
        choice: How an actor's heads choose; a rule has none.
        disturbances: What the scenarios were drawn from; needed for cases that have one.
    """
    if isinstance(spec, RuleSpec) or choice == AS_DESIGNED:
        return [dispatch(case.problem, spec, scenario=case.scenario) for case in cases]
    return play_side_by_side(cases, spec, choice=choice, disturbances=disturbances)


@torch.no_grad()
def play_side_by_side(
    cases: Sequence[PlayCase],
    spec: ActorSpec,
    *,
    choice: Choice,
    disturbances: Disturbances | None = None,
) -> list[Outcome]:
    """Return what happens in every case, all of them stepped together; arguments as in `play_cases`."""
    if not cases:
        return []
    engine = BatchEngine(
        [case.problem for case in cases], len(cases), rule=spec.rule, disturbances=disturbances
    )
    for number, case in enumerate(cases):
        seed = 0 if case.scenario is None else case.scenario.seed
        engine.reset(number, number, seed, disturbed=case.scenario is not None)
    actor = CandidateActor((len(spec.weights.b1), len(spec.weights.b2)), beta=spec.beta)
    actor.load(spec.weights)
    distribution = MaskedPairDistribution(choice)
    seen = engine.observe()
    while (acting := np.flatnonzero(seen.agent >= 0)).size:
        logits = actor(torch.from_numpy(seen.local[acting]))
        mask = seen.mask[acting]
        chosen = distribution.proba_distribution(logits, torch.from_numpy(mask)).mode().numpy()
        actions = np.zeros((len(cases), 2), dtype=np.int64)
        actions[acting] = idle_where_illegal(chosen, mask)
        engine.step(actions)
    return [engine.outcome(number) for number in range(len(cases))]
