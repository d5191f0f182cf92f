"""Each ablation leaves out one part, trains from its preset, and keeps everything else as it was."""

import numpy as np
import pytest
from learning_plants import random_instance

from shopfloor.engine.scenario import Disturbances
from shopfloor.training.ablations import FULL, VARIANTS, UnknownVariant, ablated, with_budget
from shopfloor.training.bank import TrainingData
from shopfloor.training.curriculum import Reason
from shopfloor.training.presets import preset_named
from shopfloor.training.train import Groundwork, TrainResult, lay_groundwork, train

TINY = with_budget(preset_named("tiny"), 1024)
TINY = TINY.model_copy(update={"curriculum": TINY.curriculum.model_copy(update={"anchor_every": 2})})
DATA = TrainingData(
    training=tuple(random_instance(seed) for seed in range(6)),
    validation=tuple(random_instance(1000 + seed) for seed in range(4)),
    disturbances=Disturbances(mtbf_h={"WC0": 60.0}, duration_sigma=0.15, rush_share=0.1),
)


@pytest.fixture(scope="module")
def groundwork(tmp_path_factory: pytest.TempPathFactory) -> Groundwork:
    return lay_groundwork(DATA, TINY, seed=0, directory=tmp_path_factory.mktemp("groundwork"))


@pytest.fixture(scope="module")
def trained(groundwork: Groundwork, tmp_path_factory: pytest.TempPathFactory) -> dict[str, TrainResult]:
    """Every variant on the same instances, rules and labels."""
    return {
        name: train(
            DATA,
            ablated(TINY, name),
            seed=0,
            directory=tmp_path_factory.mktemp(name),
            tuned=groundwork.tuned,
            labels=groundwork.labels,
        )
        for name in VARIANTS
    }


def stages(result: TrainResult) -> list[float]:
    return [row["stage"] for row in result.history if "stage" in row]


def test_every_variant_trains_and_differs_from_the_full_method(trained: dict[str, TrainResult]) -> None:
    assert len({ablated(TINY, name).config_hash() for name in VARIANTS}) == len(VARIANTS)
    last = {name: result.last_weights for name, result in trained.items()}
    for name, weights in last.items():
        assert all(np.isfinite(array).all() for array in weights)
        if name != FULL:
            assert any(
                not np.array_equal(ours, full) for ours, full in zip(weights, last[FULL], strict=True)
            ), name
        assert np.isfinite(trained[name].validation_ratio)


def test_all_play_the_same_number_of_decisions(trained: dict[str, TrainResult]) -> None:
    assert {result.model.metadata["ppo_timesteps"] for result in trained.values()} == {1024}


def test_without_curriculum_disturbances_are_there_from_the_first_episode(
    trained: dict[str, TrainResult],
) -> None:
    assert set(stages(trained["no_curriculum"])) == {2.0}
    assert set(stages(trained[FULL])) == {1.0, 2.0}


def test_without_warm_start_there_is_no_epoch_of_labels(trained: dict[str, TrainResult]) -> None:
    assert not any("epoch" in row for row in trained["no_warm_start"].history)
    assert trained["no_warm_start"].model.metadata["n_labels"] == 0
    assert any("epoch" in row for row in trained[FULL].history)


def test_without_mask_or_exclusion_illegal_choices_are_made_and_paid_for(
    trained: dict[str, TrainResult],
) -> None:
    def penalty(name: str) -> float:
        return sum(row.get("reward_idle_or_invalid", 0.0) for row in trained[name].history)

    assert penalty("no_mask") < 2 * penalty(FULL) < 0 or penalty("no_mask") < penalty(FULL) == 0
    assert penalty("no_swr") < penalty(FULL)


def test_the_literal_reward_pays_all_six_terms_of_the_design(trained: dict[str, TrainResult]) -> None:
    literal, usual = (
        {
            name
            for row in trained[variant].history
            for name, value in row.items()
            if value and "reward_" in name
        }
        for variant in ("literal_reward", FULL)
    )
    six = {"completed_jobs", "all_done", "due_date_penalty", "slack", "wip", "idle_or_invalid"}
    assert literal >= {f"reward_{name}" for name in six - {"idle_or_invalid"}}
    assert "reward_potential_decrease" not in literal
    assert usual <= {"reward_potential_decrease", "reward_idle_or_invalid"}


def test_every_training_tells_when_and_why_its_stages_ended(trained: dict[str, TrainResult]) -> None:
    for name, result in trained.items():
        ends = [row["transition"] for row in result.history if row.get("transition")]
        switches = str(result.model.metadata["switches"]).split("; ")
        counted = [text for text in switches if Reason.NO_BUDGET.words not in text]
        assert len(ends) == len(counted), name
        assert all(Reason(int(end)).words in text for end, text in zip(ends, counted, strict=True))


def test_an_unknown_variant_is_refused() -> None:
    with pytest.raises(UnknownVariant, match="no_mask"):
        ablated(TINY, "no_luck")


def test_a_budget_keeps_the_split_between_the_stages_and_leaves_room_for_gates() -> None:
    small = with_budget(preset_named("small"), 9_000).curriculum
    assert small.stage1_steps == 2_000 and small.stage2_steps == 7_000
    assert small.evaluate_every == 1_125
    assert with_budget(preset_named("small"), 0).curriculum.stage2_steps == 0
