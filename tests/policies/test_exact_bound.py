"""The proved bound: no plan is below it, proven optima least of all, and on easy shops it is the optimum."""

from __future__ import annotations

import pytest
from builders import DAY, day_shifts, tiny_instance, tiny_job, tiny_machine, tiny_operation, tiny_plant
from oracles.random_plants import random_instance

from shopfloor.domain.instance import Instance
from shopfloor.domain.kpis import compute_kpis
from shopfloor.engine.arrays import Compiled, compile_instance
from shopfloor.engine.dispatch import Outcome, dispatch, greedy_list, to_schedule
from shopfloor.engine.rules import Rule, RuleSpec
from shopfloor.evaluation.search_cases import anchor_case, daily_case
from shopfloor.policies.exact import solve_reference
from shopfloor.policies.exact_bound import Bound, proved_bound
from shopfloor.twin.fit import fit_twin
from shopfloor.twin.generate import generate_plant
from shopfloor.twin.plant_spec import DEFAULT_AS_OF, TINY_SPEC

RULES = (Rule.EDD, Rule.SPT, Rule.ATC, Rule.ATCS)


def avoidable(compiled: Compiled, outcome: Outcome) -> float:
    plan = to_schedule(compiled, outcome, "test")
    return compute_kpis(compiled.instance, plan).avoidable_weighted_tardiness


def best_rule(compiled: Compiled) -> float:
    plans = [greedy_list(compiled), *(dispatch(compiled, RuleSpec(rule)) for rule in RULES)]
    return min(avoidable(compiled, plan) for plan in plans)


def bound_of(instance: Instance, target: float, *, bins: tuple[int, ...] = (30, 5), steps: int = 60) -> Bound:
    return proved_bound(instance, target=max(target, 1e-3), bins=bins, iterations=steps)


def one_hour_each() -> Instance:
    """Return four jobs of one hour and different weights on one machine, all due after an hour."""
    jobs = [tiny_job(name, due=60, weight=w) for name, w in zip("ABCD", (1.0, 4.0, 2.0, 3.0), strict=True)]
    operations = [tiny_operation(f"{job.job_id}-P1", minutes=60) for job in jobs]
    return tiny_instance(operations, jobs=jobs, plant=tiny_plant([tiny_machine()]))


def test_without_setups_and_with_equal_times_the_bound_is_the_optimum():
    """By weight they end after 1, 2, 3 and 4 hours: 3 x 60 + 2 x 120 + 1 x 180 weighted minutes."""
    found = bound_of(one_hour_each(), 600 / DAY, bins=(60,), steps=200)
    assert found.value == pytest.approx(600 / DAY, rel=0.01)
    assert found.value <= 600 / DAY


def test_a_change_between_families_costs_its_setup():
    """B waits for A and for an hour of setup; the other way round both are later."""
    operations = [tiny_operation("A-P1", family="X"), tiny_operation("B-P1", family="Y")]
    jobs = [tiny_job("A", due=60), tiny_job("B", due=60)]
    machine = tiny_machine(setup_time_different=60, current_setup_family="X")
    instance = tiny_instance(operations, jobs=jobs, plant=tiny_plant([machine]))
    found = bound_of(instance, 120 / DAY, bins=(60,), steps=200)
    assert found.value == pytest.approx(120 / DAY, rel=0.01)
    assert found.value <= 120 / DAY


def test_a_night_between_shifts_and_what_follows_the_centre_count():
    """Each job fills a day of the saw; the second one reaches the mill a day later than it would alone."""
    operations = [
        tiny_operation(f"{name}-P{step}", minutes=minutes, machine_type=centre, predecessor=before)
        for name in "AB"
        for step, minutes, centre, before in ((1, 480, "SAW", None), (2, 60, "MILL", f"{name}-P1"))
    ]
    jobs = [tiny_job(name, due=0, weight=2.0) for name in "AB"]
    plant = tiny_plant([tiny_machine("S1", "SAW"), tiny_machine("M1", "MILL")])
    open_time = {name: day_shifts() for name in ("S1", "M1")}
    found = bound_of(tiny_instance(operations, jobs=jobs, plant=plant, open_time=open_time), 2.0, bins=(60,))
    assert found.value == pytest.approx(2.0, rel=0.01)
    assert found.value <= 2.0


@pytest.mark.parametrize("seed", range(120))
def test_no_plan_of_a_random_plant_is_below_the_bound(seed):
    compiled = compile_instance(random_instance(seed, tidy=True))
    best = best_rule(compiled)
    assert bound_of(compiled.instance, best).value <= best + 1e-9


@pytest.mark.parametrize("number", (0, 2))
def test_no_proven_optimum_is_below_the_bound(number):
    compiled = compile_instance(anchor_case(number).instance)
    exact = solve_reference(compiled, warm=greedy_list(compiled), seconds=20, mode="exact")
    best = avoidable(compiled, exact.outcome)
    found = bound_of(compiled.instance, best, bins=(30, 15), steps=150)
    assert 0.0 < found.value <= best + 1e-9


@pytest.mark.parametrize("seed", range(40))
def test_no_exact_answer_of_a_random_plant_is_below_the_bound(seed):
    compiled = compile_instance(random_instance(seed, tidy=True, with_pins=False))
    best = avoidable(compiled, solve_reference(compiled, warm=greedy_list(compiled), seconds=0.4).outcome)
    found = bound_of(compiled.instance, best, bins=(10, 1), steps=40)
    assert found.value <= best + 1e-9


def test_it_holds_on_a_plant_as_generated_and_is_the_same_again():
    twin = fit_twin(generate_plant(TINY_SPEC, seed=1), as_of=DEFAULT_AS_OF, plant_tz=TINY_SPEC.plant_tz)
    for number in range(3):
        compiled = compile_instance(daily_case(twin, number).instance)
        best = best_rule(compiled)
        found = bound_of(compiled.instance, best)
        assert 0.0 <= found.value <= best + 1e-9
        assert found.value == pytest.approx(sum(found.by_centre.values()))
    assert bound_of(compiled.instance, best).value == found.value


def test_a_book_without_work_has_a_bound_of_nothing():
    assert bound_of(tiny_instance([]), 1.0).value == 0.0
