"""`shopfloor bench learning`: trainings from several seeds against the best tuned rule, at home and abroad."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.cli_learning import chosen_preset


def learning(
    seeds: Annotated[int, typer.Option(help="Trainings.", min=1, max=100)] = 5,
    preset: Annotated[str, typer.Option(help="Training preset: tiny, small, standard, full.")] = "standard",
    preset_file: Annotated[Path | None, typer.Option(help="Preset as a JSON file in its place.")] = None,
    plant: Annotated[str | None, typer.Option(help="own, default or tiny; own where there is one.")] = None,
    cases: Annotated[
        int, typer.Option(help="Held-out disturbed cases; half as many calm ones.", min=4)
    ] = 200,
    workers: Annotated[int, typer.Option(help="Processes side by side.", min=1, max=64)] = 2,
    fresh: Annotated[bool, typer.Option("--fresh", help="Train again: after a change of the code.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Train from several seeds and compare with the best tuned rule: disturbed, calm, best of 256, unseen plants.

    Five trainings with preset standard take about an hour of two cores. Each is stored when it ends and resumes where
    it was killed.
    """
    from flows.bench_learning import LearningOptions, run_bench_learning
    from flows.console import show

    options = LearningOptions(
        preset=chosen_preset(preset, preset_file, None),
        plant=plant,
        n_seeds=seeds,
        n_cases=cases,
        n_workers=workers,
        is_fresh=fresh,
    )
    report = run_bench_learning(options, say=lambda line: typer.echo(line, err=True))
    show(report, as_json=as_json, text=report.text)


def register(bench_app: typer.Typer) -> None:
    """Add the command to the group `bench`."""
    bench_app.command("learning")(learning)
