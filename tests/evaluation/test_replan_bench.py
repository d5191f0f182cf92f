"""The bench of planning again: who plays, what a stored row depends on, and a table that says who wins."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from evaluation_cases import tiny_instance

from shopfloor.engine.actor import ActorSpec, zero_weights
from shopfloor.engine.rules import Rule, RuleSpec
from shopfloor.engine.scenario import Disturbances
from shopfloor.evaluation.replan_bench import (
    AVOIDABLE,
    HINDSIGHT,
    TOTAL,
    ReplanPlayer,
    ReplanRow,
    keep,
    key_of,
    play,
    players,
    stored,
    table_of,
)
from shopfloor.evaluation.scoring import enter
from shopfloor.evaluation.search_rows import RowStore
from shopfloor.twin.bank import SuiteCase

ROUGH = Disturbances(mtbf_h={"MILL": 30.0}, mttr_h={"MILL": 5.0}, duration_sigma=0.2, rush_share=0.25)
CASE = SuiteCase("dynamic-0", tiny_instance(2, has_commitment=True), ROUGH, 9)
RULES = (RuleSpec(Rule.ATC, k1=1.0), RuleSpec(Rule.EDD))
POLICY = ActorSpec(zero_weights(8, 8), RULES[0])
EVERYBODY = players(RULES, POLICY, {"1 ms": 200, "2 ms": 400})


def test_everybody_plays_a_case_with_a_hidden_future_and_nothing_is_invalid() -> None:
    arena = enter(CASE)
    rows = [play(arena, CASE, player, seed=0) for player in EVERYBODY]
    assert [row.n_violations for row in rows] == [0] * len(rows)
    assert len({row.key for row in rows}) == len(rows)
    for row, player in zip(rows, EVERYBODY, strict=True):
        assert (row.facts != {}) == (player.settings is not None)
        assert row.kpis[TOTAL] >= row.kpis[AVOIDABLE] - 1e-9
    totals = {row.player: row.kpis[TOTAL] for row in rows}
    assert totals[HINDSIGHT] == min(totals.values())
    table = table_of(rows, EVERYBODY)
    assert [line.player for line in table.lines] == [player.name for player in EVERYBODY]
    assert table.verdict() in table.text()


def test_without_a_policy_nobody_needs_one() -> None:
    alone = players(RULES, None, {"1 ms": 200})
    assert not any("policy" in player.name for player in alone)
    assert all(player.settings is None or player.settings.policy is None for player in alone)
    assert {player.rival for player in alone} <= {player.name for player in alone} | {""}


def test_a_row_belongs_to_a_case_a_seed_and_what_the_player_does_not_to_its_name() -> None:
    player = next(player for player in EVERYBODY if player.settings is not None)
    assert player.settings is not None
    key = key_of(CASE, player, seed=0)
    assert key == key_of(CASE, replace(player, name="another", rival=""), seed=0)
    others = [
        key_of(CASE, player, seed=1),
        key_of(replace(CASE, scenario_seed=10), player, seed=0),
        key_of(replace(CASE, disturbances=replace(ROUGH, duration_sigma=0.1)), player, seed=0),
        key_of(CASE, replace(player, settings=replace(player.settings, moves=7)), seed=0),
        key_of(CASE, replace(player, settings=replace(player.settings, policy=POLICY)), seed=0),
    ]
    assert len({key, *others}) == 6


def test_a_stored_row_is_found_again_under_the_players_name(tmp_path: Path) -> None:
    path, player = tmp_path / "rows.jsonl", EVERYBODY[0]
    assert stored(RowStore(path), CASE, player, seed=0) is None
    row = play(enter(CASE), CASE, player, seed=0)
    keep(RowStore(path), row)
    assert stored(RowStore(path), CASE, player, seed=0) == row
    renamed = stored(RowStore(path), CASE, replace(player, name="tuned X"), seed=0)
    assert renamed is not None
    assert renamed.player == "tuned X"


def row(player: ReplanPlayer, case: int, days: float) -> ReplanRow:
    facts = {} if player.settings is None else {"plannings": 3.0, "search_ms": 1.0, "other_ms": 2.0}
    return ReplanRow(
        f"{player.name}{case}", str(case), player.name, 4, 0, {TOTAL: days, AVOIDABLE: days / 2}, facts
    )


@pytest.mark.parametrize(("factor", "words"), [(0.5, "wins over"), (1.5, "does not win over")])
def test_the_table_says_who_wins_against_the_rule_that_is_best_on_these_cases(
    factor: float, words: str
) -> None:
    alone = players(RULES, None, {"1 ms": 200}, are_all=False)
    worse, best, hindsight, *planners = alone
    days = [10.0, 20.0, 30.0]
    rows = [row(worse, k, 2 * value) for k, value in enumerate(days)]
    rows += [row(best, k, value) for k, value in enumerate(days)]
    rows += [row(hindsight, k, value / 10) for k, value in enumerate(days)]
    rows += [row(planner, k, factor * value) for planner in planners for k, value in enumerate(days)]
    table = table_of(rows, alone)
    assert table.opponent == best.name
    ratios = {line.player: line.total.ratio for line in table.lines}
    assert ratios[worse.name] == 2.0
    assert all(ratios[planner.name] == pytest.approx(factor) for planner in planners)
    assert f" {words} " in table.verdict()
    assert HINDSIGHT not in table.verdict()
    against = table.lines[-1].against
    assert against is not None
    assert against.ratio == 1.0


def test_players_with_fewer_cases_are_compared_on_those() -> None:
    alone = players(RULES, None, {"1 ms": 200}, are_all=False)
    rows = [row(player, k, 10.0 + k) for player in alone[:2] for k in range(4)]
    rows.append(row(alone[2], 3, 6.5))
    table = table_of(rows, alone)
    assert [line.n_cases for line in table.lines] == [4, 4, 1]
    assert table.lines[-1].total.ratio == 0.5
