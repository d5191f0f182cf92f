"""Ten thousand random cases: kernels and the minute-by-minute shop agree on every operation of every one.

The shop's calendars are made from the wall clock and not by the code that expands calendars, so both clock
changes are checked through the engine, too. Dispatching, disturbed weeks and lists take turns.
"""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest
from engine.test_engine_against_oracle import answer_of
from oracles.random_cases import CHANGE, Case, random_case
from oracles.random_plants import reality_of
from oracles.shop_oracle import Answer, dispatch_by_minute, list_by_minute

from shopfloor.engine.arrays import Compiled, compile_instance
from shopfloor.engine.dispatch import dispatch, outcome_of
from shopfloor.engine.episode import new_state
from shopfloor.engine.kernel.lists import build_list
from shopfloor.engine.rules import Rule, RuleSpec
from shopfloor.engine.scenario import Disturbances, nominal_world, realise

CHUNKS = 20
CASES_PER_CHUNK = 500
RULES = [RuleSpec(rule, k1=1.3, k2=0.7, tail=0.8) for rule in Rule if rule != Rule.RANDOM]
ROUGH = Disturbances(
    {"T1": 6.0, "T2": 9.0}, {"T1": 1.5, "T2": 1.0}, duration_sigma=0.3, rush_share=0.3, rush_span_h=6.0
)
WANTED = {
    "over the spring change": 0.03,
    "over the autumn change": 0.03,
    "dispatched": 0.4,
    "disturbed": 0.1,
    "list": 0.1,
    "left out": 0.1,
    "night shift": 0.3,
    "overtime or night windows": 0.15,
    "worked in overtime or at night": 0.1,
    "break": 0.1,
    "exception": 0.1,
    "maintenance": 0.3,
    "odd stretches": 0.2,
    "capacity above 1": 0.3,
    "speed factor": 0.5,
    "restriction": 0.3,
    "setup rule": 0.2,
    "initial setup family": 0.5,
    "material later than now": 0.3,
    "arrival later than now": 0.3,
    "lots": 0.3,
    "overtime level": 0.5,
    "night level": 0.5,
    "rigid operation": 0.5,
    "in progress": 0.1,
    "frozen": 0.15,
    "rigid and committed": 0.05,
    "committed in overtime": 0.1,
    "machine pin": 0.15,
    "start pin": 0.15,
}
"""Share of the cases in which each must have occurred."""


def levels_of(case: Case, compiled: Compiled) -> np.ndarray:
    return np.array([case.levels[name] for name in compiled.operation_ids])


def both_dispatched(case: Case, seed: int) -> tuple[Answer, Answer, str]:
    compiled = compile_instance(case.instance)
    spec = RULES[seed // 5 % len(RULES)]
    found = dispatch(compiled, spec, levels=levels_of(case, compiled))
    expected = dispatch_by_minute(case.instance, spec, levels=case.levels, kinds=case.kinds)
    return answer_of(compiled, found), expected, "dispatched"


def both_disturbed(case: Case, seed: int) -> tuple[Answer, Answer, str]:
    compiled = compile_instance(case.instance)
    spec = RULES[seed // 5 % len(RULES)]
    scenario = realise(compiled, ROUGH, seed, max_level=2)
    found = dispatch(compiled, spec, levels=levels_of(case, compiled), scenario=scenario)
    reality = reality_of(compiled, scenario)
    expected = dispatch_by_minute(case.instance, spec, levels=case.levels, reality=reality, kinds=case.kinds)
    return answer_of(compiled, found), expected, "disturbed"


def both_listed(case: Case, seed: int) -> tuple[Answer, Answer, str]:
    """A random order in which an operation comes after its predecessor."""
    compiled = compile_instance(case.instance)
    draw = random.Random(seed)
    left, order = list(range(compiled.n_operations)), []
    before = [operation.predecessor for operation in case.instance.operations]
    while left:
        ready = [
            i for i in left if before[i] is None or before[i] not in {compiled.operation_ids[j] for j in left}
        ]
        order.append(draw.choice(ready))
        left.remove(order[-1])
    world = nominal_world(compiled)
    state, levels = new_state(compiled, world), levels_of(case, compiled)
    bad = np.zeros(compiled.n_operations, dtype=np.int64)
    build_list(compiled.problem, world, state, levels, np.array(order, dtype=np.int64), bad)
    names = [compiled.operation_ids[i] for i in order]
    expected = list_by_minute(case.instance, names, levels=case.levels, kinds=case.kinds)
    return answer_of(compiled, outcome_of(state, levels)), expected, "list"


def seen_in(case: Case, answer: Answer, seed: int) -> set[str]:
    """Name what happened in a plan."""
    seen = set(case.features)
    change = {0: "over the spring change", 1: "over the autumn change"}.get(seed % 4)
    if change and any(start < CHANGE < end for _, _, start, end, _ in answer.places.values()):
        seen.add(change)
    if answer.reasons:
        seen.add("left out")
    for name, (machine_id, _, start, end, _) in answer.places.items():
        opened = case.instance.open_time[machine_id]
        if case.levels[name] and opened.work_between(start, end, 0) < opened.work_between(
            start, end, case.levels[name]
        ):
            seen.add("worked in overtime or at night")
    return seen


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_kernels_and_the_minute_by_minute_shop_agree(chunk: int) -> None:
    occurred: Counter[str] = Counter()
    for seed in range(chunk * CASES_PER_CHUNK, (chunk + 1) * CASES_PER_CHUNK):
        turn = seed % 5
        case = random_case(seed, start_pins=turn != 4)
        both = both_listed if turn == 4 else both_disturbed if turn == 3 else both_dispatched
        found, expected, kind = both(case, seed)
        assert found == expected, f"case {seed}, {kind}"
        occurred.update(seen_in(case, expected, seed) | {kind})
    rare = {
        name: occurred[name] for name, share in WANTED.items() if occurred[name] < share * CASES_PER_CHUNK
    }
    assert not rare
