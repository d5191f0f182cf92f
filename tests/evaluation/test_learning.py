"""The learning table: the opponent is the tuned rule that is best on the line's own cases; goals want the interval."""

from __future__ import annotations

from pathlib import Path

import pytest

from shopfloor.evaluation.learning import (
    HEADLINES,
    HOME,
    NOISY_RULE,
    POLICY,
    SAMPLES,
    Headline,
    LearningRow,
    abroad,
    answer,
    learning_table,
)
from shopfloor.evaluation.learning_page import render_learning

COST = {"seconds": 60.0, "cpu_seconds": 90.0, "n_labels": 10.0, "ppo_timesteps": 0.0, "validation_ratio": 0.9}


def row(player: str, case: int, cost: float, *, seed: int = 0, kind: str = "dynamic") -> LearningRow:
    return LearningRow(seed, HOME, kind, f"case-{case}", player, cost, cost + 100.0, 0.01, 0)


def rows_of(policy: float, *, seeds: int = 3, cases: int = 12) -> list[LearningRow]:
    found = []
    for seed in range(seeds):
        for case in range(cases):
            size = 50.0 + 7 * (case % 5)
            found += [
                row(POLICY, case, policy * size, seed=seed),
                row("tuned ATCS", case, size, seed=seed),
                row("tuned ATC", case, 1.2 * size, seed=seed),
                row("tuned CR", case, 0.1 * size, seed=seed)
                if seed == 0
                else row("EDD", case, 1.0, seed=seed),
            ]
    return found


def test_the_opponent_is_the_best_tuned_rule_that_played_every_cell() -> None:
    found = answer(rows_of(0.9), HEADLINES[0])
    assert found is not None
    assert found.opponent == "tuned ATCS"
    assert found.avoidable[0] == pytest.approx(0.9)
    assert found.total[0] > 0.9
    assert found.by_seed == pytest.approx({0: 0.9, 1: 0.9, 2: 0.9})
    assert found.is_met is True


def test_a_goal_wants_the_ratio_and_the_whole_interval() -> None:
    assert answer(rows_of(0.98), HEADLINES[0]).is_met is False  # type: ignore[union-attr]
    rows = rows_of(0.9)
    rows = [
        row(POLICY, 0, 600.0, seed=item.seed) if item.player == POLICY and item.case == "case-0" else item
        for item in rows
    ]
    wide = answer(rows, Headline("x", HOME, "dynamic", POLICY, 2.0))
    assert wide is not None and wide.avoidable[2] > 1.0 and wide.is_met is False


def test_headlines_without_rows_are_left_out_and_pages_are_written(tmp_path: Path) -> None:
    table = learning_table(rows_of(0.9), [*HEADLINES, *abroad("unseen plant 1")], {0: COST}, title="t")
    assert [item.headline.name for item in table.answers] == [HEADLINES[0].name]
    assert "policy alone, disturbed" in table.text() and "yes" in table.text()
    cells = [
        {
            "seed": 0,
            "history": [{"ratio": 1.0, "seconds": 1.0}, {"ratio": 0.9, "seconds": 2.0, "stage": 1.0}],
            "steps": {"labels": 1.0, "ppo": 2.0},
            "switches": "stage 1: graduated",
        }
    ]
    page = render_learning(table, cells, tmp_path / "learning.html").read_text()
    assert "wall minutes" in page and "graduated" in page
    assert {SAMPLES, NOISY_RULE} <= {line.player for line in HEADLINES}
