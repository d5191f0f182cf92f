"""A whole evaluation of a tiny plant: evidence, verdict and report from real parts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from functools import lru_cache
from pathlib import Path

from shopfloor.engine.actor import zero_weights
from shopfloor.engine.rules import Rule, RuleSpec
from shopfloor.evaluation.criteria import BEATS_CHAMPION, BEATS_RULE, primary_comparisons
from shopfloor.evaluation.evaluate import EvaluationSize, Trial, evaluate_candidate
from shopfloor.evaluation.evidence import HISTORY
from shopfloor.evaluation.gate import GateConfig, judge
from shopfloor.evaluation.report import render_report
from shopfloor.evaluation.stress import SCENARIOS
from shopfloor.policies.model import DispatchModel
from shopfloor.twin.bank import frozen_suite, suite_hash
from shopfloor.twin.fit import fit_twin
from shopfloor.twin.generate import generate_plant
from shopfloor.twin.plant_spec import DEFAULT_AS_OF, TINY_SPEC

AS_OF = DEFAULT_AS_OF.replace(tzinfo=UTC)
TINY = EvaluationSize(
    n_static=4, n_dynamic=2, n_weeks=1, n_stress=1, n_samples=4, sampling_s=0.5, latency_operations=60
)
TUNED = (RuleSpec(Rule.ATCS, k1=1.0, k2=1.0), RuleSpec(Rule.EDD), RuleSpec(Rule.FIFO))
LOW_BAR = GateConfig(min_cases=6, latency_operations=60)


@lru_cache(maxsize=1)
def trial() -> Trial:
    frames = generate_plant(TINY_SPEC, seed=1)
    twin = fit_twin(frames, as_of=AS_OF, plant_tz=TINY_SPEC.plant_tz)
    suite = frozen_suite(twin, TINY.n_cases)
    return Trial(
        candidate=DispatchModel("rule", TUNED[0]),
        champion=None,
        tuned=TUNED,
        suite=suite,
        suite_hash=suite_hash(suite),
        frames=frames,
        as_of=AS_OF,
        plant_tz=TINY_SPEC.plant_tz,
    )


def test_a_size_says_how_many_cases_its_suite_needs() -> None:
    suite = trial().suite
    assert TINY.n_cases == 6
    assert sum(case.disturbances is None for case in suite) >= TINY.n_static
    assert sum(case.disturbances is not None for case in suite) >= TINY.n_dynamic
    assert EvaluationSize(n_static=12, n_dynamic=6).n_cases == 18
    assert EvaluationSize(n_static=30, n_dynamic=20).n_cases == 60


def test_a_candidate_that_is_the_best_tuned_rule_is_measured_everywhere_and_refused(tmp_path: Path) -> None:
    said: list[str] = []
    evidence = evaluate_candidate(
        trial(), TINY, store=tmp_path / "rows.jsonl", progress=lambda d, n, what: said.append(what)
    )
    verdict = judge(evidence, LOW_BAR)
    assert not verdict.is_promoted
    failed = {criterion.name for criterion in verdict.failed}
    assert {BEATS_RULE, BEATS_CHAMPION} <= failed
    assert not any("not measured" in criterion.detail for criterion in verdict.criteria)
    assert {row.scenario for row in evidence.stress} == set(SCENARIOS)
    assert HISTORY in {row.contestant for row in evidence.replay}
    assert {row.mode for row in evidence.latency} == {"deterministic", "best of 4"}
    assert all(row.n_operations >= 60 for row in evidence.latency)
    assert all(row.n_violations == 0 for row in (*evidence.scores.rows, *evidence.stress))
    assert said
    html = render_report(evidence, verdict, tmp_path / "report.html")
    assert html.stat().st_size > 1_000_000


def test_without_a_learned_champion_the_best_tuned_rule_reigns() -> None:
    evidence = evaluate_candidate(trial(), TINY)
    assert evidence.champion == evidence.scores.best(evidence.tuned_rules)
    assert "textbook FIFO" not in evidence.scores.contestants
    assert "textbook ATCS" in evidence.scores.contestants


def test_a_champion_is_scored_now_on_the_same_cases(tmp_path: Path) -> None:
    store = tmp_path / "rows.jsonl"
    evaluate_candidate(trial(), TINY, store=store)
    champion = DispatchModel("rule", RuleSpec(Rule.ATCS, k1=7.0, k2=0.1))
    evidence = evaluate_candidate(replace(trial(), champion=champion), TINY, store=store)
    assert evidence.champion == "champion"
    assert set(evidence.scores.values("champion")) == set(evidence.scores.values("candidate"))


def test_samplers_meet_samplers_only() -> None:
    found = primary_comparisons(evaluate_candidate(trial(), TINY))
    assert "candidate best of 4" not in found
    assert next(result.n for name, result in found.items() if " best of 4" in name) == 4


def test_a_network_that_adds_nothing_scores_about_like_its_rule() -> None:
    candidate = DispatchModel("actor", TUNED[0], actor=zero_weights(8, 8))
    evidence = evaluate_candidate(replace(trial(), candidate=candidate), TINY)
    ours, rule = (evidence.scores.values(name, "weighted_tardiness") for name in ("candidate", "tuned ATCS"))
    assert set(ours) == set(rule)
    assert all(row.n_violations == 0 for row in evidence.scores.of("candidate"))
    assert sum(ours.values()) <= 1.5 * sum(rule.values()) + 1.0
