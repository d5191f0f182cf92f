"""How a policy is best used: the ways meet on hidden futures, and a policy that adds nothing earns no place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from evaluation_cases import tiny_instance

from shopfloor.engine.actor import ActorSpec, zero_weights
from shopfloor.engine.rules import Rule, RuleSpec
from shopfloor.engine.scenario import Disturbances
from shopfloor.evaluation.combination import (
    ALONE,
    REPLAN,
    REPLAN_FROM_POLICY,
    RULE,
    Combination,
    choose_combination,
)
from shopfloor.twin.bank import SuiteCase

ROUGH = Disturbances(mtbf_h={"MILL": 30.0}, mttr_h={"MILL": 5.0}, duration_sigma=0.2, rush_share=0.25)
CASES = [
    SuiteCase(f"dynamic-{seed}", tiny_instance(seed, has_commitment=True), ROUGH, seed) for seed in range(3)
]
ATC = RuleSpec(Rule.ATC, k1=1.0)


def test_all_ways_meet_on_the_same_futures_and_the_least_late_wins() -> None:
    told: list[tuple[int, int, str]] = []
    found = choose_combination(
        CASES, ATC, ActorSpec(zero_weights(4, 4), ATC), progress=lambda *line: told.append(line)
    )
    assert set(found.ratios) == {RULE, ALONE, REPLAN, REPLAN_FROM_POLICY}
    assert found.ratios[RULE] == pytest.approx(1.0)
    assert found.ratios[ALONE] == pytest.approx(1.0)  # a network that adds nothing is its rule
    assert found.ratios[found.name] == min(found.ratios.values())
    assert told[-1] == (3, 3, "dynamic-2")
    assert found.name in found.text()


def test_a_policy_that_reverses_its_rule_earns_no_place() -> None:
    weights = zero_weights(4, 4)
    bad = ActorSpec(against_the_rule(weights), ATC, beta=0.0)
    found = choose_combination(CASES, ATC, bad)
    assert found.ratios[ALONE] > 1.0
    assert not found.uses_policy


def against_the_rule(weights):  # type: ignore[no-untyped-def]
    """Return weights whose logit falls with the rule's index."""
    cand = np.zeros_like(weights.cand_w)
    cand[0, 0] = -1.0
    w2, w3 = np.zeros_like(weights.w2), np.zeros_like(weights.w3)
    w2[0, 0], w3[0] = 1.0, 1.0
    return weights._replace(cand_w=cand, w2=w2, w3=w3)


def test_calm_cases_alone_are_refused() -> None:
    calm = [replace(case, disturbances=None) for case in CASES]
    with pytest.raises(ValueError, match="hidden future"):
        choose_combination(calm, ATC, ActorSpec(zero_weights(4, 4), ATC))


def test_ways_that_use_the_policy_say_so() -> None:
    assert Combination(REPLAN_FROM_POLICY, {}, 1).uses_policy
    assert Combination(ALONE, {}, 1).uses_policy
    assert not Combination(REPLAN, {}, 1).uses_policy
    assert not Combination(RULE, {}, 1).uses_policy
