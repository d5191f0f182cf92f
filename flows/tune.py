"""The study of the training's own knobs: its database, its processes, and what they found.

Wiring only: what is varied, run and retried is `training.tune_study`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from flows.learning_plant import PlantChoice, choose_plant, twin_of
from shopfloor.settings import Settings, read_settings

if TYPE_CHECKING:
    import optuna

    from shopfloor.training.presets import Preset
    from shopfloor.training.tune_study import StudyKey

Say = Callable[[str], None]
WORKER_STRIDE = 7919
"""Between the sampler seeds of two processes."""


@dataclass(frozen=True, slots=True)
class TuneOptions:
    """What is asked.

    Attributes:
        preset: That is varied.
        study: Its name; "" = made from preset and plant.
        n_trials: In the study altogether.
        minutes: After which no trial begins; None = no end.
        storage: SQLAlchemy URL; None = the project's database, for SQLite a file of its own beside it.
        output: Where the best preset goes; None = under home.
    """

    preset: Preset
    plant: str | None
    study: str
    n_trials: int
    minutes: float | None
    n_workers: int
    seed: int
    storage: str | None
    output: Path | None


@dataclass(frozen=True)
class TuneReport:
    """The answer of `tune`.

    Attributes:
        ratio: Validation cost of what the best trial keeps, over the tuned rule's.
        importances: Share of each knob, largest first.
        preset_file: For `weekly --preset-file` and `ablate --preset-file`.
    """

    study: str
    n_trials: int
    n_pruned: int
    ratio: float
    settings: dict[str, Any]
    importances: dict[str, float]
    preset_file: Path
    page: Path

    def text(self) -> str:
        """Return the best settings, what matters, and where to look."""
        best = [f"  {name:16} {value}" for name, value in self.settings.items()]
        shares = ", ".join(f"{name} {share:.0%}" for name, share in self.importances.items())
        return "\n".join(
            [
                f"study {self.study}: {self.n_trials} trials, {self.n_pruned} pruned; best validation "
                f"{self.ratio:.4f} of the tuned rule",
                *best,
                f"what matters: {shares or 'too few trials to say'}",
                f"preset {self.preset_file}",
                f"page   {self.page}",
            ]
        )


@dataclass(frozen=True, slots=True)
class _Work:
    """What a process needs to take part in the study."""

    preset: str
    plant: PlantChoice
    name: str
    url: str
    n_trials: int
    seconds: float
    seed: int
    folder: Path


def run_study(options: TuneOptions, *, say: Say) -> TuneReport:
    """Run trials until the study has as many as asked, and write what they found.

    Raises:
        StudyMismatch: The study was begun with another preset, plant or seed.
        NoTrial: No trial came to an end.
    """
    from shopfloor.training.presets import preset_text

    settings = read_settings()
    plant = choose_plant(options.plant)
    name = options.study or f"{options.preset.name}-{plant.name}-{options.preset.config_hash()[:8]}"
    work = _Work(
        preset=preset_text(options.preset),
        plant=plant,
        name=name,
        url=options.storage or study_url(settings),
        n_trials=options.n_trials,
        seconds=float("inf") if options.minutes is None else 60.0 * options.minutes,
        seed=options.seed,
        folder=settings.home_dir / "studies" / name,
    )
    work.folder.mkdir(parents=True, exist_ok=True)
    _opened(work, 0)
    if options.n_workers == 1:
        take_part(work, 0, say)
    else:
        _groundwork(work)
        with ProcessPoolExecutor(options.n_workers, mp_context=get_context("spawn")) as pool:
            for future in [pool.submit(take_part, work, number) for number in range(options.n_workers)]:
                future.result()
    return _report(work, options, settings)


def study_url(settings: Settings) -> str:
    """Return where studies live: the project's MariaDB, or a SQLite file of their own.

    The plant's SQLite file stays the plant's: a study writes all the time, and has tables of its own kind.
    """
    if settings.database.startswith("sqlite"):
        settings.home_dir.mkdir(parents=True, exist_ok=True)
        return f"sqlite:///{settings.home_dir / 'studies.db'}"
    return settings.database


def take_part(work: _Work, number: int, say: Say | None = None) -> None:
    """Run trials of the study in this process until it has enough."""
    from shopfloor.training.presets import Preset
    from shopfloor.training.tune_study import Workbench, run_trials

    base = Preset.model_validate_json(work.preset)
    data, groundwork = _groundwork(work)
    bench = Workbench(data, base, groundwork, work.seed, work.folder / "trials")
    run_trials(
        _opened(work, number),
        bench.objective,
        n_trials=work.n_trials,
        seconds=work.seconds,
        clock=time.monotonic,
        say=say or (lambda line: typer.echo(line, err=True)),
    )


def _opened(work: _Work, number: int) -> optuna.Study:
    from shopfloor.training.presets import Preset
    from shopfloor.training.tune_study import StudyKey, open_study

    base = Preset.model_validate_json(work.preset)
    key: StudyKey = StudyKey(work.name, base.config_hash(), work.plant.identity, work.seed)
    return open_study(work.url, key, sampler_seed=work.seed + WORKER_STRIDE * number)


def _groundwork(work: _Work) -> tuple[Any, Any]:
    """Return instances, tuned rules and labels; the two latter are made once per study and machine."""
    from shopfloor.training.bank import training_data
    from shopfloor.training.presets import Preset
    from shopfloor.training.train import lay_groundwork

    base = Preset.model_validate_json(work.preset)
    data = training_data(twin_of(work.plant), base, seed=work.seed)
    return data, lay_groundwork(data, base, seed=work.seed, directory=work.folder / "groundwork")


def _report(work: _Work, options: TuneOptions, settings: Settings) -> TuneReport:
    from shopfloor.evaluation.page import figure, page, section
    from shopfloor.training.presets import preset_text
    from shopfloor.training.tune_study import best_preset, figures, importances, n_over

    study = _opened(work, 0)
    best = best_preset(study, options.preset)
    target = options.output or work.folder / "best.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(preset_text(best), encoding="utf-8")
    body = "".join(section(title, "", figure(drawing)) for title, drawing in figures(study).items())
    html = settings.home_dir / "public" / "reports" / f"study-{work.name}.html"
    html.parent.mkdir(parents=True, exist_ok=True)
    subtitle = f"{n_over(study)} trials; validation costs over the tuned rule's, lower is better"
    html.write_text(page(f"Study {work.name}", body, subtitle=subtitle), encoding="utf-8")
    return TuneReport(
        study=work.name,
        n_trials=n_over(study),
        n_pruned=sum(trial.state.name == "PRUNED" for trial in study.get_trials(deepcopy=False)),
        ratio=float(study.best_trial.user_attrs["kept"]),
        settings=dict(study.best_params),
        importances=importances(study),
        preset_file=target,
        page=html,
    )
