"""The bench on public instances: everybody is checked and counted, and a stopped run goes on where it was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from classic_shops import FT06, LA16_TWT, MK01

from flows.bench_public import CONTESTANTS, CP_SAT, OURS, PublicRow, run_public_bench
from shopfloor.data.public_instances import PublicInstance
from shopfloor.policies.exact_public import solve_public
from shopfloor.twin.public_check import checked_value


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for inside, name, text in (
        ("jsp/ft", "ft06", FT06),
        ("fjsp/brandimarte", "mk01", MK01),
        ("jsp_twt", "la16_f15", LA16_TWT),
    ):
        (tmp_path / inside).mkdir(parents=True)
        (tmp_path / inside / f"{name}.txt").write_text(text)
    (tmp_path / "bounds.csv").write_text(
        "instance,problem,path,lower_bound,upper_bound,status\n"
        "ft06,jsp,jsp/ft/ft06.txt,55,55,closed\nmk01,fjsp,fjsp/brandimarte/mk01.txt,40,40,closed\n"
    )
    (tmp_path / "twt_bounds.csv").write_text("path,best,proved_here\njsp_twt/la16_f15.txt,166,1\n")
    return tmp_path


def test_every_contestant_is_measured_once_and_kept(folder: Path, tmp_path: Path) -> None:
    store = tmp_path / "rows.jsonl"
    sets = ["ft", "brandimarte", "twt"]
    table = run_public_bench(sets, folder, seconds=0.2, workers=1, store=store)
    assert [(row.instance, row.contestant) for row in table.rows] == [
        (name, who) for name in ("ft06", "mk01", "la16_f15") for who in CONTESTANTS
    ]
    assert all(row.value >= row.lower for row in table.rows if row.value >= 0)
    assert next(row.value for row in table.rows if row.contestant == OURS) == 55
    figures = {(s.set_name, s.contestant): s.figure for s in table.summaries}
    assert figures["ft", OURS] == 0.0 and figures["twt", OURS] >= 1.0
    assert "mk01" in table.text()

    lines = store.read_text().splitlines()
    store.write_text("\n".join(lines[:-1]) + "\n")
    assert run_public_bench(sets, folder, seconds=0.2, workers=1, store=store).rows[:-1] == table.rows[:-1]
    assert len(store.read_text().splitlines()) == len(lines) == 9
    assert json.loads(lines[0])["seconds"] == 0.2


def test_cp_sat_answers_all_three_kinds(folder: Path) -> None:
    table = run_public_bench(
        ["ft", "brandimarte", "twt"], folder, seconds=2.0, workers=1, contestants=[CP_SAT]
    )
    assert [row.value for row in table.rows][:2] == [55, 40]
    assert table.rows[2].value >= 166


def test_cp_sat_proves_a_shop_of_two_jobs() -> None:
    public = PublicInstance("two", ((((0, 3),), ((1, 2),)), (((0, 2),), ((1, 4),))))
    answer = solve_public(public, cpu_seconds=2.0, workers=1)
    assert answer.is_optimal and answer.plan is not None
    assert checked_value(public, answer.plan) == 8


def test_a_gap_without_a_plan_or_a_best_known_is_no_number() -> None:
    row = PublicRow("ft", "x", 4, OURS, -1, 10, 0, 1.0, 0)
    assert row.gap != row.gap
    assert PublicRow("ft", "x", 4, OURS, 11, 10, 0, 1.0, 0).gap == pytest.approx(10.0)
