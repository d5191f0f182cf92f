"""Options that several commands share, and what their text means."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
AsOf = Annotated[
    str | None,
    typer.Option("--as-of", help="What counts as now, ISO 8601; without offset it is plant-local."),
]
Seed = Annotated[int | None, typer.Option(help="Seed of every random draw; default SHOPFLOOR_SEED.")]


def instant_option(text: str | None) -> datetime | None:
    """Return an option's instant in UTC; a naive one is plant-local."""
    if text is None:
        return None
    from zoneinfo import ZoneInfo

    from shopfloor.settings import read_settings

    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"not an ISO 8601 time: {text!r}", param_hint="--as-of") from None
    zone = ZoneInfo(read_settings().plant_tz)
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=zone)).astimezone(UTC)
