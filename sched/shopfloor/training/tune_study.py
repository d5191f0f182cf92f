"""Search the training's own knobs with Optuna: learning rate, rollout length, discount, GAE, entropy, network.

A study lives in a database, so several processes and machines work on one, and a killed one goes on: trials
of a dead process are noticed by their missing heartbeat and tried again from their checkpoint. A trial is one
training, judged on validation only and pruned while it plays. Its value is half what training keeps and half
the mean of PPO's evaluations: the best alone is often the start, the same for all, and would rank by luck.
Held-out cases are never seen here.

References:
    Akiba et al. (2019), Optuna, KDD; Watanabe et al. (2023), PED-ANOVA, IJCAI (importances).
"""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import optuna
from optuna.trial import FrozenTrial, TrialState

from shopfloor.domain.errors import RefusedInput, ShopfloorError
from shopfloor.training.bank import TrainingData
from shopfloor.training.presets import Preset
from shopfloor.training.train import Groundwork, train

if TYPE_CHECKING:
    import plotly.graph_objects as go

log = logging.getLogger(__name__)

HEARTBEAT_S: Final = 15
GRACE_S: Final = 60
"""A trial without a heartbeat for so long is dead."""

MOST_RETRIES: Final = 2
FINISHED: Final = (TrialState.COMPLETE, TrialState.PRUNED)
WIDTHS: Final = {"32-16": (32, 16), "64-32": (64, 32), "128-64": (128, 64)}
CRITIC_WIDTHS: Final = {"64-64": (64, 64), "128-128": (128, 128), "256-128": (256, 128)}
LEARNING_RATE_FALL: Final = 10.0
"""The learning rate of a stage ends at this fraction of where it began."""


class StudyMismatch(RefusedInput):
    """The study was begun with another preset, plant or seed: its trials say nothing about this one."""


class NoTrial(RefusedInput):
    """No trial has come to an end yet."""


@dataclass(frozen=True, slots=True)
class StudyKey:
    """What must be equal for trials to be comparable.

    Attributes:
        name: Of the study in its database.
        base: Configuration hash of the preset that is varied.
        plant: Names the instances.
        seed: Of all trainings.
    """

    name: str
    base: str
    plant: str
    seed: int

    def facts(self) -> dict[str, str | int]:
        """Return what the study remembers."""
        return {"base": self.base, "plant": self.plant, "seed": self.seed}


def open_study(url: str, key: StudyKey, *, sampler_seed: int) -> optuna.Study:
    """Return the study of that name, made where there is none.

    Args:
        url: SQLAlchemy URL; SQLite serves the processes of one machine, MariaDB those of several.
        sampler_seed: Of the proposals; processes that start together need different ones.

    Raises:
        StudyMismatch: It was begun with something else.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        storage = optuna.storages.RDBStorage(
            url,
            engine_kwargs={"connect_args": {"timeout": 60}} if url.startswith("sqlite") else {},
            heartbeat_interval=HEARTBEAT_S,
            grace_period=GRACE_S,
        )
        study = optuna.create_study(
            storage=storage,
            study_name=key.name,
            direction="minimize",
            load_if_exists=True,
            sampler=optuna.samplers.TPESampler(seed=sampler_seed, n_startup_trials=8, constant_liar=True),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=4),
        )
    known = {name: study.user_attrs[name] for name in key.facts() if name in study.user_attrs}
    if known and known != key.facts():
        raise StudyMismatch(
            f"study {key.name!r} was begun with {known}, not {key.facts()}\nhint: give this one another name"
        )
    for name, fact in key.facts().items():
        study.set_user_attr(name, fact)
    return study


def suggest(trial: optuna.trial.BaseTrial, base: Preset) -> Preset:
    """Return the base preset with the trial's knobs."""
    rate = trial.suggest_float("learning_rate", 3e-5, 3e-3, log=True)
    entropy = trial.suggest_float("entropy", 1e-4, 2e-2, log=True)
    ppo = {
        "learning_rate": rate,
        "final_learning_rate": rate / LEARNING_RATE_FALL,
        "n_steps": trial.suggest_categorical("n_steps", [32, 64, 128, 256]),
        "tau_h": trial.suggest_float("tau_h", 24.0, 480.0, log=True),
        "gae_lambda": trial.suggest_float("gae_lambda", 0.8, 1.0),
        "entropy_start": entropy,
        "entropy_boost": entropy / 2,
        "entropy_end": entropy / 10,
    }
    network = WIDTHS[trial.suggest_categorical("network", list(WIDTHS))]
    critic = CRITIC_WIDTHS[trial.suggest_categorical("critic", list(CRITIC_WIDTHS))]
    changed = base.model_dump() | {
        "name": f"{base.name}_tuned",
        "hidden": network,
        "critic_hidden": critic,
        "ppo": base.ppo.model_dump() | ppo,
    }
    return Preset.model_validate(changed)


@dataclass(frozen=True, eq=False)
class Workbench:
    """What all trials share.

    Attributes:
        base: The preset that is varied.
        groundwork: Tuned rules and labels: they do not depend on what is varied.
        directory: Holds a checkpoint per configuration.
    """

    data: TrainingData
    base: Preset
    groundwork: Groundwork
    seed: int
    directory: Path

    def objective(self, trial: optuna.Trial) -> float:
        """Train once and return the trial's value, validation costs over the tuned rule's; below 1 = better.

        Raises:
            TrialPruned: It is worse than the median of earlier trials at the same number of decisions.
        """
        preset = suggest(trial, self.base)
        seen: list[float] = []

        def report(metrics: dict[str, float], step: int) -> None:
            ratio = metrics.get("ppo_ratio", math.nan)
            if not math.isfinite(ratio):
                return
            seen.append(ratio)
            value = trial_value(metrics["ppo_best_ratio"], seen)
            trial.report(value, step)
            if trial.should_prune():
                raise optuna.TrialPruned(f"value {value:.4f} after {step} decisions")

        result = train(
            self.data,
            preset,
            seed=self.seed,
            directory=self.directory / preset.config_hash()[:16],
            tuned=self.groundwork.tuned,
            labels=self.groundwork.labels,
            log_metrics=report,
        )
        trial.set_user_attr("switches", str(result.model.metadata["switches"]))
        trial.set_user_attr("kept", result.validation_ratio)
        played = [row["ratio"] for row in result.history if "stage" in row and math.isfinite(row["ratio"])]
        return trial_value(result.validation_ratio, played)


