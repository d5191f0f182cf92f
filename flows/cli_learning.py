"""`shopfloor ablate`, `tune` and `episode`: what the learning is made of. Parse options and show the answer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli_options import Json

if TYPE_CHECKING:
    from shopfloor.training.presets import Preset

_PresetName = Annotated[str, typer.Option(help="Training preset: tiny, small, standard, full.")]
_PresetFile = Annotated[
    Path | None, typer.Option(help="Preset as a JSON file in its place; `tune` writes one.")
]
_Plant = Annotated[
    str | None,
    typer.Option(
        help="own (last weekly cycle), default or tiny (synthetic); default own where there is one."
    ),
]
_Workers = Annotated[int, typer.Option(help="Processes side by side.", min=1, max=64)]
_Budget = Annotated[
    int | None, typer.Option(help="PPO decisions of each training; default the preset's.", min=0)
]


def ablate(
    seeds: Annotated[int, typer.Option(help="Trainings of each variant.", min=1, max=100)] = 5,
    preset: _PresetName = "small",
    preset_file: _PresetFile = None,
    budget: _Budget = None,
    only: Annotated[
        list[str] | None, typer.Option(help="This variant only, again for more; the full method always runs.")
    ] = None,
    plant: _Plant = None,
    cases: Annotated[int, typer.Option(help="Held-out cases; every third is disturbed.", min=3)] = 30,
    workers: _Workers = 2,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Make every cell again: after a change of the code.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Leave out one part of the method at a time, train, and tell what each part is worth, with intervals.

    Every (variant, seed) is a cell stored at once; a killed study goes on where it stopped.
    """
    from flows.ablate import AblateOptions, run_ablation
    from flows.console import show
    from shopfloor.training.ablations import VARIANTS

    options = AblateOptions(
        preset=chosen_preset(preset, preset_file, budget),
        plant=plant,
        n_seeds=seeds,
        variants=tuple(only or VARIANTS),
        n_cases=cases,
        n_workers=workers,
        is_fresh=fresh,
    )
    report = run_ablation(options, say=lambda line: typer.echo(line, err=True))
    show(report, as_json=as_json, text=report.text)


def tune(
    trials: Annotated[int, typer.Option(help="Trials of the study altogether.", min=1)] = 30,
    preset: _PresetName = "small",
    preset_file: _PresetFile = None,
    budget: _Budget = None,
    plant: _Plant = None,
    study: Annotated[str, typer.Option(help="Name; default made from preset and plant.")] = "",
    minutes: Annotated[float | None, typer.Option(help="After which no trial begins.", min=0.0)] = None,
    workers: _Workers = 1,
    seed: Annotated[int, typer.Option(help="Of all trainings of the study.", min=0)] = 0,
    storage: Annotated[
        str | None, typer.Option(help="SQLAlchemy URL of the studies; default the project's database.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where the best preset goes; default under home.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Search learning rate, rollout length, discount, GAE, entropy and network with Optuna; pruned on validation.

    Run it again, elsewhere or at once: all processes on one database work on one study.
    """
    from flows.console import show
    from flows.tune import TuneOptions, run_study

    options = TuneOptions(
        preset=chosen_preset(preset, preset_file, budget),
        plant=plant,
        study=study,
        n_trials=trials,
        minutes=minutes,
        n_workers=workers,
        seed=seed,
        storage=storage,
        output=output,
    )
    report = run_study(options, say=lambda line: typer.echo(line, err=True))
    show(report, as_json=as_json, text=report.text)


def episode(
    by: Annotated[
        str, typer.Option(help="Who dispatches: a rule (FIFO, SPT, EDD, ATC, ATCS ...), or candidate.")
    ] = "ATCS",
    case: Annotated[int, typer.Option(help="Held-out case; every third is disturbed.", min=0)] = 0,
    plant: _Plant = None,
    gantt: Annotated[Path | None, typer.Option(help="Also draw what happened, as one HTML file.")] = None,
    preset: _PresetName = "small",
    as_json: Json = False,
) -> None:
    """Play one episode and show its key figures, its weighted score against the reference rule, and its Gantt."""
    from flows.console import show
    from flows.episode import play_episode
    from shopfloor.training.presets import preset_named

    report = play_episode(by, case, plant=plant, score=preset_named(preset).score, gantt=gantt)
    show(report, as_json=as_json, text=report.text)


def chosen_preset(name: str, path: Path | None, budget: int | None) -> Preset:
    """Return a preset by name, or of a file; with a budget of PPO decisions where one is given."""
    from shopfloor.training.ablations import with_budget
    from shopfloor.training.presets import preset_named, read_preset

    preset = preset_named(name) if path is None else read_preset(path)
    return preset if budget is None else with_budget(preset, budget)


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(ablate)
    app.command()(episode)
    app.command()(tune)
