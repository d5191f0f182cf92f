"""Studies of the training's knobs: shared, resumed, pruned, retried after a kill, never mixed."""

import itertools
import signal
import subprocess
import sys
from pathlib import Path

import optuna
import pytest
from learning_plants import random_instance
from optuna.trial import FixedTrial, TrialState

from shopfloor.engine.scenario import Disturbances
from shopfloor.training import tune_study
from shopfloor.training.ablations import with_budget
from shopfloor.training.bank import TrainingData
from shopfloor.training.presets import Preset, preset_named, preset_text
from shopfloor.training.train import lay_groundwork
from shopfloor.training.tune_study import (
    NoTrial,
    StudyKey,
    StudyMismatch,
    Workbench,
    best_preset,
    figures,
    importances,
    n_over,
    open_study,
    retry_interrupted,
    run_trials,
    suggest,
    trial_value,
)

TINY = preset_named("tiny")
KEY = StudyKey("test", "base", "tiny", 0)
SETTINGS = {
    "learning_rate": 1e-3,
    "entropy": 0.01,
    "n_steps": 64,
    "tau_h": 100.0,
    "gae_lambda": 0.9,
    "network": "32-16",
    "critic": "64-64",
}


def url_in(folder: Path) -> str:
    return f"sqlite:///{folder / 'studies.db'}"


def learning_rate_matters(trial: optuna.Trial) -> float:
    """A quick stand-in for a training: the larger the rate, the worse."""
    preset = suggest(trial, TINY)
    for step in range(3):
        trial.report(preset.ppo.learning_rate, step)
        if trial.should_prune():
            raise optuna.TrialPruned
    return preset.ppo.learning_rate


def run(study: optuna.Study, n: int, objective=learning_rate_matters) -> list[str]:
    said: list[str] = []
    ticks = itertools.count()
    run_trials(study, objective, n_trials=n, clock=lambda: float(next(ticks)), say=said.append)
    return said


def test_settings_become_a_preset_that_differs_in_nothing_else() -> None:
    preset = suggest(FixedTrial(SETTINGS), TINY)
    assert preset.hidden == (32, 16) and preset.critic_hidden == (64, 64)
    assert (preset.ppo.learning_rate, preset.ppo.final_learning_rate) == (1e-3, pytest.approx(1e-4))
    assert (preset.ppo.entropy_start, preset.ppo.entropy_boost, preset.ppo.entropy_end) == pytest.approx(
        (0.01, 0.005, 0.001)
    )
    assert preset.labels == TINY.labels and preset.curriculum == TINY.curriculum
    assert preset.name == "tiny_tuned"
    assert Preset.model_validate_json(preset_text(preset)) == preset


def test_a_study_goes_on_where_it_stopped_and_counts_what_others_did(tmp_path: Path) -> None:
    assert len(run(open_study(url_in(tmp_path), KEY, sampler_seed=0), 3)) == 3
    again = open_study(url_in(tmp_path), KEY, sampler_seed=1)
    assert n_over(again) == 3
    said = run(again, 10)
    assert len(said) == 7 and n_over(again) == 10
    assert any(trial.state == TrialState.PRUNED for trial in again.get_trials())
    best = best_preset(again, TINY)
    assert best.ppo.learning_rate == again.best_value
    assert max(importances(again), key=importances(again).__getitem__) == "learning_rate"
    assert {"History", "Importance", "Parallel coordinates"} <= set(figures(again))


def test_the_time_limit_begins_no_trial(tmp_path: Path) -> None:
    study = open_study(url_in(tmp_path), KEY, sampler_seed=0)
    run_trials(
        study, learning_rate_matters, n_trials=5, seconds=0.0, clock=lambda: 1.0, say=lambda line: None
    )
    assert n_over(study) == 0
    with pytest.raises(NoTrial):
        best_preset(study, TINY)