def trial_value(kept: float, played: Sequence[float]) -> float:
    """Return the mean of what is kept and of the mean of PPO's evaluations; without any, what is kept.

    Args:
        kept: Validation cost of the best weights over the tuned rule's.
        played: The same after each evaluation.
    """
    return kept if not played else 0.5 * (kept + math.fsum(played) / len(played))


def run_trials(
    study: optuna.Study,
    objective: Callable[[optuna.Trial], float],
    *,
    n_trials: int,
    seconds: float = math.inf,
    clock: Callable[[], float],
    say: Callable[[str], None],
) -> None:
    """Run trials until the study has so many that came to an end, whoever ran them, or the time is over.

    A trial that fails is tried again like one whose process died. Processes that run side by side may end
    with a trial each beyond `n_trials`.

    Args:
        n_trials: In the study altogether, pruned and failed ones included.
        seconds: After which no trial begins.
        clock: Seconds that only rise.
    """
    until = clock() + seconds
    while n_over(study) < n_trials and clock() < until:
        retry_interrupted(study)
        study.optimize(
            objective,
            n_trials=1,
            catch=(ShopfloorError, ArithmeticError, RuntimeError),
            callbacks=[
                lambda all_of_it, trial: say(
                    f"[{n_over(all_of_it)}/{n_trials}] {trial_text(trial)}{_best_text(all_of_it)}"
                )
            ],
        )


def n_over(study: optuna.Study) -> int:
    """Return how many trials came to an end; one that is tried again counts once."""
    finished = sum(trial.state in FINISHED for trial in study.get_trials(deepcopy=False))
    return finished + sum(
        _times_tried(study, trial) > MOST_RETRIES and not _is_followed(study, trial)
        for trial in _failed(study)
    )


def retry_interrupted(study: optuna.Study) -> int:
    """Put trials whose process died or failed back into the queue, at most twice each; return how many."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        optuna.storages.fail_stale_trials(study)
    again = [
        trial
        for trial in _failed(study)
        if trial.params and _times_tried(study, trial) <= MOST_RETRIES and not _is_followed(study, trial)
    ]
    for trial in again:
        study.enqueue_trial(trial.params)
        log.info("trial_retried study=%s number=%d", study.study_name, trial.number)
    return len(again)


def best_preset(study: optuna.Study, base: Preset) -> Preset:
    """Return the preset of the best trial.

    Raises:
        NoTrial: No trial is complete.
    """
    if not any(trial.state == TrialState.COMPLETE for trial in study.get_trials(deepcopy=False)):
        raise NoTrial(
            f"study {study.study_name!r} has no complete trial\nhint: run more, or look at the log for failures"
        )
    return suggest(optuna.trial.FixedTrial(study.best_trial.params), base)


def importances(study: optuna.Study) -> dict[str, float]:
    """Return each knob's share of what moves the validation cost, largest first; empty below four trials."""
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(complete) < 4 or len({trial.value for trial in complete}) < 2:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        evaluator = optuna.importance.PedAnovaImportanceEvaluator()
        found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return {name: float(share) for name, share in found.items() if math.isfinite(share)}


def figures(study: optuna.Study) -> dict[str, go.Figure]:
    """Return the plots by title: history, importances, parallel coordinates; those that the trials allow."""
    import plotly.graph_objects as go
    from optuna import visualization

    made: dict[str, Any] = {"History": visualization.plot_optimization_history(study)}
    shares = importances(study)
    if shares:
        names = list(reversed(shares))
        bars = go.Bar(x=[shares[name] for name in names], y=names, orientation="h")
        made["Importance"] = go.Figure(bars, {"xaxis": {"title": "share of the spread (PED-ANOVA)"}})
    if len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))) > 1:
        made["Parallel coordinates"] = visualization.plot_parallel_coordinate(study)
    made["Validation while it plays"] = visualization.plot_intermediate_values(study)
    return made


def trial_text(trial: FrozenTrial) -> str:
    """Return one line about a trial."""
    value = "" if trial.value is None else f" {trial.value:.4f}"
    knobs = ", ".join(
        f"{name} {setting:.3g}" if isinstance(setting, float) else f"{name} {setting}"
        for name, setting in trial.params.items()
    )
    return f"trial {trial.number} {trial.state.name.lower()}{value}: {knobs}"


def _failed(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(TrialState.FAIL,))


def _times_tried(study: optuna.Study, trial: FrozenTrial) -> int:
    return sum(other.params == trial.params for other in _failed(study))


def _is_followed(study: optuna.Study, trial: FrozenTrial) -> bool:
    """Tell whether a later trial has, or waits with, the same settings."""
    return any(
        trial.params in (other.params, other.system_attrs.get("fixed_params"))
        for other in study.get_trials(deepcopy=False)
        if other.number > trial.number
    )


def _best_text(study: optuna.Study) -> str:
    values = [t.value for t in study.get_trials(deepcopy=False) if t.state == TrialState.COMPLETE]
    return f"; best {min(value for value in values if value is not None):.4f}" if values else ""
