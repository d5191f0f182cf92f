"""A whole training on small plants: it learns, repeats itself, survives a kill, keeps its best weights."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from learning_plants import random_instance

from shopfloor.domain.fingerprint import instance_fingerprint
from shopfloor.engine.dispatch import dispatch, quick_cost
from shopfloor.engine.scenario import Disturbances
from shopfloor.training.bank import TrainingData, compiled_bank, training_data
from shopfloor.training.presets import CurriculumPreset, LabelsPreset, Preset, WarmStartPreset, preset_named
from shopfloor.training.train import TrainResult, train
from shopfloor.twin.fit import fit_twin
from shopfloor.twin.generate import generate_plant
from shopfloor.twin.plant_spec import DEFAULT_AS_OF, TINY_SPEC

TINY = preset_named("tiny")
ROUGH = Disturbances(mtbf_h={"WC0": 60.0}, duration_sigma=0.15, rush_share=0.1)


def data(n: int = 6, *, n_jobs: int = 25) -> TrainingData:
    return TrainingData(
        training=tuple(random_instance(seed, n_jobs=n_jobs) for seed in range(n)),
        validation=tuple(random_instance(1000 + seed, n_jobs=n_jobs) for seed in range(n)),
        disturbances=ROUGH,
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    return train(data(), TINY, seed=0, directory=tmp_path_factory.mktemp("first"))


def test_a_training_ends_with_a_model_that_dispatches_and_is_not_worse_than_its_start(
    trained: TrainResult,
) -> None:
    assert trained.validation_ratio <= 1.02
    assert not trained.resumed
    problem = compiled_bank([random_instance(77)], []).calm[0]
    outcome = dispatch(problem, trained.model.spec())
    assert outcome.is_scheduled.all()
    assert trained.model.metadata["weights_hash"] == trained.weights_hash
    stages = {row["stage"] for row in trained.history if "stage" in row}
    assert stages == {1.0, 2.0}


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(
    trained: TrainResult, tmp_path: Path
) -> None:
    assert train(data(), TINY, seed=0, directory=tmp_path / "a").weights_hash == trained.weights_hash
    assert train(data(), TINY, seed=1, directory=tmp_path / "b").weights_hash != trained.weights_hash


def test_a_finished_training_is_not_done_again(tmp_path: Path) -> None:
    first = train(data(), TINY, seed=0, directory=tmp_path)
    again = train(data(), TINY, seed=0, directory=tmp_path)
    assert again.resumed
    assert again.weights_hash == first.weights_hash
    assert again.validation_ratio == pytest.approx(first.validation_ratio)


def test_a_training_that_begins_at_a_champion_is_not_worse_than_it_on_validation(
    trained: TrainResult, tmp_path: Path
) -> None:
    champion = trained.model.actor
    later = train(data(), TINY, seed=0, directory=tmp_path / "later", tuned=trained.tuned, start=champion)
    assert later.validation_ratio <= trained.validation_ratio + 1e-9
    assert later.model.metadata["started_from"] == trained.weights_hash
    wider = TINY.model_copy(update={"hidden": (16, 8)})
    afresh = train(data(), wider, seed=0, directory=tmp_path / "wider", start=champion)
    assert afresh.model.metadata["started_from"] == ""


def test_metrics_and_progress_tell_every_step(tmp_path: Path) -> None:
    steps: list[tuple[str, float]] = []
    metrics: list[dict[str, float]] = []
    train(
        data(),
        TINY,
        seed=2,
        directory=tmp_path,
        progress=lambda step, share, _: steps.append((step, share)),
        log_metrics=lambda row, _: metrics.append(row),
    )
    assert list(dict.fromkeys(step for step, _ in steps)) == [
        "tune",
        "labels",
        "warm_start",
        "round1_labels",
        "round1",
        "stage1",
        "stage2",
    ]
    assert all(0 <= share <= 1 for _, share in steps)
    assert any("warm_start_regret" in row for row in metrics) and any("ppo_ratio" in row for row in metrics)


def test_a_twin_gives_its_own_instances_and_no_two_sets_share_one(tmp_path: Path) -> None:
    frames = generate_plant(TINY_SPEC, seed=1, as_of=DEFAULT_AS_OF)
    twin = fit_twin(frames, as_of=DEFAULT_AS_OF, plant_tz=TINY_SPEC.plant_tz)
    drawn = training_data(twin, TINY, seed=4)
    sets = [drawn.training, drawn.validation, drawn.dynamic_training, drawn.dynamic_validation]
    prints = [instance_fingerprint(instance) for group in sets for instance in group]
    assert len(set(prints)) == len(prints) == 6 + 6 + 3 + 3
    result = train(twin, TINY, seed=4, directory=tmp_path)
    assert result.model.kind == "actor"
    assert result.model.metadata["preset"] == "tiny"


_CHILD = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
sys.path.insert(0, {here!r})
from test_train import TINY, data
from shopfloor.training.train import train
train(data(), TINY, seed=5, directory=Path({directory!r}), progress=lambda *a: print(*a, flush=True))
"""


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    return train(data(), TINY, seed=5, directory=tmp_path_factory.mktemp("unbroken"))


