"""Scores on a suite: the same cases for all, everything validated, nothing computed twice."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from evaluation_cases import tiny_instance

from shopfloor.domain.kpis import compute_kpis
from shopfloor.domain.validator import validate
from shopfloor.engine.dispatch import greedy_list, to_schedule
from shopfloor.engine.rules import Rule, RuleSpec
from shopfloor.engine.scenario import Disturbances
from shopfloor.evaluation.contestant import Contestant, Sampling, by_name, greedy, tuned_rules
from shopfloor.evaluation.evidence import ScoreRow
from shopfloor.evaluation.scoring import enter, play, read_rows, score_on_suite
from shopfloor.twin.bank import SuiteCase

ROUGH = Disturbances(mtbf_h={"MILL": 30.0}, mttr_h={"MILL": 5.0}, duration_sigma=0.2, rush_share=0.25)
SUITE = (
    SuiteCase("static-0", tiny_instance(0, has_commitment=True), None, 7),
    SuiteCase("static-1", tiny_instance(1), None, 8),
    SuiteCase("dynamic-0", tiny_instance(2, has_commitment=True), ROUGH, 9),
)
PLAYERS = by_name(
    [
        greedy(),
        *tuned_rules([RuleSpec(Rule.ATC, k1=1.0), RuleSpec(Rule.EDD)]),
        Contestant("tuned ATC best of 6", RuleSpec(Rule.ATC, k1=1.0), Sampling(6, 0.3, 5.0)),
    ]
)


def test_every_contestant_has_a_row_on_every_case_it_may_play() -> None:
    table = score_on_suite(PLAYERS, SUITE, suite_hash="s")
    assert len(table.rows) == 3 * 3 + 2
    assert set(table.values("tuned ATC best of 6")) == {"static-0", "static-1"}
    assert set(table.values("greedy", kind="dynamic")) == {"dynamic-0"}
    assert all(row.n_violations == 0 for row in table.rows)
    assert all(row.seconds > 0 and row.n_operations == 16 for row in table.rows)


def test_the_kpis_are_the_domains_own() -> None:
    arena = enter(SUITE[0])
    row = play(arena, greedy())
    plan = to_schedule(arena.compiled, greedy_list(arena.compiled), "greedy")
    expected = compute_kpis(arena.compiled.instance, plan, cohort=arena.cohort).as_dict()
    assert row.kpis == {name: float(value) for name, value in expected.items() if value is not None}


def test_what_is_avoidable_is_never_negative_in_regular_time() -> None:
    table = score_on_suite(PLAYERS, SUITE[:2], suite_hash="s")
    assert all(row.kpis["avoidable_weighted_tardiness"] >= -1e-6 for row in table.rows)


def test_the_best_of_samples_is_never_worse_than_the_deterministic_run() -> None:
    table = score_on_suite(PLAYERS, SUITE, suite_hash="s")
    alone, sampled = table.values("tuned ATC"), table.values("tuned ATC best of 6")
    assert all(sampled[case] <= alone[case] + 1e-6 for case in sampled)


def test_the_same_suite_twice_gives_the_same_numbers() -> None:
    first, again = (score_on_suite(PLAYERS, SUITE, suite_hash="s").rows for _ in range(2))
    assert [row.kpis for row in first] == [row.kpis for row in again]


def test_a_killed_evaluation_finishes_only_what_is_missing(tmp_path: Path) -> None:
    store = tmp_path / "scores" / "rows.jsonl"
    whole = score_on_suite(PLAYERS, SUITE, suite_hash="s", store=store)
    lines = store.read_text().splitlines()
    store.write_text("\n".join(lines[:4]) + "\n" + lines[4][:37])
    again = score_on_suite(PLAYERS, SUITE, suite_hash="s", store=store)
    assert [row.kpis for row in again.rows] == [row.kpis for row in whole.rows]
    assert [row.seconds for row in again.rows[:4]] == [row.seconds for row in whole.rows[:4]]
    assert len(read_rows(store)) == len(whole.rows)


def test_a_changed_contestant_or_suite_is_scored_again(tmp_path: Path) -> None:
    store = tmp_path / "rows.jsonl"
    said: list[str] = []
    score_on_suite(PLAYERS, SUITE, suite_hash="s", store=store)
    other = by_name(tuned_rules([RuleSpec(Rule.ATC, k1=3.0)]))
    score_on_suite(
        other, SUITE, suite_hash="s", store=store, progress=lambda d, n, w: said.append(f"{d}/{n} {w}")
    )
    score_on_suite(PLAYERS, SUITE[:1], suite_hash="t", store=store)
    assert len(read_rows(store)) == 11 + 3 + 4
    assert said[-1] == "3/3 tuned ATC on dynamic-0"


def test_a_renamed_contestant_is_recognised_by_what_it_does(tmp_path: Path) -> None:
    store = tmp_path / "rows.jsonl"
    score_on_suite(by_name([Contestant("old", RuleSpec(Rule.SPT))]), SUITE[:1], suite_hash="s", store=store)
    table = score_on_suite(
        by_name([Contestant("new", RuleSpec(Rule.SPT))]), SUITE[:1], suite_hash="s", store=store
    )
    assert table.contestants == ("new",)
    assert len(read_rows(store)) == 1


def test_a_score_row_survives_json() -> None:
    row = play(enter(SUITE[2]), greedy(), suite_hash="s")
    assert ScoreRow.from_json(row.as_json()) == row
    assert all(math.isfinite(value) for value in row.kpis.values())


def test_the_table_has_one_column_per_kpi() -> None:
    frame = score_on_suite(PLAYERS, SUITE[:1], suite_hash="s").frame()
    assert len(frame) == 4
    assert {"contestant", "case", "kind", "on_time_rate", "avoidable_weighted_tardiness"} <= set(
        frame.columns
    )


def test_the_best_contestant_is_the_one_with_the_smallest_sum() -> None:
    table = score_on_suite(PLAYERS, SUITE, suite_hash="s")
    sums = {name: sum(table.values(name).values()) for name in ("tuned ATC", "tuned EDD", "greedy")}
    assert table.best(sums) == min(sums, key=lambda name: sums[name])
    assert table.best(["nobody"]) is None


def test_realised_completions_count_where_the_future_is_hidden() -> None:
    row = play(enter(SUITE[2]), greedy())
    planned = play(enter(SuiteCase("x", SUITE[2].instance, None, 9)), greedy())
    assert row.kind == "dynamic"
    assert row.kpis["weighted_tardiness"] != pytest.approx(planned.kpis["weighted_tardiness"])


def test_an_interruption_that_nobody_could_foresee_is_no_fault_but_one_that_was_planned_is() -> None:
    rough = Disturbances(
        duration_sigma=0.5, mtbf_h={"LATHE": 20.0, "MILL": 20.0}, mttr_h={"LATHE": 3.0, "MILL": 3.0}
    )
    n_excused = 0
    for seed in range(12):
        base = tiny_instance(seed)
        operations = tuple(replace(item, is_interruptible=False) for item in base.operations)
        arena = enter(SuiteCase("rigid", replace(base, operations=operations), rough, seed))
        lived = arena.schedule_of(greedy().play(arena.compiled, scenario=arena.scenario), "greedy")
        codes = [item.code for item in validate(arena.world, lived)]
        n_excused += codes.count("NOT_CONTIGUOUS")
        assert arena.violations(lived) == []
    assert n_excused > 0
    rows = [replace(row, start=row.start - 1) for row in lived.operations]
    too_early = replace(lived, operations=tuple(rows))
    assert arena.violations(too_early)
