"""The milestones hold exactly what was promised, and everybody plays the same books."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from shopfloor.domain.kpis import compute_kpis
from shopfloor.engine.dispatch import dispatch, quick_cost, to_schedule
from shopfloor.engine.rules import Rule, RuleSpec
from shopfloor.envs.dispatcher import InstanceBank
from shopfloor.envs.dispatcher_presets import exercise_named
from shopfloor.envs.dispatcher_shops import HELD_OUT_SEEDS, drawn_from
from shopfloor.evaluation.milestones import OURS, Contest, contest, mean_tardiness_days
from shopfloor.evaluation.milestones_goals import Learning, judge, reached_after
from shopfloor.policies.dispatcher_model import DispatcherModel, DispatcherWeights, expected_shapes

TUNED = (RuleSpec(Rule.ATCS, k1=1.5), RuleSpec(Rule.ATC, k1=1.0))
LEARNING = Learning(cpu_seconds=50.0, reached_after=20.0, timesteps=1000, is_resumed=False)
PLAYERS = (OURS, "random", "greedy", "greedy list", "ATC textbook", "ATC tuned", "ATCS tuned")


def rule_as_dispatcher() -> DispatcherModel:
    """Return a dispatcher that is the tuned rule: no network, only its prior."""
    widths = DispatcherWeights(*(np.zeros(4, np.float32) for _ in DispatcherWeights._fields))
    weights = DispatcherWeights(*(np.zeros(shape, np.float32) for shape in expected_shapes(widths)))
    return DispatcherModel(weights._replace(wait_b=np.array([-100.0], np.float32)), TUNED[0], prior=1.0)


def a_contest(**costs: float) -> Contest:
    """Return four equal books; a player costs 10 unless given."""
    table = {name: (costs.get(name.replace(" ", "_"), 10.0),) * 4 for name in PLAYERS}
    return Contest(table, table, (0,) * 4, (0,) * 4, (500,) * 4, (1.0,) * 4)


def missed(exercise: str, found: Contest, learning: Learning = LEARNING) -> list[str]:
    return [
        goal.name.split(": ")[1].split(",")[0]
        for goal in judge(exercise, found, learning).goals
        if not goal.is_met
    ]


def test_toy_must_halve_random_and_reach_the_best_tuned_rule_in_time() -> None:
    assert missed("toy", a_contest(dispatcher=5.0)) == []
    assert missed("toy", a_contest(dispatcher=5.1)) == ["weighted tardiness over random choice's"]
    assert missed("toy", a_contest(dispatcher=5.0, ATC_tuned=4.9)) == [
        "weighted tardiness over the best tuned rule's"
    ]
    for seconds in (None, 601.0):
        slow = replace(LEARNING, reached_after=seconds)
        assert missed("toy", a_contest(dispatcher=1.0), slow) == [
            "CPU seconds until it reached the tuned rule"
        ]


def test_medium_must_be_valid_and_at_most_080_of_both_greedy_ones() -> None:
    assert missed("medium", a_contest(dispatcher=8.0)) == []
    assert missed("medium", a_contest(dispatcher=8.0, greedy=9.9)) == ["weighted tardiness over greedy's"]
    broken = replace(a_contest(dispatcher=1.0), n_violations=(0, 0, 2, 0))
    assert missed("medium", broken) == ["plans that break a rule"]


def test_production_must_place_all_500_operations_in_ten_seconds() -> None:
    assert missed("production", a_contest(dispatcher=9.0)) == []
    one_left = replace(a_contest(dispatcher=9.0), n_unassigned=(0, 1, 0, 0))
    assert missed("production", one_left) == ["operations missing of 500 in the smallest plan"]
    slow = replace(a_contest(dispatcher=9.0), seconds=(1.0, 10.5, 1.0, 1.0))
    assert missed("production", slow) == ["seconds of the slowest plan"]


def test_the_tuned_rule_is_reached_at_the_first_evaluation_that_is_no_worse() -> None:
    rows = (
        {"ratio": 1.4, "cpu_seconds": 1.0},
        {"ratio": 1.0, "cpu_seconds": 5.0},
        {"ratio": 0.9, "cpu_seconds": 9.0},
    )
    assert reached_after(rows) == 5.0
    assert reached_after(rows[:1]) is None


def test_everybody_plans_the_same_books_and_the_rule_is_even_with_itself() -> None:
    exercise = exercise_named("medium")
    bank = InstanceBank(drawn_from(exercise.shop), n=3, first=HELD_OUT_SEEDS)
    books = [bank.book(k, exercise.max_operations) for k in range(3)]
    told: list[tuple[int, int]] = []
    found = contest(rule_as_dispatcher(), exercise, books, TUNED, progress=lambda *done: told.append(done))
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert set(found.costs) == set(PLAYERS)
    assert found.against("ATCS tuned").ratio == pytest.approx(1.0)
    assert found.against("random").ratio < 1.0
    assert (set(found.n_violations), set(found.n_unassigned)) == ({0}, {0})
    assert found.costs["greedy"][1] == pytest.approx(
        quick_cost(books[1], dispatch(books[1], RuleSpec(Rule.GREEDY_DISPATCH)))
    )
    text = judge("medium", found, LEARNING).text()
    assert "3 held-out books" in text
    assert all(name in text for name in PLAYERS)


def test_mean_tardiness_is_the_plans_own_kpi() -> None:
    exercise = exercise_named("medium")
    book = InstanceBank(drawn_from(exercise.shop), n=1).book(0, exercise.max_operations)
    outcome = dispatch(book, RuleSpec(Rule.SPT))
    kpis = compute_kpis(book.instance, to_schedule(book, outcome, "rule"))
    assert mean_tardiness_days(book, outcome) == pytest.approx(kpis.mean_tardiness_days)
    assert math.isfinite(kpis.mean_tardiness_days)
