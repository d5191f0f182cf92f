"""The CP-SAT reference against brute force: its optimum is the optimum, its bound is a bound, its plans are valid."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import permutations, product

import pytest
from builders import DAY, day_shifts, tiny_instance, tiny_job, tiny_machine, tiny_operation, tiny_plant
from oracles.random_plants import random_instance

from shopfloor.domain.instance import Commitment, CommitmentKind, Instance
from shopfloor.domain.kpis import compute_kpis
from shopfloor.domain.plant import SetupRule
from shopfloor.domain.validator import validate
from shopfloor.engine.arrays import Compiled, compile_instance
from shopfloor.engine.dispatch import dispatch, greedy_list, quick_cost, to_schedule
from shopfloor.engine.rules import Rule, RuleSpec
from shopfloor.policies.exact import NotExact, in_order, solve_reference
from shopfloor.policies.exact_arcs import why_not_exact
from shopfloor.policies.exact_axis import ShopOnAxis, shop_on_axis
from shopfloor.policies.exact_decode import Decoder


def one_machine_with_setups() -> Instance:
    """Return four jobs of two families on one machine; changing the family costs an hour."""
    operations = [
        tiny_operation("A-P1", minutes=100, family="X"),
        tiny_operation("B-P1", minutes=60, family="Y"),
        tiny_operation("C-P1", minutes=90, family="X"),
        tiny_operation("D-P1", minutes=30, family="Y"),
    ]
    jobs = [
        tiny_job("A", due=150, weight=2.0),
        tiny_job("B", due=100, weight=1.0),
        tiny_job("C", due=300, weight=4.0),
        tiny_job("D", due=60, weight=3.0),
    ]
    machine = tiny_machine("M1", setup_time_same=5, setup_time_different=60, current_setup_family="Y")
    return tiny_instance(operations, jobs=jobs, plant=tiny_plant([machine]))


def two_centres_by_day() -> Instance:
    """Return three jobs over two work centres that work 08:00-16:00, one operation not to be interrupted."""
    operations = [
        tiny_operation("A-P1", minutes=300, family="X", machine_type="SAW"),
        tiny_operation("A-P2", minutes=200, family="X", predecessor="A-P1", is_interruptible=False),
        tiny_operation("B-P1", minutes=240, family="Y", machine_type="SAW"),
        tiny_operation("B-P2", minutes=350, family="Y", predecessor="B-P1"),
        tiny_operation("C-P1", minutes=400, family="X", is_interruptible=False),
    ]
    jobs = [
        tiny_job("A", due=DAY, weight=2.0),
        tiny_job("B", due=DAY, weight=3.0, release=600),
        tiny_job("C", due=DAY + 700, weight=5.0),
    ]
    machines = [
        tiny_machine("S1", "SAW", setup_time_different=20),
        tiny_machine("M1", setup_time_same=10, setup_time_different=45),
        tiny_machine("M2", speed_factor=0.8, setup_time_same=10, setup_time_different=45),
    ]
    open_time = {machine.machine_id: day_shifts() for machine in machines}
    return tiny_instance(
        operations,
        jobs=jobs,
        plant=tiny_plant(machines, setup_rules=(SetupRule(90, "X", "Y", "MILL"),)),
        open_time=open_time,
        now=400,
    )


def after_what_runs() -> Instance:
    """Return two identical slots of one machine, one of which is busy until minute 500."""
    operations = [
        tiny_operation("R-P1", minutes=500, family="X"),
        tiny_operation("R-P2", minutes=40, family="X", predecessor="R-P1"),
        *(tiny_operation(f"{name}-P1", minutes=120, family="Y") for name in "ABC"),
    ]
    jobs = [tiny_job("R", due=600), *(tiny_job(name, due=200 + 50 * k) for k, name in enumerate("ABC"))]
    machine = tiny_machine("M1", capacity=2, setup_time_different=30)
    running = Commitment("R-P1", "M1", 0, 500, CommitmentKind.IN_PROGRESS)
    return tiny_instance(operations, jobs=jobs, plant=tiny_plant([machine]), commitments=(running,))


GOLDEN = (one_machine_with_setups, two_centres_by_day, after_what_runs)


def every_sequence(shop: ShopOnAxis) -> Iterator[tuple[dict[int, int], tuple[int, ...]]]:
    """Yield every assignment with every order in which predecessors come first."""
    ops = list(shop.operations)
    for order in permutations(ops):
        place = {op: k for k, op in enumerate(order)}
        if any(place.get(item.predecessor, -1) > place[op] for op, item in shop.operations.items()):
            continue
        for slots in product(*(shop.operations[op].run for op in ops)):
            yield dict(zip(ops, slots, strict=True)), order


def brute_force(compiled: Compiled, *, makespan: bool = False) -> float:
    shop = shop_on_axis(compiled, setup_share=1.0)
    best = math.inf
    for slot_of, order in every_sequence(shop):
        outcome = shop.decoder.decode(slot_of, order)
        assert outcome is not None
        now = compiled.instance.now
        cost = (outcome.end.max() - now) / DAY if makespan else quick_cost(compiled, outcome)
        best = min(best, cost)
    return best


@pytest.mark.parametrize("build", GOLDEN)
def test_the_proven_optimum_is_that_of_brute_force(build):
    compiled = compile_instance(build())
    found = solve_reference(compiled, warm=greedy_list(compiled), seconds=20, mode="exact")
    assert found.is_optimal
    assert found.cost == pytest.approx(brute_force(compiled))
    assert found.bound == pytest.approx(found.cost)


@pytest.mark.parametrize("build", GOLDEN)
def test_the_shortest_makespan_is_that_of_brute_force(build):
    compiled = compile_instance(build())
    found = solve_reference(compiled, warm=greedy_list(compiled), seconds=20, mode="exact", goal="makespan")
    assert found.is_optimal
    assert found.cost == pytest.approx(brute_force(compiled, makespan=True))
    assert found.bound == pytest.approx(found.cost)


@pytest.mark.parametrize("build", GOLDEN)
def test_the_plant_model_never_gets_below_the_optimum_and_its_plan_is_valid(build):
    compiled = compile_instance(build())
    best = brute_force(compiled)
    found = solve_reference(compiled, warm=greedy_list(compiled), seconds=2, mode="plant")
    assert found.bound is None and not found.is_optimal and found.approximations
    assert best - 1e-9 <= found.cost <= found.start_cost
    assert validate(compiled.instance, to_schedule(compiled, found.outcome, "exact")) == ()


@pytest.mark.parametrize("seed", range(24))
def test_any_plan_of_a_random_plant_is_valid_and_scored_as_the_domain_scores_it(seed):
    compiled = compile_instance(random_instance(seed, tidy=True))
    warm = dispatch(compiled, RuleSpec(Rule.ATCS))
    found = solve_reference(compiled, warm=warm, seconds=0.3)
    plan = to_schedule(compiled, found.outcome, "exact")
    assert validate(compiled.instance, plan) == ()
    assert found.cost <= quick_cost(compiled, warm)
    assert compute_kpis(compiled.instance, plan).weighted_tardiness == pytest.approx(found.cost)
    if found.bound is not None:
        assert found.cost >= found.bound - 1e-9


@pytest.mark.parametrize("seed", range(60))
def test_the_decoder_retells_a_rule_without_loss(seed):
    """The order and slots of a finished plan, decoded, end no job later: nothing was put before its turn."""
    compiled = compile_instance(random_instance(seed, tidy=True, with_pins=False))
    plan = dispatch(compiled, RuleSpec(Rule.EDD))
    free = [op for op in range(compiled.n_operations) if plan.code[op] == 0]
    free = [op for op in free if compiled.operation_ids[op] not in compiled.instance.commitment_by_id]
    order = in_order({op: int(plan.start[op]) for op in free})
    retold = Decoder(compiled).decode({op: int(plan.slot[op]) for op in free}, order)
    assert retold is not None
    assert (
        validate(compiled.instance, to_schedule(compiled, retold, "retold")) == () or (plan.code != 0).any()
    )
    assert (retold.start[free] <= plan.start[free]).all() or (plan.code != 0).any()


def test_an_instance_of_two_calendars_is_refused_with_the_reason():
    instance = tiny_instance([tiny_operation("A-P1")], open_time={"M1": day_shifts()})
    compiled = compile_instance(instance)
    with pytest.raises(NotExact, match="different calendars"):
        solve_reference(compiled, warm=greedy_list(compiled), seconds=1, mode="exact")


def test_a_frozen_operation_after_now_is_not_exact():
    frozen = Commitment("A-P1", "M1", 300, 360, CommitmentKind.FROZEN)
    instance = tiny_instance([tiny_operation("A-P1"), tiny_operation("B-P1")], commitments=(frozen,))
    reason = why_not_exact(shop_on_axis(compile_instance(instance), setup_share=1.0))
    assert reason == "a frozen operation begins after now"


def test_the_cpu_budget_stops_the_solver():
    compiled = compile_instance(random_instance(3, tidy=True, with_pins=False))
    found = solve_reference(compiled, warm=greedy_list(compiled), seconds=60, cpu_seconds=0.0, mode="plant")
    assert found.seconds < 30
