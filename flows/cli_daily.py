"""The command `daily`: its options are this run's settings; a live line while the search works."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.cli_options import AsOf, Json, Seed, instant_option

MOST_HOURS = 168


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(daily)


def daily(
    seed: Seed = None,
    as_of: AsOf = None,
    freeze: Annotated[
        str | None, typer.Option("--freeze", help="Frozen horizon of the plan in force: 4h, 90m, or hours.")
    ] = None,
    deadline: Annotated[float | None, typer.Option(help="Seconds the search may take.", min=0.2)] = None,
    objective: Annotated[
        str | None, typer.Option(help="What is optimised: a preset; default SHOPFLOOR_OBJECTIVE.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Search chains side by side, one core each.", min=1, max=64)
    ] = None,
    iterations: Annotated[
        int | None, typer.Option(help="Moves that each worker tries at most.", min=0, max=10**9)
    ] = None,
    max_moved: Annotated[
        int | None, typer.Option(help="Operations that may move against the plan in force.", min=0)
    ] = None,
    accept_volume: Annotated[
        bool, typer.Option("--accept-volume", help="Plan although row counts are unusual.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make today's plan and write it back. Exit 0: by the champion, 10: by a fallback, 11: last plan kept."""
    from flows.bars import progress_bars
    from flows.console import show
    from flows.run import DailyOptions, run_daily

    options = DailyOptions(
        seed=seed,
        freeze_hours=_hours(freeze),
        deadline_s=deadline,
        objective=_known(objective),
        search_workers=workers,
        search_iterations=iterations,
        max_moved=max_moved,
    )
    with progress_bars() as listen:
        report = run_daily(
            as_of=instant_option(as_of), options=options, accept_volume=accept_volume, listen=listen
        )
    show(report, as_json=as_json, text=report.text)
    raise typer.Exit(int(report.exit_code))


def _hours(text: str | None) -> float | None:
    if text is None:
        return None
    from flows.durations import hours_of

    try:
        hours = hours_of(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--freeze") from None
    if hours > MOST_HOURS:
        raise typer.BadParameter(f"at most {MOST_HOURS} h: {text!r}", param_hint="--freeze")
    return hours


def _known(name: str | None) -> str | None:
    if name is None:
        return None
    from shopfloor.engine.objective import PRESETS

    if name not in PRESETS:
        raise typer.BadParameter(
            f"no objective {name!r}; one of {', '.join(PRESETS)}", param_hint="--objective"
        )
    return name
