"""A second event loop in plain Python gives the same completion times; one instant is applied as a whole."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest
from builders import tiny_instance, tiny_job, tiny_machine, tiny_operation, tiny_plant
from oracles.random_plants import random_instance

from benchmarks.heapq_twin import ATCS, EDD, Twin
from benchmarks.our_cases import factory_instance, reality_of
from shopfloor.domain.calendar import OpenTime
from shopfloor.domain.instance import Instance
from shopfloor.engine.arrays import Compiled, compile_instance
from shopfloor.engine.dispatch import dispatch
from shopfloor.engine.rules import Rule, RuleSpec
from shopfloor.engine.scenario import Disturbances, Scenario, realise

SPECS = {EDD: RuleSpec(Rule.EDD), ATCS: RuleSpec(Rule.ATCS, k1=1.7, k2=0.6, tail=0.9)}
ROUGH = Disturbances(
    {"T1": 9.0, "T3": 20.0}, {"T1": 1.0}, duration_sigma=0.2, rush_share=0.2, rush_span_h=8.0
)


def kernel_ends(
    compiled: Compiled, rule: str, levels: list[int] | None = None, scenario: Scenario | None = None
) -> dict[str, int]:
    chosen = None if levels is None else compiled.problem.op[:, 0] * 0 + levels
    outcome = dispatch(compiled, SPECS[rule], levels=chosen, scenario=scenario)
    return {name: int(outcome.end[i]) for i, name in enumerate(compiled.operation_ids) if not outcome.code[i]}


def twin_ends(twin: Twin, rule: str) -> dict[str, int]:
    spec = SPECS[rule]
    return twin.run(rule, spec.k1, spec.k2, spec.tail)


def bare(seed: int) -> Instance:
    return replace(random_instance(seed, with_pins=False), commitments=())


@pytest.mark.parametrize("rule", [EDD, ATCS])
def test_small_odd_plants_complete_at_the_same_minutes(rule: str) -> None:
    for seed in range(300):
        compiled = compile_instance(bare(seed))
        levels = [(seed + 7 * i) % 3 for i in range(compiled.n_operations)]
        assert twin_ends(Twin(compiled.instance, levels), rule) == kernel_ends(compiled, rule, levels), seed


@pytest.mark.parametrize("rule", [EDD, ATCS])
def test_small_plants_in_disturbed_weeks_complete_at_the_same_minutes(rule: str) -> None:
    for seed in range(300):
        compiled = compile_instance(bare(seed))
        scenario = realise(compiled, ROUGH, seed)
        twin = Twin(compiled.instance, None, reality_of(compiled, scenario))
        assert twin_ends(twin, rule) == kernel_ends(compiled, rule, scenario=scenario), seed


@pytest.mark.parametrize("rule", [EDD, ATCS])
def test_a_factory_of_74_machines_completes_at_the_same_minutes(rule: str) -> None:
    compiled = compile_instance(factory_instance(150, 74))
    rough = Disturbances(dict.fromkeys(compiled.work_centres, 200.0), duration_sigma=0.1)
    scenario = realise(compiled, rough, 3)
    twin = Twin(compiled.instance, None, reality_of(compiled, scenario))
    ends = twin_ends(twin, rule)
    assert len(ends) == compiled.n_operations > 900
    assert ends == kernel_ends(compiled, rule, scenario=scenario)


@pytest.mark.parametrize("order", list(permutations("ABC")))
def test_all_events_of_one_instant_are_applied_before_a_decision(order: tuple[str, ...]) -> None:
    """At minute 60 M1 becomes free while B waits; A's predecessor ends and C is released in that minute too.

    Whatever event is processed first, the most urgent of the three takes M1, then the next.
    """
    due = {"A": 1000, "B": 3000, "C": 2000, "X": 5000}
    jobs = {name: tiny_job(name, due=due[name]) for name in due}
    jobs["B"] = replace(jobs["B"], release=30)
    jobs["C"] = replace(jobs["C"], release=60)
    steps = {
        "A": [
            tiny_operation("A-P1", minutes=60, machine_type="LATHE"),
            tiny_operation("A-P2", minutes=10, predecessor="A-P1"),
        ],
        "B": [tiny_operation("B-P1", minutes=10)],
        "C": [tiny_operation("C-P1", minutes=10)],
    }
    running = tiny_operation("X-P1", minutes=60)
    for first in (True, False):
        operations = [operation for name in order for operation in steps[name]]
        operations = [running, *operations] if first else [*operations, running]
        instance = tiny_instance(
            operations,
            jobs=list(jobs.values()),
            plant=tiny_plant([tiny_machine("M1"), tiny_machine("M2", "LATHE")]),
        )
        compiled = compile_instance(instance)
        ends = kernel_ends(compiled, EDD)
        assert ends == {"X-P1": 60, "A-P1": 60, "A-P2": 70, "C-P1": 80, "B-P1": 90}
        assert twin_ends(Twin(instance), EDD) == ends


def test_a_release_in_the_minute_in_which_a_shift_begins_counts() -> None:
    """The machine opens at 480, where the late job waits; the urgent one is released in that minute."""
    instance = tiny_instance(
        [tiny_operation("A-P1", minutes=30), tiny_operation("B-P1", minutes=30)],
        jobs=[tiny_job("A", due=9000), tiny_job("B", due=2000, release=480)],
        plant=tiny_plant([tiny_machine("M1")]),
        open_time={"M1": OpenTime.of([(480, 960, 0)])},
    )
    assert kernel_ends(compile_instance(instance), EDD) == {"B-P1": 510, "A-P1": 540}
    assert twin_ends(Twin(instance), EDD) == {"B-P1": 510, "A-P1": 540}
