"""The speed table: verdicts, the scaling law, the line protocol, and peers that are not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.meters import round_of
from flows import bench_players
from flows.bench_engine import _exponent, _ratio_row
from flows.bench_goals import AIM, MISSED, MUST, NOT_MEASURED, RATIOS, SHOWN, Meter, Ratio, judged, row_of
from flows.bench_players import Player, PlayerMissing, Round

GOAL = Ratio("G1", "ours : theirs", Meter("engine", "kernel"), Meter("simpy", "edd"), must=25, aim=60)


@pytest.mark.parametrize(
    ("value", "at_least", "verdict"),
    [(60, True, AIM), (59, True, MUST), (25, True, MUST), (24.9, True, MISSED), (60, False, MISSED)],
)
def test_a_median_is_judged_by_must_and_aim(value: float, at_least: bool, verdict: str) -> None:
    assert judged(value, 25, 60 if at_least else 10, at_least=at_least) == verdict


def test_without_a_threshold_a_figure_is_only_shown() -> None:
    assert row_of("G2", "a schedule", [1.0, 3.0, 2.0], unit="ms").verdict == SHOWN


def test_ratios_pair_the_rounds_and_show_median_and_range() -> None:
    ours = [Round(100.0, 1.0, {}), Round(300.0, 1.0, {}), Round(100.0, 0.5, {})]
    theirs = [Round(10.0, 1.0, {}), Round(10.0, 1.0, {}), Round(10.0, 2.0, {})]
    row = _ratio_row(GOAL, {GOAL.ours: ours, GOAL.peer: theirs}, {})
    assert (row.value, row.low, row.high, row.verdict) == (30.0, 10.0, 40.0, MUST)
    assert "30 x [10, 40]" in row.text()


def test_a_peer_that_is_not_built_is_named_with_the_command_that_builds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PlayerMissing, match="make bench-env"):
        Player(tmp_path / "python", "peer_simpy.py")
    row = _ratio_row(
        GOAL, {GOAL.ours: [Round(1.0, 1.0, {})]}, {"simpy": "peer not built: run make bench-env"}
    )
    assert row.verdict == NOT_MEASURED
    assert "make bench-env" in row.text()


def test_a_player_answers_rounds_and_a_broken_one_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench_players, "SCRIPTS", tmp_path)
    (tmp_path / "meters.py").write_text((bench_players.ROOT / "benchmarks" / "meters.py").read_text())
    (tmp_path / "counts.py").write_text(
        "from meters import serve\n"
        "def broken():\n    raise ValueError('no such day')\n"
        "def killed():\n    raise SystemExit('slain by an angry player')\n"
        "print('noise')\n"
        "count = lambda: {'amount': 2, 'beside': 7}\n"
        "serve('a counter', {'count': count, 'broken': broken, 'killed': killed})\n"
    )
    (tmp_path / "dies.py").write_text("raise SystemExit('out of beans')\n")
    player = Player(bench_players.OUR_PYTHON, "counts.py")
    try:
        made = player.ask("count", 0.01)
        assert made.amount >= 2
        assert made.cpu_s >= 0.01
        assert made.beside["beside"] == 7
        with pytest.raises(PlayerMissing, match="no such day"):
            player.ask("broken", 0.01)
        with pytest.raises(PlayerMissing, match="slain by an angry player"):
            player.ask("killed", 0.01)
    finally:
        player.close()
    with pytest.raises(PlayerMissing, match="out of beans"):
        Player(bench_players.OUR_PYTHON, "dies.py")


def test_a_round_lasts_as_long_as_asked_and_adds_up() -> None:
    made = round_of(lambda: sum(range(1000)) * 0 + 1.0, 0.02)
    assert made["cpu_s"] >= 0.02
    assert made["amount"] > 1


def test_the_exponent_of_a_power_law_is_found() -> None:
    assert _exponent([(n, 3e-6 * n**1.2) for n in (500, 2000, 8000, 30000)]) == pytest.approx(1.2)


def test_every_goal_names_players_that_exist() -> None:
    from flows.bench_engine import PLAYERS

    for goal in RATIOS:
        for meter in (goal.ours, goal.peer):
            assert (bench_players.SCRIPTS / PLAYERS[meter.player][1]).exists()
