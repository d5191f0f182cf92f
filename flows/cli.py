"""The command `shopfloor`. Each command parses its options, calls one function and shows what it returns.

Libraries are imported inside the commands: `shopfloor --help` loads none of them.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from flows import (
    cli_bench,
    cli_bench_learning,
    cli_bench_public,
    cli_bench_replan,
    cli_bench_search,
    cli_bench_throughput,
    cli_daily,
    cli_dispatcher,
    cli_explain,
    cli_export,
    cli_learning,
    cli_pins,
    cli_reproduce,
    cli_what_if,
)
from flows.cli_options import AsOf, Json, Seed, instant_option
from shopfloor.settings import quiet_environment

app = typer.Typer(
    help="Plan the shop floor every day, learn every week, trust only what is proven.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _before(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what happens to stderr.")] = False,
) -> None:
    from flows.console import set_up_logging

    set_up_logging(verbose=verbose)


@app.command()
def demo(
    quick: Annotated[
        bool, typer.Option("--quick", help="A tiny plant and the tiny preset, no servers: under a minute.")
    ] = False,
    preset: Annotated[
        str | None, typer.Option(help="Training preset; default small, with --quick tiny.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run the whole story on an embedded plant: history, weekly cycle, today's schedule, what to look at."""
    from flows.console import show
    from flows.demo import run_demo

    story = run_demo(is_quick=quick, preset=preset)
    show(story, as_json=as_json, text=story.text)


@app.command()
def seed(
    plant: Annotated[
        str, typer.Option(help="default (74 machines, 443 open operations) or tiny.")
    ] = "default",
    seed_value: Annotated[int, typer.Option("--seed", help="Seed of the synthetic plant.")] = 0,
    as_of: AsOf = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the plant's rows that are there. They are lost.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write the synthetic plant and its history into an empty database."""
    from flows.console import show
    from flows.plant import seed_database

    seeded = seed_database(plant, seed=seed_value, as_of=instant_option(as_of), is_forced=force)
    show(seeded, as_json=as_json, text=seeded.text)


@app.command()
def analyse(as_of: AsOf = None, as_json: Json = False) -> None:
    """Print families, times, machine load, imbalance, bottleneck and jobs per day."""
    from flows.console import show
    from flows.plant import analyse_plant

    analysis = analyse_plant(as_of=instant_option(as_of))
    show(analysis, as_json=as_json, text=lambda: "\n".join(analysis.lines()))


@app.command()
def weekly(
    preset: Annotated[
        str | None,
        typer.Option(help="Training preset: tiny, small, standard, full; default SHOPFLOOR_PRESET."),
    ] = None,
    preset_file: Annotated[
        Path | None, typer.Option(help="Preset as a JSON file in its place; `tune` writes one.")
    ] = None,
    seed: Seed = None,
    as_of: AsOf = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Do not resume an unfinished cycle.")] = False,
    as_json: Json = False,
) -> None:
    """Retrain, evaluate, and promote only through the gate. Resumes where an earlier run was killed."""
    from flows.bars import progress_bars
    from flows.console import show
    from flows.run import run_weekly

    with progress_bars() as listen:
        report = run_weekly(
            preset=preset,
            seed=seed,
            as_of=instant_option(as_of),
            is_fresh=fresh,
            preset_file=preset_file,
            listen=listen,
        )
    show(report, as_json=as_json, text=report.text)


@app.command()
def monitor(
    as_of: AsOf = None,
    end_of_day: Annotated[
        bool, typer.Option("--end-of-day", help="Also store the day's KPIs and write its report.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Compare the active plan with what really happens; send waiting alerts."""
    from flows.console import show
    from flows.run import run_monitor

    report = run_monitor(as_of=instant_option(as_of), end_of_day=end_of_day)
    show(report, as_json=as_json, text=report.text)


@app.command()
def status(as_json: Json = False) -> None:
    """Show the active plan, the champion, the last runs and the open incidents."""
    from flows.console import show
    from flows.status import read_status

    state = read_status()
    show(state, as_json=as_json, text=state.text)


@app.command()
def gantt(
    run_id: Annotated[
        str | None, typer.Option("--run", help="A stored run; default: the active plan.")
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(help="A stored run to show changes against, or none; default: the plan before it."),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="HTML file to write.")] = Path("gantt.html"),
) -> None:
    """Draw a stored plan, with what it changes, as one self-contained HTML file."""
    from flows.plant import draw_gantt

    typer.echo(draw_gantt(run_id, output, against=against))


@app.command()
def rollback(
    reason: Annotated[str, typer.Option(help="Why; kept in the ledger.")] = "asked by an operator",
    release: Annotated[bool, typer.Option("--release", help="Lift the hold of an earlier rollback.")] = False,
    as_json: Json = False,
) -> None:
    """Make the previous champion champion again, and hold promotions until --release."""
    from flows.console import show
    from flows.status import lift_hold, roll_back

    if release:
        show({"lifted": lift_hold()}, as_json=as_json, text=lambda: "the gate may promote again")
        return
    row = roll_back(reason)
    show(row, as_json=as_json, text=row.text)


@app.command()
def doctor(
    settings: Annotated[
        bool, typer.Option("--settings", help="List every setting with its value and meaning.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check what the scheduler needs, with a hint for each failure. Exit 78: something essential is missing."""
    from flows.console import show
    from flows.doctor import describe_settings, examine

    if settings:
        rows = describe_settings()
        show(
            rows,
            as_json=as_json,
            text=lambda: "\n".join(f"{row.name:32} {row.value:40} {row.meaning}" for row in rows),
        )
        return
    findings = examine()
    show(findings, as_json=as_json, text=findings.text)
    raise typer.Exit(0 if findings.is_healthy else 78)


@app.command()
def up(
    prefect_port: Annotated[int, typer.Option(help="Loopback port of Prefect.")] = 4200,
    mlflow_port: Annotated[int, typer.Option(help="Loopback port of MLflow.")] = 5000,
    pages_port: Annotated[int, typer.Option(help="Loopback port of reports and data docs.")] = 4300,
) -> None:
    """Start Prefect, MLflow and a worker with all deployments on this machine; Ctrl-C stops them."""
    from flows.up import Ports, run_until_interrupted
    from shopfloor.settings import read_settings

    run_until_interrupted(read_settings(), Ports(prefect_port, mlflow_port, pages_port), say=typer.echo)


cli_bench.register(app)
cli_bench_search.register(cli_bench.bench_app)
cli_bench_throughput.register(cli_bench.bench_app)
cli_bench_public.register(cli_bench.bench_app)
cli_bench_learning.register(cli_bench.bench_app)
cli_bench_replan.register(cli_bench.bench_app)
cli_daily.register(app)
cli_dispatcher.register(app, cli_bench.bench_app)
cli_explain.register(app)
cli_export.register(app)
cli_learning.register(app)
cli_pins.register(app)
cli_what_if.register(app)
cli_reproduce.register(app)


def main() -> None:
    """Run the command line; exit codes are in `serving.exit_codes`."""
    quiet_environment()
    from flows.console import run_guarded

    sys.exit(run_guarded(app))
