"""The critical-path search: known optima, sound graphs after any walk of moves, plans that pass the checkers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from classic_shops import OPTIMA, classic
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.random_plants import random_instance

from shopfloor.data.public_instances import PublicInstance
from shopfloor.domain.validator import validate
from shopfloor.engine.arrays import Compiled, compile_instance
from shopfloor.engine.disjunctive import improve_disjunctive, is_disjunctive
from shopfloor.engine.disjunctive_graph import graph_of, kept_plan, sequences_of
from shopfloor.engine.dispatch import Outcome, dispatch, to_schedule
from shopfloor.engine.kernel.disjunctive import Graph, Sequences, cost_of, recompute
from shopfloor.engine.kernel.disjunctive_anneal import anneal
from shopfloor.engine.kernel.disjunctive_tabu import Memory, shake, tabu_search
from shopfloor.engine.kernel.jit import entry
from shopfloor.engine.objective import Objective, objective_of
from shopfloor.engine.rules import Rule, RuleSpec
from shopfloor.twin.public_check import checked_value, placed
from shopfloor.twin.public_shop import compile_public, instance_of


@entry
def plan_cost(graph: Graph, plan: Sequences) -> float:
    return cost_of(graph, plan)


def objective_for(public: PublicInstance) -> Objective:
    return objective_of("tardiness" if public.is_tardiness else "makespan")


def searched(public: PublicInstance, iterations: int, *, workers: int = 1, seed: int = 0) -> int:
    compiled = compile_public(public)
    start = dispatch(compiled, RuleSpec(Rule.SLACK))
    better = improve_disjunctive(
        compiled, start, objective_for(public), iterations=iterations, seconds=60.0, workers=workers,
        seed=seed, goal=public.lower,
    )  # fmt: skip
    value = checked_value(public, placed(compiled, better))
    assert value <= checked_value(public, placed(compiled, start))
    return value


@pytest.mark.parametrize(
    ("name", "iterations", "at_most"),
    [
        ("ft06", 20_000, 55),
        ("la01", 20_000, 666),
        ("ft10", 400_000, 937),
        ("orb07", 400_000, 403),
        ("mk01", 400_000, 42),
        ("la16_f15", 1_500_000, 200),
    ],
)
def test_a_small_budget_reaches_or_nears_the_optimum(name: str, iterations: int, at_most: int) -> None:
    assert OPTIMA[name] <= searched(classic(name), iterations) <= at_most


@pytest.mark.parametrize("name", ["ft10", "mk01", "la16_f15"])
def test_the_same_seed_and_iterations_give_the_same_plan_on_two_threads(name: str) -> None:
    compiled = compile_public(classic(name))
    start = dispatch(compiled, RuleSpec(Rule.SLACK))

    def run(seed: int) -> Outcome:
        return improve_disjunctive(
            compiled,
            start,
            objective_for(classic(name)),
            iterations=30_000,
            seconds=60.0,
            workers=2,
            seed=seed,
        )

    first, again, other = run(3), run(3), run(4)
    assert (first.start == again.start).all() and (first.slot == again.slot).all()
    assert (first.start != other.start).any()


@pytest.mark.parametrize("name", ["ft06", "la16_f15"])
def test_the_plan_passes_the_independent_validator(name: str) -> None:
    public = classic(name)
    instance = instance_of(public)
    compiled = compile_instance(instance)
    start = dispatch(compiled, RuleSpec())
    better = improve_disjunctive(compiled, start, objective_for(public), iterations=20_000, seconds=60.0)
    assert validate(instance, to_schedule(compiled, better, "search")) == ()


def test_the_checker_sees_a_plan_that_cheats() -> None:
    public = classic("ft06")
    compiled = compile_public(public)
    plan = placed(compiled, dispatch(compiled, RuleSpec(Rule.SLACK)))
    assert checked_value(public, plan) >= 55
    for cheat in (
        [(m, s, e - (k == 3)) for k, (m, s, e) in enumerate(plan)],
        [(m, s - (k == 4), e - (k == 4)) for k, (m, s, e) in enumerate(plan)],
        [((m + 1) % 6 if k == 5 else m, s, e) for k, (m, s, e) in enumerate(plan)],
        plan[:-1],
    ):
        with pytest.raises(ValueError, match=r"job 0|operations"):
            checked_value(public, cheat)
    with pytest.raises(ValueError, match="below the bound"):
        checked_value(replace(public, lower=10_000), plan)


def plain_ends(graph: Graph, plan: Sequences) -> dict[int, int]:
    """Longest paths by repeated relaxation over the links, in plain Python; -1 = a cycle."""
    n = len(plan.order)
    end = dict.fromkeys(range(n), 0) | {n: 0}
    for _ in range(n + 1):
        before = dict(end)
        for x in range(n):
            start = max(int(graph.release[x]), end[int(graph.job_pred[x])], end[int(plan.pred[x])])
            end[x] = start + int(plan.run[x])
        if end == before:
            return end
    return dict.fromkeys(range(n), -1)


def assert_sound(compiled: Compiled, graph: Graph, plan: Sequences) -> None:
    n = len(plan.order)
    assert sorted(plan.order) == list(range(n))
    assert all(plan.place[plan.order[i]] == i for i in range(n))
    seen = []
    for slot in range(len(plan.first)):
        x, before = int(plan.first[slot]), n
        while x != n:
            assert plan.slot[x] == slot and plan.pred[x] == before
            seen.append(x)
            before, x = x, int(plan.succ[x])
    assert sorted(seen) == list(range(n))
    for x in range(n):
        for before in (graph.job_pred[x], plan.pred[x]):
            assert before == n or plan.place[before] < plan.place[x]
        rows = compiled.problem.elig[graph.elig_off[x] : graph.elig_off[x + 1]]
        assert (plan.slot[x], plan.run[x]) in {(int(slot), int(run)) for slot, run in rows}
    expected = plain_ends(graph, plan)
    assert [int(plan.end[x]) for x in range(n)] == [expected[x] for x in range(n)]


@st.composite
def small_shops(draw: st.DrawFn) -> PublicInstance:
    n_machines = draw(st.integers(1, 4))
    pair = st.tuples(st.integers(0, n_machines - 1), st.integers(0, 9))
    operation = st.lists(pair, min_size=1, max_size=n_machines, unique_by=lambda item: item[0]).map(tuple)
    jobs = draw(st.lists(st.lists(operation, min_size=1, max_size=5).map(tuple), min_size=1, max_size=6))
    if draw(st.booleans()):
        jobs = [tuple((alternatives[0],) for alternatives in job) for job in jobs]
    count = len(jobs)
    is_tardiness = draw(st.booleans())
    due = tuple(draw(st.lists(st.integers(0, 30), min_size=count, max_size=count))) if is_tardiness else ()
    weights = tuple(draw(st.lists(st.integers(1, 5), min_size=count, max_size=count))) if due else ()
    return PublicInstance("drawn", tuple(jobs), weights, due)


@given(small_shops(), st.integers(0, 1_000))
@settings(max_examples=150, deadline=None)
def test_no_walk_of_moves_corrupts_the_graph(public: PublicInstance, seed: int) -> None:
    compiled = compile_public(public)
    graph = graph_of(compiled, objective_for(public))
    kept = kept_plan(dispatch(compiled, RuleSpec(Rule.RANDOM), seed=seed))
    plan = sequences_of(graph, kept, len(compiled.problem.slot), seed)
    n = compiled.n_operations
    cost = recompute(graph, plan)
    assert_sound(compiled, graph, plan)
    score = np.array([cost, cost])
    for _ in range(4):
        anneal(graph, plan, kept, score, 7, 5.0, 1.0, 0.5, 0.3)
        assert_sound(compiled, graph, plan)
        assert score[0] == plan_cost(graph, plan)
    shake(graph, plan, 5)
    assert_sound(compiled, graph, plan)
    if not public.is_tardiness:
        memory = Memory(
            np.zeros(1 << 10, dtype=np.int64), np.zeros(n + 1, dtype=np.int32), np.zeros(4, dtype=np.int64)
        )
        score[:] = recompute(graph, plan)
        for _ in range(4):
            tabu_search(graph, plan, memory, kept, score, np.zeros(6, dtype=np.int64), 5)
            assert_sound(compiled, graph, plan)
            assert score[0] == plan_cost(graph, plan) >= score[1]


@given(small_shops(), st.integers(0, 1_000))
@settings(max_examples=60, deadline=None)
def test_the_search_never_makes_a_plan_worse_or_impossible(public: PublicInstance, seed: int) -> None:
    public = replace(public, lower=public.simple_bound)
    searched(public, 300, seed=seed)


@pytest.mark.parametrize("seed", range(20))
def test_shops_with_calendars_and_setups_are_not_for_this_search(seed: int) -> None:
    compiled = compile_instance(random_instance(seed, tidy=True))
    assert not is_disjunctive(compiled, objective_of("makespan"))
    with pytest.raises(ValueError, match="no critical-path search"):
        improve_disjunctive(
            compiled, dispatch(compiled, RuleSpec()), objective_of("makespan"), iterations=1, seconds=1.0
        )


def test_it_serves_one_criterion_at_a_time() -> None:
    compiled = compile_public(classic("ft06"))
    assert [
        is_disjunctive(compiled, objective_of(name)) for name in ("makespan", "tardiness", "balanced")
    ] == [
        True,
        True,
        False,
    ]
