"""Every plan of the engine passes the independent validator, and nothing of the input is dropped."""

from __future__ import annotations

import pytest
from oracles.random_plants import random_instance

from shopfloor.domain.validator import validate
from shopfloor.engine.actor import ActorSpec, zero_weights
from shopfloor.engine.arrays import compile_instance
from shopfloor.engine.dispatch import dispatch, greedy_list, to_schedule
from shopfloor.engine.rules import Rule, RuleSpec


@pytest.mark.parametrize("seed", range(60))
def test_the_validator_accepts_every_rules_plan(seed: int) -> None:
    instance = random_instance(seed, tidy=True)
    compiled = compile_instance(instance)
    spec = RuleSpec(list(Rule)[seed % len(Rule)])
    schedule = to_schedule(compiled, dispatch(compiled, spec, temperature=0.3, seed=seed), spec.name)
    assert validate(instance, schedule) == ()


@pytest.mark.parametrize("seed", range(60))
def test_the_validator_accepts_the_greedy_plan(seed: int) -> None:
    instance = random_instance(seed, tidy=True)
    compiled = compile_instance(instance)
    schedule = to_schedule(compiled, greedy_list(compiled), "greedy")
    assert validate(instance, schedule) == ()


@pytest.mark.parametrize("seed", range(20))
def test_a_policy_that_idles_breaks_no_rule_but_may_waste_a_short_horizon(seed: int) -> None:
    instance = random_instance(seed, tidy=True)
    compiled = compile_instance(instance)
    policy = ActorSpec(zero_weights(idle_bias=-1.0))
    schedule = to_schedule(compiled, dispatch(compiled, policy, temperature=1.0, seed=seed), "policy")
    assert {violation.code for violation in validate(instance, schedule)} <= {"UNJUSTIFIED"}


@pytest.mark.parametrize("seed", range(20))
def test_scheduled_and_unassigned_together_are_the_input(seed: int) -> None:
    instance = random_instance(seed)
    compiled = compile_instance(instance)
    schedule = to_schedule(compiled, dispatch(compiled, RuleSpec()), "rule:ATCS")
    names = sorted([*schedule.by_operation, *(item.operation_id for item in schedule.unassigned)])
    assert names == sorted(compiled.operation_ids)
