"""The command `what-if`: options become changes, the answer is printed, nothing is written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from datetime import datetime

    from flows.what_if import Changes


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("what-if")(what_if)


def what_if(
    rush: Annotated[str | None, typer.Option(help="Family of a rush order; with --qty and --due.")] = None,
    qty: Annotated[int | None, typer.Option(help="Pieces of the rush order.", min=1)] = None,
    due: Annotated[str | None, typer.Option(help="Day at whose end the rush order is due.")] = None,
    down: Annotated[str | None, typer.Option(help="A machine that is down; with --from and --to.")] = None,
    down_from: Annotated[
        str | None, typer.Option("--from", help="When it goes down: ISO 8601 or plant-local.")
    ] = None,
    down_to: Annotated[str | None, typer.Option("--to", help="When it is up again.")] = None,
    overtime: Annotated[
        str | None, typer.Option(help="Machine type that works its overtime windows; with --days.")
    ] = None,
    days: Annotated[int, typer.Option(help="Working days of overtime, today included.", min=1)] = 5,
    priority: Annotated[
        list[str] | None,
        typer.Option(help="JOB=5 changes a job (repeatable); a number alone is the rush order's, default 5."),
    ] = None,
    gantt: Annotated[Path | None, typer.Option(help="Also draw the plan with the changes as HTML.")] = None,
    seconds: Annotated[float, typer.Option(help="Seconds of search.", min=0.2, max=60)] = 3.0,
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="What counts as now; without offset it is plant-local.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Say which jobs a rush order, a stop, overtime or a priority would move. Nothing is written."""
    from flows.console import show
    from flows.context import instant_of
    from flows.what_if import ask_what_if
    from flows.when import parse_instant
    from shopfloor.settings import read_settings

    zone = read_settings().plant_tz
    now = instant_of(None)
    if as_of is not None:
        now = instant_of(parse_instant(as_of, plant_tz=zone, as_of=now))
    changes = _changes(
        rush=(rush, qty, due), down=(down, down_from, down_to), overtime=(overtime, days),
        priority=priority or [], zone=zone, now=now,
    )  # fmt: skip
    report = ask_what_if(changes, as_of=now, gantt=gantt, seconds=seconds)
    show(report, as_json=as_json, text=report.text)


def _changes(
    *,
    rush: tuple[str | None, int | None, str | None],
    down: tuple[str | None, str | None, str | None],
    overtime: tuple[str | None, int],
    priority: list[str],
    zone: str,
    now: datetime,
) -> Changes:
    from flows.what_if import Changes, DownWish, OvertimeWish, RushWish
    from flows.when import parse_day, parse_instant

    own, others = _priorities(priority)
    family, quantity, due = rush
    machine, start, end = down
    _complete("--rush", family, {"--qty": quantity, "--due": due})
    _complete("--down", machine, {"--from": start, "--to": end})
    if own is not None and family is None:
        raise typer.BadParameter(f"whose? {own}; JOB={own} names the job", param_hint="--priority")
    return Changes(
        rush=(RushWish(family, quantity, parse_day(due), own or 5),) if family and quantity and due else (),
        down=(
            DownWish(
                machine,
                parse_instant(start, plant_tz=zone, as_of=now),
                parse_instant(end, plant_tz=zone, as_of=now),
            ),
        )
        if machine and start and end
        else (),
        overtime=(OvertimeWish(overtime[0], overtime[1]),) if overtime[0] else (),
        priorities=others,
    )


def _complete(name: str, value: object, needed: dict[str, object]) -> None:
    """Refuse an option without those that belong to it, and those without it."""
    missing = [option for option, given in needed.items() if given is None]
    if value is not None and missing:
        raise typer.BadParameter(f"needs {' and '.join(missing)}", param_hint=name)
    if value is None and len(missing) < len(needed):
        raise typer.BadParameter(f"needs {name}", param_hint=" ".join(set(needed) - set(missing)))


def _priorities(given: list[str]) -> tuple[int | None, dict[str, int]]:
    """Return the rush order's priority, and those of jobs by id."""
    own: int | None = None
    others: dict[str, int] = {}
    for text in given:
        job_id, _, number = text.rpartition("=")
        if not number.isdigit():
            raise typer.BadParameter(f"not JOB=1..5: {text!r}", param_hint="--priority")
        if job_id:
            others[job_id] = int(number)
        else:
            own = int(number)
    return own, others
