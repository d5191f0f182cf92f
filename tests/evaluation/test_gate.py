"""The gate lets a better candidate through and refuses an equal, worse, slow or under-sampled one."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from shopfloor.evaluation.bar import GateConfig
from shopfloor.evaluation.criteria import BEATS_CHAMPION, BEATS_RULE
from shopfloor.evaluation.evidence import Evidence, LatencyRow, ReplayRow, ScoreRow, ScoreTable, StressRow
from shopfloor.evaluation.gate import Verdict, judge

KPIS_OF_GREEDY = {
    "weighted_tardiness": 500.0,
    "mean_tardiness_days": 5.0,
    "cohort_days_late": 9.0,
    "on_time_rate": 0.6,
    "makespan_days": 30.0,
    "utilisation_std": 0.2,
    "setup_hours": 100.0,
    "overtime_hours": 0.0,
    "moved_operations": 0.0,
}
LEVELS = {"greedy": 400.0, "rule:FIFO": 380.0, "rule:ATC": 120.0, "rule:ATCS": 100.0}


def score(contestant: str, case: int, avoidable: float, **kpis: float) -> ScoreRow:
    return ScoreRow(
        suite_hash="s",
        case=f"{'static' if case % 3 else 'dynamic'}-{case:02d}",
        kind="static" if case % 3 else "dynamic",
        contestant=contestant,
        contestant_hash=contestant,
        n_operations=443,
        seconds=0.01,
        n_violations=0,
        kpis={**KPIS_OF_GREEDY, "avoidable_weighted_tardiness": avoidable, **kpis},
    )


def evidence(factor: float = 0.9, *, n_cases: int = 18, noise: float = 0.05, **changes: object) -> Evidence:
    """A candidate at `factor` times the best tuned rule, good in all else."""
    rng = np.random.default_rng(5)
    difficulty = rng.lognormal(0, 0.4, n_cases)
    rows = [
        score(name, case, level * difficulty[case])
        for name, level in LEVELS.items()
        for case in range(n_cases)
    ]
    ours = 100.0 * factor * difficulty * rng.lognormal(0, noise, n_cases)
    rows += [score("candidate", case, float(ours[case])) for case in range(n_cases)]
    whole = Evidence(
        candidate="candidate",
        champion="rule:ATCS",
        greedy="greedy",
        tuned_rules=("rule:FIFO", "rule:ATC", "rule:ATCS"),
        scores=ScoreTable(tuple(rows)),
        replay=(
            ReplayRow("2025-01-06", "history", 3, 1, {"A": 4.0, "B": 0.0, "C": 6.0}, 3, 1.0, 0.3),
            ReplayRow("2025-01-06", "candidate", 3, 1, {"A": 2.0, "B": 1.0, "C": 5.0}, 3, 0.8, 0.4),
        ),
        stress=(
            StressRow("rush wave", "a", "rule:ATCS", 50.0, 0.5, 0, 0.01),
            StressRow("rush wave", "a", "candidate", 49.0, 0.5, 0, 0.01),
        ),
        latency=(LatencyRow("candidate", "deterministic", 500, 0.2),),
        provenance={"suite": "s"},
    )
    return replace(whole, **changes)  # type: ignore[arg-type]


def failed(verdict: Verdict) -> set[str]:
    return {criterion.name for criterion in verdict.failed}


def test_a_clearly_better_candidate_is_promoted() -> None:
    verdict = judge(evidence(0.9))
    assert verdict.is_promoted, verdict.lines()
    assert "rule:ATCS" in verdict.reason


def test_an_equal_candidate_is_refused() -> None:
    verdict = judge(evidence(1.0, noise=0.0))
    assert not verdict.is_promoted
    assert failed(verdict) == {BEATS_RULE, BEATS_CHAMPION}
    assert "stays" in verdict.reason


def test_a_worse_candidate_is_refused() -> None:
    assert {BEATS_RULE, BEATS_CHAMPION} <= failed(judge(evidence(1.2)))


def test_a_better_mean_inside_the_noise_is_refused() -> None:
    verdict = judge(evidence(0.98, noise=0.4, n_cases=12))
    assert BEATS_RULE in failed(verdict)


def test_an_under_sampled_candidate_is_refused_however_good() -> None:
    verdict = judge(evidence(0.5, n_cases=6))
    assert failed(verdict) == {"enough_cases"}


def test_beating_untuned_rules_and_greedy_is_not_enough() -> None:
    verdict = judge(evidence(1.1, noise=0.0))
    named = {criterion.name: criterion for criterion in verdict.criteria}
    assert named[BEATS_RULE].value == pytest.approx(1.1)
    assert "rule:ATCS" in named[BEATS_RULE].detail
    assert not verdict.is_promoted


def test_beating_the_rules_but_not_the_learned_champion_is_refused() -> None:
    whole = evidence(0.9)
    champion = tuple(
        replace(row, contestant="champion", contestant_hash="champion")
        for row in evidence(0.85).scores.of("candidate")
    )
    verdict = judge(replace(whole, champion="champion", scores=ScoreTable(whole.scores.rows + champion)))
    assert failed(verdict) == {BEATS_CHAMPION}


def test_a_gain_on_static_cases_does_not_hide_a_loss_on_dynamic_ones() -> None:
    whole = evidence(0.7)
    rows = tuple(
        replace(
            row,
            kpis={**row.kpis, "avoidable_weighted_tardiness": 1.6 * row.kpis["avoidable_weighted_tardiness"]},
        )
        if row.contestant == "candidate" and row.kind == "dynamic"
        else row
        for row in whole.scores.rows
    )
    verdict = judge(replace(whole, scores=ScoreTable(rows)))
    assert failed(verdict) == {"holds_on_dynamic_cases"}


@pytest.mark.parametrize(
    ("kpi", "value", "is_fine"),
    [
        ("makespan_days", 31.0, True),
        ("makespan_days", 32.0, False),
        ("on_time_rate", 0.7, True),
        ("on_time_rate", 0.58, False),
        ("overtime_hours", 1.0, False),
        ("utilisation_std", 0.24, True),
        ("utilisation_std", 0.26, False),
    ],
)
def test_a_kpi_may_be_worse_than_greedy_only_within_its_margin(kpi: str, value: float, is_fine: bool) -> None:
    whole = evidence(0.9)
    rows = tuple(
        replace(row, kpis={**row.kpis, kpi: value}) if row.contestant == "candidate" else row
        for row in whole.scores.rows
    )
    verdict = judge(replace(whole, scores=ScoreTable(rows)))
    assert failed(verdict) == (set() if is_fine else {f"kpi:{kpi}"})


def test_one_invalid_plan_among_all_is_enough_to_refuse() -> None:
    whole = evidence(0.9)
    rows = list(whole.scores.rows)
    rows[-1] = replace(rows[-1], n_violations=1)
    assert failed(judge(replace(whole, scores=ScoreTable(tuple(rows))))) == {"all_plans_valid"}


def test_a_slow_candidate_is_refused_and_a_middling_one_is_told_what_is_wanted() -> None:
    slow = judge(evidence(0.9, latency=(LatencyRow("candidate", "deterministic", 500, 10.5),)))
    assert failed(slow) == {"seconds_for_500_operations"}
    middling = judge(evidence(0.9, latency=(LatencyRow("candidate", "deterministic", 500, 7.0),)))
    assert middling.is_promoted
    assert any("5 s wanted" in line for line in middling.lines())


def test_losing_a_stress_scenario_is_refused() -> None:
    rows = (
        StressRow("breakdown", "a", "rule:ATCS", 50.0, 0.5, 0, 0.01),
        StressRow("breakdown", "a", "greedy", 40.0, 0.5, 0, 0.01),
        StressRow("breakdown", "a", "candidate", 48.0, 0.5, 0, 0.01),
    )
    verdict = judge(evidence(0.9, stress=rows))
    assert failed(verdict) == {"stress:breakdown"}
    assert "greedy" in verdict.failed[0].detail


def test_doing_worse_than_the_plant_really_did_is_refused() -> None:
    rows = (
        ReplayRow("2025-01-06", "history", 2, 1, {"A": 4.0, "B": 0.0}, 2, 2.0, 0.5),
        ReplayRow("2025-01-06", "candidate", 2, 1, {"A": 4.0, "B": 0.5}, 2, 2.2, 0.0),
    )
    assert failed(judge(evidence(0.9, replay=rows))) == {"no_worse_than_history"}


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"replay": ()}, "no_worse_than_history"),
        ({"stress": ()}, "stress"),
        ({"latency": ()}, "seconds_for_500_operations"),
        ({"tuned_rules": ()}, BEATS_RULE),
    ],
)
def test_what_was_not_measured_is_not_met(changes: dict[str, object], name: str) -> None:
    verdict = judge(evidence(0.9, **changes))  # type: ignore[arg-type]
    assert name in failed(verdict)
    assert any("not measured" in criterion.detail for criterion in verdict.failed)


def test_a_verdict_survives_json_without_nan() -> None:
    whole = evidence(0.9)
    rows = tuple(
        replace(row, kpis={**row.kpis, "avoidable_weighted_tardiness": 0.0})
        if row.contestant == "rule:ATCS"
        else row
        for row in whole.scores.rows
    )
    verdict = judge(replace(whole, scores=ScoreTable(rows)))
    assert not verdict.is_promoted
    assert Verdict.from_dict(json.loads(json.dumps(verdict.as_dict(), allow_nan=False))) == verdict


def test_evidence_survives_json() -> None:
    whole = evidence(0.9)
    again = Evidence.from_dict(json.loads(json.dumps(whole.as_dict(), allow_nan=False)))
    assert judge(again) == judge(whole)


def test_the_bar_can_be_lowered_only_by_its_config() -> None:
    assert judge(evidence(0.9, n_cases=6), GateConfig(min_cases=5)).is_promoted
