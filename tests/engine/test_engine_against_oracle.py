"""Two implementations, one answer: the kernels against the minute-by-minute shop, operation by operation."""

from __future__ import annotations

import random

import numpy as np
import pytest
from oracles.random_plants import random_instance, reality_of
from oracles.shop_oracle import Answer, dispatch_by_minute, greedy_by_minute

from shopfloor.domain.instance import Instance
from shopfloor.engine.arrays import Compiled, compile_instance
from shopfloor.engine.dispatch import Outcome, dispatch, greedy_list
from shopfloor.engine.layout import Code
from shopfloor.engine.rules import Rule, RuleSpec
from shopfloor.engine.scenario import Disturbances, realise

RULES = [rule for rule in Rule if rule != Rule.RANDOM]
SPEC = {rule: RuleSpec(rule, k1=1.3, k2=0.7, tail=0.8) for rule in RULES}


def answer_of(compiled: Compiled, outcome: Outcome) -> Answer:
    answer = Answer()
    for i, name in enumerate(compiled.operation_ids):
        if outcome.code[i]:
            answer.reasons[name] = Code(int(outcome.code[i])).name
        else:
            slot = compiled.slots[int(outcome.slot[i])]
            answer.places[name] = (
                slot.machine_id,
                slot.slot,
                int(outcome.start[i]),
                int(outcome.end[i]),
                int(outcome.setup[i]),
            )
    return answer


def random_levels(instance: Instance, seed: int) -> np.ndarray:
    draw = random.Random(seed)
    return np.array([draw.choice((0, 0, 1, 2)) for _ in instance.operations])


@pytest.mark.parametrize("seed", range(40))
def test_dispatch_places_every_operation_like_the_oracle(seed: int) -> None:
    instance = random_instance(seed)
    compiled = compile_instance(instance)
    spec = SPEC[RULES[seed % len(RULES)]]
    expected = dispatch_by_minute(instance, spec)
    assert answer_of(compiled, dispatch(compiled, spec)) == expected


@pytest.mark.parametrize("seed", range(100, 115))
def test_dispatch_with_overtime_levels_is_like_the_oracle(seed: int) -> None:
    instance = random_instance(seed)
    compiled = compile_instance(instance)
    levels = random_levels(instance, seed)
    by_name = dict(zip(compiled.operation_ids, (int(level) for level in levels), strict=True))
    spec = SPEC[RULES[seed % len(RULES)]]
    expected = dispatch_by_minute(instance, spec, levels=by_name)
    assert answer_of(compiled, dispatch(compiled, spec, levels=levels)) == expected


@pytest.mark.parametrize("seed", range(200, 225))
def test_dispatch_in_a_disturbed_week_is_like_the_oracle(seed: int) -> None:
    instance = random_instance(seed, with_pins=False)
    compiled = compile_instance(instance)
    disturbances = Disturbances(
        {"T1": 6.0, "T2": 9.0}, {"T1": 1.5, "T2": 1.0}, duration_sigma=0.3, rush_share=0.3, rush_span_h=10.0
    )
    scenario = realise(compiled, disturbances, seed)
    spec = SPEC[RULES[seed % len(RULES)]]
    expected = dispatch_by_minute(instance, spec, reality=reality_of(compiled, scenario))
    assert answer_of(compiled, dispatch(compiled, spec, scenario=scenario)) == expected


@pytest.mark.parametrize("seed", range(300, 330))
def test_the_plants_own_greedy_is_like_the_oracle(seed: int) -> None:
    instance = random_instance(seed, with_pins=False)
    compiled = compile_instance(instance)
    assert answer_of(compiled, greedy_list(compiled)) == greedy_by_minute(instance)