def test_another_preset_plant_or_seed_does_not_join_the_study(tmp_path: Path) -> None:
    open_study(url_in(tmp_path), KEY, sampler_seed=0)
    for other in (
        StudyKey("test", "other", "tiny", 0),
        StudyKey("test", "base", "default", 0),
        StudyKey("test", "base", "tiny", 1),
    ):
        with pytest.raises(StudyMismatch, match="another name"):
            open_study(url_in(tmp_path), other, sampler_seed=0)


def test_a_trial_that_fails_is_tried_twice_more_and_then_given_up(tmp_path: Path) -> None:
    study = open_study(url_in(tmp_path), KEY, sampler_seed=0)
    tried: list[float] = []

    def diverges(trial: optuna.Trial) -> float:
        tried.append(suggest(trial, TINY).ppo.learning_rate)
        raise ArithmeticError("the training diverged")

    run(study, 1, diverges)
    assert len(tried) == 3 and len(set(tried)) == 1
    assert n_over(study) == 1


_CHILD = """
import sys, time
sys.path.insert(0, {here!r})
from test_tune_study import KEY, TINY
from shopfloor.training.tune_study import open_study, suggest
study = open_study({url!r}, KEY, sampler_seed=3)
def hang(trial):
    print(suggest(trial, TINY).ppo.learning_rate, flush=True)
    time.sleep(600)
study.optimize(hang, n_trials=1)
"""


def test_the_trial_of_a_killed_process_is_tried_again_with_its_own_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tune_study, "GRACE_S", 1)
    here = Path(__file__).parent
    code = _CHILD.format(here=str(here), url=url_in(tmp_path))
    code = f"import sys\nsys.path.insert(0, {str(here.parent)!r})\n" + code
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        rate = float(child.stdout.readline())
        child.kill()
    assert child.returncode == -signal.SIGKILL
    study = open_study(url_in(tmp_path), KEY, sampler_seed=4)
    deadline = itertools.count()
    while not retry_interrupted(study) and next(deadline) < 100:
        subprocess.run(["sleep", "0.1"], check=True)
    assert retry_interrupted(study) == 0
    run(study, 1)
    assert [trial.value for trial in study.get_trials(states=(TrialState.COMPLETE,))] == [rate]


def test_a_trial_is_a_training_judged_on_what_it_keeps_and_how_it_goes(tmp_path: Path) -> None:
    base = with_budget(TINY, 512)
    data = TrainingData(
        training=tuple(random_instance(seed) for seed in range(4)),
        validation=tuple(random_instance(1000 + seed) for seed in range(3)),
        disturbances=Disturbances(duration_sigma=0.1),
    )
    groundwork = lay_groundwork(data, base, seed=0, directory=tmp_path / "groundwork")
    bench = Workbench(data, base, groundwork, 0, tmp_path / "trials")
    study = open_study(url_in(tmp_path), KEY, sampler_seed=0)
    study.enqueue_trial(SETTINGS | {"n_steps": 32})
    run(study, 1, bench.objective)
    (trial,) = study.get_trials()
    assert trial.state == TrialState.COMPLETE
    assert trial.intermediate_values and trial.value is not None
    assert trial.value == pytest.approx(list(trial.intermediate_values.values())[-1], abs=0.2)
    assert trial.value >= trial.user_attrs["kept"] - 1e-9
    assert "stage" in trial.user_attrs["switches"]


def test_the_value_of_a_trial_is_the_mean_of_what_is_kept_and_of_its_evaluations() -> None:
    assert trial_value(0.9, []) == 0.9
    assert trial_value(0.9, [1.0, 1.2]) == pytest.approx(1.0)


@pytest.mark.mariadb
def test_two_processes_share_a_study_on_mariadb(mariadb_url: str) -> None:
    first = open_study(mariadb_url, KEY, sampler_seed=0)
    second = open_study(mariadb_url, KEY, sampler_seed=1)
    run(first, 2)
    run(second, 4)
    assert n_over(first) == n_over(second) == 4
