"""The commands `pin`, `unpin` and `pins`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from datetime import datetime

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
AsOf = Annotated[
    str | None, typer.Option("--as-of", help="What counts as now; without offset it is plant-local.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(pin)
    app.command()(unpin)
    app.command()(pins)


def pin(
    operation: Annotated[str, typer.Argument(help="The operation, e.g. O00123_P02.")],
    machine: Annotated[str | None, typer.Option(help="The machine that is to do it.")] = None,
    start: Annotated[str | None, typer.Option(help="When it is to start: ISO 8601 or plant-local.")] = None,
    position: Annotated[
        int | None, typer.Option(help="Which one it is on the machine from now; from 1, without gaps.", min=1)
    ] = None,
    by: Annotated[str | None, typer.Option(help="Who pins it; default the user.")] = None,
    reason: Annotated[str, typer.Option(help="Why; shown where the pin matters.")] = "",
    expires: Annotated[str | None, typer.Option(help="When the pin ends by itself.")] = None,
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """Fix an operation's machine, start or position for the next plans; refused when it cannot hold."""
    from flows.console import show
    from flows.pins import PinWish, set_pin

    now, (begin, end) = _instants(as_of, start, expires)
    wish = PinWish(operation, machine, begin, position, by, reason, end)
    done = set_pin(wish, as_of=now)
    show(done.pin, as_json=as_json, text=done.text)


def unpin(
    operation: Annotated[str, typer.Argument(help="The operation.")],
    as_json: Json = False,
) -> None:
    """Remove the pins of an operation."""
    from flows.console import show
    from flows.pins import clear_pins

    removed = clear_pins(operation)
    show({"removed": removed}, as_json=as_json, text=lambda: f"{operation} is free again")


def pins(as_of: AsOf = None, as_json: Json = False) -> None:
    """List all pins, and whether each holds on the plant as it is now."""
    from flows.console import show
    from flows.pins import list_pins

    now, _ = _instants(as_of)
    found = list_pins(as_of=now)
    show(found.pins, as_json=as_json, text=found.text)


def _instants(as_of: str | None, *texts: str | None) -> tuple[datetime, list[datetime | None]]:
    """Return what counts as now, and the other times."""
    from flows.context import instant_of
    from flows.when import parse_instant
    from shopfloor.settings import read_settings

    zone = read_settings().plant_tz
    now = instant_of(None)
    if as_of is not None:
        now = instant_of(parse_instant(as_of, plant_tz=zone, as_of=now))
    return now, [None if text is None else parse_instant(text, plant_tz=zone, as_of=now) for text in texts]
