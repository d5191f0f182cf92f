"""The two-stage curriculum: its gate counts windows in a row, its stages end for a stated reason."""

import math

import pytest

from shopfloor.envs.score import EpisodeKpis
from shopfloor.training.curriculum import (
    Curriculum,
    EpisodeResult,
    GraduationGate,
    Reason,
    Stage,
    WindowMetrics,
    entropy_weight,
    window_metrics,
)
from shopfloor.training.presets import CurriculumPreset, preset_named

PRESET = CurriculumPreset(stage1_steps=1000, stage2_steps=2000, required=2, patience=2)
GOOD = WindowMetrics(score=1.1, completion=1.0, tardiness=0.9)
BAD = WindowMetrics(score=0.9, completion=1.0, tardiness=1.1)


def episode(cost: float, rule: float, completion: float = 1.0) -> EpisodeResult:
    """Days of tardiness of ours and the rule's, all else equal."""
    return EpisodeResult(
        EpisodeKpis(cost, cost, 5.0, 0.8, 10.0, completion), EpisodeKpis(rule, rule, 5.0, 0.8, 10.0, 1.0)
    )


def test_window_metrics_are_ratios_of_sums() -> None:
    window = window_metrics([episode(1.0, 3.0), episode(7.0, 7.0, 0.5)])
    assert window.tardiness == pytest.approx(0.8)
    assert window.score == pytest.approx(0.7 * 1.25 + 0.3)
    assert window.completion == pytest.approx(0.75)


def test_a_window_without_any_tardiness_is_as_good_as_the_rule() -> None:
    assert window_metrics([episode(0.0, 0.0)]).score == pytest.approx(1.0)


def test_a_window_late_where_the_rule_is_not_earns_nothing_for_tardiness() -> None:
    window = window_metrics([episode(2.0, 0.0)])
    assert window.score == pytest.approx(0.3) and window.tardiness == math.inf


def test_the_gate_opens_after_enough_good_windows_in_a_row() -> None:
    gate = GraduationGate(PRESET)
    assert [gate.observe(item) for item in (GOOD, BAD, GOOD, GOOD)] == [False, False, False, True]


@pytest.mark.parametrize(
    "metrics", [WindowMetrics(0.99, 1.0, 0.9), WindowMetrics(1.1, 0.9, 0.9), WindowMetrics(1.1, 1.0, 1.2)]
)
def test_each_threshold_alone_keeps_the_gate_shut(metrics: WindowMetrics) -> None:
    gate = GraduationGate(PRESET)
    gate.observe(GOOD)
    assert not gate.observe(metrics)
    assert gate.counter == 0


def test_stage_one_ends_by_graduation_and_stage_two_by_convergence() -> None:
    curriculum = Curriculum(PRESET)
    assert not curriculum.observe(GOOD, steps=100)
    assert curriculum.observe(GOOD, steps=100)
    assert curriculum.stage == Stage.GENERALIZATION and curriculum.steps == 0
    assert [curriculum.observe(GOOD, steps=100) for _ in range(3)] == [False, False, True]
    assert curriculum.stage == Stage.FINISHED
    assert curriculum.last == Reason.CONVERGED
    assert curriculum.switches == [
        "stage 1: graduated after 200 decisions",
        "stage 2: converged after 300 decisions",
    ]


def test_a_stage_that_never_graduates_ends_with_its_budget() -> None:
    curriculum = Curriculum(PRESET)
    assert [curriculum.observe(BAD, steps=500) for _ in range(2)] == [False, True]
    assert curriculum.switches == ["stage 1: budget spent after 1000 decisions"]


def test_every_evaluation_tells_the_history_where_the_curriculum_stands() -> None:
    curriculum = Curriculum(PRESET)
    rows = []
    for metrics in (GOOD, BAD, GOOD, GOOD, BAD):
        curriculum.observe(metrics, steps=100)
        rows.append(curriculum.row())
    assert [row["gate_counter"] for row in rows] == [1, 0, 1, 0, 0]
    assert [row["transition"] for row in rows] == [0, 0, 0, Reason.GRADUATED, 0]
    assert [row["stage_after"] for row in rows] == [1, 1, 1, 2, 2]
    assert [row["stage_share"] for row in rows] == pytest.approx([0.1, 0.2, 0.3, 0.0, 0.05])


def test_stages_without_budget_are_skipped() -> None:
    assert Curriculum(CurriculumPreset(stage1_steps=0, stage2_steps=0)).stage == Stage.FINISHED


def test_a_restored_curriculum_goes_on_as_if_nothing_happened() -> None:
    first, second = Curriculum(PRESET), Curriculum(PRESET)
    first.observe(GOOD, steps=10)
    second.restore(first.state())
    assert first.observe(GOOD, steps=10) == second.observe(GOOD, steps=10)
    assert first.state() == second.state()


def test_entropy_decays_is_boosted_at_the_switch_and_decays_again() -> None:
    weights = [
        entropy_weight(stage, share, start=0.01, end=0.001, boost=0.005)
        for stage in (Stage.FOUNDATION, Stage.GENERALIZATION)
        for share in (0.0, 1.0)
    ]
    assert weights == pytest.approx([0.01, 0.001, 0.005, 0.001])


def test_every_preset_has_its_own_hash_and_refuses_an_unknown_knob() -> None:
    hashes = {preset_named(name).config_hash() for name in ("tiny", "small", "standard", "full")}
    assert len(hashes) == 4
    with pytest.raises(ValueError, match="extra"):
        CurriculumPreset(tea=1)  # type: ignore[call-arg]
