"""`shopfloor bench throughput`: how fast learning runs and where its time goes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.cli_learning import chosen_preset


def throughput(
    preset: Annotated[str, typer.Option(help="Training preset: tiny, small, standard, full.")] = "small",
    preset_file: Annotated[Path | None, typer.Option(help="Preset as a JSON file in its place.")] = None,
    plant: Annotated[str | None, typer.Option(help="own, default or tiny; own where there is one.")] = None,
    model: Annotated[
        Path | None, typer.Option(help="Folder of a trained policy; default a fresh network.")
    ] = None,
    rounds: Annotated[int, typer.Option(help="Alternating rounds of PPO.", min=1)] = 5,
    seconds: Annotated[float, typer.Option(help="Wall seconds of the rollouts.", min=0.1)] = 5.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Measure PPO's decisions per second beside a game that costs nothing, and learned rollouts beside the rule's."""
    from flows.bench_throughput import run_bench_throughput
    from flows.console import show

    report = run_bench_throughput(
        preset=chosen_preset(preset, preset_file, None),
        plant=plant,
        model=model,
        n_rounds=rounds,
        seconds=seconds,
    )
    show(report, as_json=as_json, text=report.text)


def register(bench_app: typer.Typer) -> None:
    """Add the command to the group `bench`."""
    bench_app.command("throughput")(throughput)
