"""The ablation table: paired by seed and case, intervals over both, the same numbers as text, CSV, JSON and page."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

from shopfloor.envs.score import EpisodeKpis
from shopfloor.evaluation.ablation import (
    PRIMARY,
    AblationRow,
    Ending,
    ablation_table,
    effect,
    two_way_interval,
)
from shopfloor.evaluation.ablation_page import render_ablation

MEANINGS = {"full": "all of it", "no_mask": "without mask", "tuned ATCS": "a rule", "never": "not run"}
SEEDS, CASES = (0, 1, 2), [f"static-{i}" for i in range(8)] + [f"dynamic-{i}" for i in range(4)]


def row(contestant: str, seed: int, case: str, cost: float, ending: Ending = "kept") -> AblationRow:
    kpis = {PRIMARY: cost, "on_time_rate": 0.5, "mean_tardiness_days": cost / 10, "makespan_days": 5.0}
    return AblationRow(
        contestant, seed, case, case.split("-")[0], ending, kpis, EpisodeKpis(cost, cost, 5.0, 0.5, 9.0, 1.0)
    )


def rows() -> list[AblationRow]:
    """Without mask everything costs a tenth more on calm cases and half more on disturbed ones."""
    rng = np.random.default_rng(1)
    made = []
    for seed in SEEDS:
        for case in CASES:
            cost = float(rng.uniform(5, 20))
            factor = 1.1 if case.startswith("static") else 1.5
            made += [
                row("full", seed, case, cost),
                row("full", seed, case, 2 * cost, "last"),
                row("no_mask", seed, case, factor * cost),
                row("no_mask", seed, case, 2 * cost, "last"),
                row("tuned ATCS", seed, case, 1.2 * cost),
            ]
    return made


def test_a_constant_factor_is_found_exactly_calm_and_disturbed_apart() -> None:
    table = ablation_table(rows(), MEANINGS, full="full", title="test")
    lines = {line.contestant: line for line in table.lines}
    assert list(lines) == ["full", "no_mask", "tuned ATCS"]
    for line, calm, disturbed in ((lines["full"], 1.0, 1.0), (lines["no_mask"], 1.1, 1.5)):
        for found, expected in ((line.calm, calm), (line.disturbed, disturbed)):
            assert found is not None
            assert (found.ratio, found.low, found.high) == pytest.approx((expected,) * 3)
    assert lines["no_mask"].calm_last is not None and lines["no_mask"].calm_last.ratio == pytest.approx(1.0)
    assert lines["tuned ATCS"].calm_last is None
    assert lines["no_mask"].calm is not None and lines["no_mask"].calm.is_clear
    assert table.seeds == SEEDS and table.n_cases == len(CASES)


def test_the_best_tuned_rule_scores_one() -> None:
    table = ablation_table(rows(), MEANINGS, full="full", title="test")
    scores = {line.contestant: line.score for line in table.lines}
    assert scores["tuned ATCS"] == pytest.approx(1.0)
    assert scores["full"] == pytest.approx(0.7 * 1.2 + 0.3)


def test_a_contestant_is_compared_on_the_seeds_that_it_shares() -> None:
    some = [item for item in rows() if item.contestant != "no_mask" or item.seed == 1]
    found = effect(some, "no_mask", "full", kind="static", ending="kept")
    assert found is not None and found.ratio == pytest.approx(1.1)
    assert effect(some, "never", "full", kind="static", ending="kept") is None


def test_luck_of_the_seed_widens_the_interval_where_many_cases_would_not() -> None:
    rng = np.random.default_rng(2)
    theirs = rng.uniform(5, 20, size=(5, 200))
    lucky = theirs * np.array([0.8, 0.9, 1.0, 1.1, 1.2])[:, None]
    even = theirs * rng.uniform(0.8, 1.2, size=(1, 200))
    of_seeds, of_cases = two_way_interval(lucky, theirs), two_way_interval(even, theirs)
    assert of_seeds.low < 0.92 and of_seeds.high > 1.08
    assert of_cases.high - of_cases.low < 0.06


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    hits = 0
    for number in range(60):
        rng = np.random.default_rng(number)
        theirs = rng.gamma(4.0, size=(6, 20))
        noise = rng.normal(0, 0.1, size=(6, 1)) + rng.normal(0, 0.2, size=(6, 20))
        hits += 1.1 in two_way_interval(theirs * (1.1 + noise), theirs)
    assert 48 <= hits <= 60


def test_text_csv_json_and_page_hold_the_same_lines(tmp_path: Path) -> None:
    table = ablation_table(rows(), MEANINGS, full="full", title="ablation <test>")
    read = list(csv.DictReader(io.StringIO(table.csv())))
    assert [line["contestant"] for line in read] == ["full", "no_mask", "tuned ATCS"]
    assert float(read[1]["disturbed_ratio"]) == pytest.approx(1.5) and read[2]["calm_last_low"] == ""
    assert json.loads(json.dumps(table.as_dict()))["lines"][1]["calm"]["ratio"] == pytest.approx(1.1)
    assert "1.500 [1.500, 1.500]" in table.text()
    history = [
        {
            "stage": 1.0,
            "timesteps": 10.0,
            "ratio": 1.1,
            "score": 0.9,
            "entropy_weight": 0.1,
            "transition": 1.0,
        }
    ]
    cells = [{"variant": "full", "seed": 0, "history": history, "switches": "stage 1: graduated"}]
    page = render_ablation(table, cells, tmp_path / "deep" / "page.html").read_text()
    assert "ablation &lt;test&gt;" in page and "no_mask" in page and "stage 1: graduated" in page
    assert "graduated" in page and "src=" not in page.split("</script>")[-1]


def test_without_the_full_method_there_is_nothing_to_compare_with() -> None:
    with pytest.raises(ValueError, match="no row of the full method"):
        ablation_table([row("no_mask", 0, "static-0", 1.0)], MEANINGS, full="full", title="test")


def test_a_stored_row_is_read_back_as_it_was() -> None:
    one = row("full", 3, "dynamic-1", 2.5, "last")
    assert AblationRow.from_dict(json.loads(json.dumps(one.as_dict()))) == one
