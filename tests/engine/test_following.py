"""A plan followed to the letter: whoever follows the order in which a rule ran lives through the same minutes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from learning_plants import random_instance
from oracles.random_cases import random_case

from shopfloor.domain.instance import Instance
from shopfloor.engine.arrays import compile_instance
from shopfloor.engine.dispatch import Outcome, dispatch
from shopfloor.engine.following import Shop, follow, lines_of
from shopfloor.engine.rules import Rule, RuleSpec
from shopfloor.engine.scenario import Disturbances, realise

RULES = (RuleSpec(Rule.ATCS), RuleSpec(Rule.SPT), RuleSpec(Rule.FIFO))


def rough(instance: Instance) -> Disturbances:
    types = {machine.machine_type for machine in instance.plant.machines}
    return Disturbances(
        mtbf_h=dict.fromkeys(types, 30.0),
        mttr_h=dict.fromkeys(types, 5.0),
        duration_sigma=0.3,
        rush_share=0.3,
    )


def with_indivisible_work(instance: Instance) -> Instance:
    """Return the instance with every third operation to be done in one stretch."""
    operations = tuple(
        replace(item, is_interruptible=number % 3 != 0, processing_minutes=min(500, item.processing_minutes))
        for number, item in enumerate(instance.operations)
    )
    return replace(instance, operations=operations)


def assert_same(found: Outcome, expected: Outcome) -> None:
    for name in ("slot", "start", "end", "setup", "run", "code"):
        assert np.array_equal(getattr(found, name), getattr(expected, name)), name


@pytest.mark.parametrize("seed", range(12))
def test_following_the_order_of_a_rule_reproduces_its_minutes_in_the_scenario(seed: int) -> None:
    instance = random_instance(seed)
    if seed % 2:
        instance = with_indivisible_work(instance)
    compiled = compile_instance(instance)
    scenario = realise(compiled, rough(instance), seed)
    for rule in RULES:
        lived = dispatch(compiled, rule, scenario=scenario)
        assert_same(follow(compiled, lived, scenario=scenario), lived)


def test_following_the_order_of_a_rule_reproduces_its_plan_on_plants_with_everything() -> None:
    for seed in range(150):
        compiled = compile_instance(random_case(seed, start_pins=False).instance)
        planned = dispatch(compiled, RULES[0])
        assert_same(follow(compiled, planned), planned)


@pytest.mark.parametrize("waits", [True, False])
def test_a_shop_moved_from_moment_to_moment_ends_like_one_that_runs_through(waits: bool) -> None:
    instance = with_indivisible_work(random_instance(3))
    compiled = compile_instance(instance)
    scenario = realise(compiled, rough(instance), 5)
    plan = dispatch(compiled, RULES[0])
    shop = Shop(compiled, scenario)
    minutes = []
    while not shop.is_over:
        minutes.append(shop.now)
        shop.carry_on(lines_of(compiled, plan), waits=waits)
    assert minutes == sorted(set(minutes))
    assert_same(shop.outcome(), follow(compiled, plan, scenario=scenario, waits=waits))


def test_every_operation_is_done_however_far_the_world_is_from_the_plan() -> None:
    for seed in range(20):
        instance = with_indivisible_work(random_instance(seed))
        compiled = compile_instance(instance)
        scenario = realise(compiled, rough(instance), seed)
        backwards = dispatch(compiled, RuleSpec(Rule.RANDOM), seed=seed, temperature=1.0)
        for waits in (True, False):
            assert follow(compiled, backwards, scenario=scenario, waits=waits).is_scheduled.all()


def test_a_plan_whose_lines_wait_for_each_other_is_still_carried_out() -> None:
    instance = random_instance(1)
    compiled = compile_instance(instance)
    plan = dispatch(compiled, RULES[0])
    turned = replace(plan, start=plan.start.max() - plan.start)
    assert follow(compiled, turned).is_scheduled.all()


def test_slots_that_do_not_wait_leave_no_startable_work_of_their_line_lying() -> None:
    instance = random_instance(2)
    compiled = compile_instance(instance)
    scenario = realise(compiled, rough(instance), 9)
    plan = dispatch(compiled, RULES[0])
    waited = follow(compiled, plan, scenario=scenario)
    taken = follow(compiled, plan, scenario=scenario, waits=False)
    assert np.array_equal(waited.slot, taken.slot)
    first, second = (np.argsort(outcome.start, kind="stable") for outcome in (waited, taken))
    assert not np.array_equal(first, second)
