"""The command `reproduce`: exit 0 when a stored run gives its plan again, 1 when it gives another."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.cli_options import Json


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(reproduce)


def reproduce(
    run: Annotated[str | None, typer.Argument(help="A stored run; default: the plan in force.")] = None,
    as_json: Json = False,
) -> None:
    """Make a stored plan again from its snapshot and compare. Exit 0: identical, 1: different."""
    from flows.console import show
    from flows.reproduce import reproduce_run

    found = reproduce_run(run)
    show(found, as_json=as_json, text=found.text)
    raise typer.Exit(0 if found.is_identical else 1)