@pytest.mark.slow
@pytest.mark.parametrize("step", ["labels", "warm_start", "round1_labels", "round1", "stage1", "stage2"])
def test_a_training_killed_in_any_step_ends_with_the_weights_and_curve_of_an_unbroken_one(
    step: str, unbroken: TrainResult, tmp_path: Path
) -> None:
    here = Path(__file__).parent
    code = _CHILD.format(tests=str(here.parent), here=str(here), directory=str(tmp_path))
    deadline = time.monotonic() + 300
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if line.startswith(step):
                child.kill()
                break
            assert time.monotonic() < deadline
    assert child.returncode == -signal.SIGKILL
    result = train(data(), TINY, seed=5, directory=tmp_path)
    assert result.resumed
    assert result.weights_hash == unbroken.weights_hash
    assert all(map(np.array_equal, result.last_weights, unbroken.last_weights))
    assert [_without_time(row) for row in result.history] == [_without_time(row) for row in unbroken.history]


def _without_time(row: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in row.items() if name != "seconds"}


def held_out_interval(n_training: int, first: int, directory: Path) -> tuple[float, float]:
    """Warm start on small plants; return the 95 % interval of its cost over the tuned rule's on unseen ones."""
    preset = Preset(
        name="learning",
        n_training=n_training,
        n_validation=40,
        tune=TINY.tune,
        labels=LabelsPreset(n_episodes=200, label_share=0.6, horizon_h=0.0),
        warm_start=WarmStartPreset(n_epochs=15, batch_size=256),
        ppo=TINY.ppo,
        curriculum=CurriculumPreset(stage1_steps=0, stage2_steps=0),
    )
    instances = TrainingData(
        training=tuple(random_instance(first + seed, n_jobs=40) for seed in range(n_training)),
        validation=tuple(random_instance(1000 + seed, n_jobs=40) for seed in range(40)),
        disturbances=ROUGH,
    )
    result = train(instances, preset, seed=0, directory=directory)
    held_out = compiled_bank([random_instance(5000 + seed, n_jobs=40) for seed in range(80)], []).calm
    ours = np.array([quick_cost(p, dispatch(p, result.model.spec())) for p in held_out])
    rule = np.array([quick_cost(p, dispatch(p, result.tuned.best)) for p in held_out])
    draws = np.random.default_rng(0).integers(len(ours), size=(2000, len(ours)))
    low, high = np.quantile(ours[draws].sum(axis=1) / rule[draws].sum(axis=1), (0.025, 0.975))
    return float(low), float(high)


@pytest.mark.slow
def test_the_warm_start_beats_its_rule_on_instances_it_never_saw(tmp_path: Path) -> None:
    _, high = held_out_interval(200, 10_000, tmp_path)
    assert high < 1.0


@pytest.mark.slow
def test_on_a_set_that_teaches_little_the_model_is_not_worse_than_its_rule(tmp_path: Path) -> None:
    # measured: on these 40 instances longer training raises validation to 1.27; the kept weights stay near the rule
    low, high = held_out_interval(40, 0, tmp_path)
    assert low < 1.0
    assert high < 1.05
