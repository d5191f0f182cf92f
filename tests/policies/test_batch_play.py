"""Played side by side, a policy does what the engine's own actor does; without mask or exclusion it does not."""

import numpy as np
import pytest
import torch
from learning_plants import random_instance

from shopfloor.engine.actor import ActorSpec
from shopfloor.engine.arrays import compile_instance
from shopfloor.engine.dispatch import Outcome, dispatch, quick_cost
from shopfloor.engine.rules import Rule, RuleSpec
from shopfloor.engine.scenario import Disturbances, realise
from shopfloor.policies.batch_play import PlayCase, play_cases, play_side_by_side
from shopfloor.policies.distribution import AS_DESIGNED, Choice
from shopfloor.policies.network import CandidateActor

ROUGH = Disturbances(mtbf_h={"WC0": 30.0}, duration_sigma=0.2, rush_share=0.2)
PROBLEMS = [compile_instance(random_instance(seed, n_jobs=20)) for seed in range(4)]
CASES = [
    *(PlayCase(problem, None) for problem in PROBLEMS[:2]),
    *(PlayCase(problem, realise(problem, ROUGH, 40 + i)) for i, problem in enumerate(PROBLEMS[2:])),
]


def policy(*, beta: float = 1.0, idle_bias: float = -20.0) -> ActorSpec:
    """A network of random weights that really changes the rule's order."""
    torch.manual_seed(11)
    actor = CandidateActor((16, 8), beta=beta)
    with torch.no_grad():
        actor.w3.mul_(20.0)
        actor.idle_b.fill_(idle_bias)
    return ActorSpec(actor.export(), RuleSpec(Rule.ATCS), beta)


def places(outcome: Outcome) -> list[list[int]]:
    return [array.tolist() for array in (outcome.slot, outcome.start, outcome.end, outcome.code)]


def test_with_mask_and_exclusion_it_is_the_engines_actor_calm_and_disturbed() -> None:
    spec = policy()
    together = play_side_by_side(CASES, spec, choice=AS_DESIGNED, disturbances=ROUGH)
    for case, outcome in zip(CASES, together, strict=True):
        alone = dispatch(case.problem, spec, scenario=case.scenario)
        assert places(outcome) == places(alone)
        assert quick_cost(case.problem, outcome) == quick_cost(case.problem, alone)
    assert [places(item) for item in play_cases(CASES, spec)] == [places(item) for item in together]


@pytest.mark.parametrize("choice", [Choice(has_mask=False), Choice(has_exclusion=False)])
def test_leaving_a_part_out_changes_what_happens_and_everything_still_gets_done(choice: Choice) -> None:
    spec = policy()
    without = play_cases(CASES, spec, choice=choice, disturbances=ROUGH)
    whole = play_cases(CASES, spec)
    assert any(places(ours) != places(theirs) for ours, theirs in zip(without, whole, strict=True))
    assert all(outcome.is_scheduled.all() for outcome in without)


def test_without_mask_a_policy_that_only_wants_absent_candidates_waits_and_is_late() -> None:
    spec = policy(beta=0.0)
    weights = spec.weights._replace(w3=np.zeros_like(spec.weights.w3), b3=np.zeros_like(spec.weights.b3))
    blind = ActorSpec(weights, spec.rule, 5.0)
    calm = CASES[:2]
    unmasked = play_cases(calm, blind, choice=Choice(has_mask=False))
    masked = play_cases(calm, blind)
    for case, ours, theirs in zip(calm, unmasked, masked, strict=True):
        assert quick_cost(case.problem, ours) >= quick_cost(case.problem, theirs)


def test_nothing_is_played_where_there_is_no_case() -> None:
    assert play_side_by_side([], policy(), choice=AS_DESIGNED) == []
