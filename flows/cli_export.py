"""Commands about plans as files: `export`, and `import-plan --check`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("export")(export)
    app.command("import-plan")(import_plan)


def export(
    file_format: Annotated[str, typer.Option("--format", "-f", help="csv, xlsx, json or ics.")] = "csv",
    run_id: Annotated[
        str | None, typer.Option("--run", help="A stored run; default: the active plan.")
    ] = None,
    machine: Annotated[str | None, typer.Option(help="Only this machine's operations.")] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File; for ics a folder, .zip or .ics; - prints."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,
) -> None:
    """Write a stored plan as CSV, Excel workbook, JSON or one calendar per machine."""
    from flows.console import show
    from flows.export import FORMATS, STDOUT, export_plan

    if file_format not in FORMATS:
        raise typer.BadParameter(f"not one of {', '.join(FORMATS)}: {file_format!r}", param_hint="--format")
    done = export_plan(file_format=file_format, run_id=run_id, machine_id=machine, output=output)
    if done.path == STDOUT:
        sys.stdout.buffer.write(done.content)
        return
    show(done, as_json=as_json, text=done.text)


def import_plan(
    file: Annotated[Path, typer.Argument(help="A plan that `export --format json` wrote, edited or not.")],
    check: Annotated[
        bool, typer.Option("--check", help="Validate it and print its key figures; nothing is written.")
    ] = False,
    run_id: Annotated[
        str | None,
        typer.Option("--run", help="Check against the problem of a stored run; default: the plant now."),
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", help="What counts as now, ISO 8601; without offset it is plant-local."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Check an exported plan against the plant as it is. Exit 20: the plan breaks a rule."""
    from flows.console import show
    from flows.plan_file import check_plan_file
    from shopfloor.serving.exit_codes import ExitCode

    if not check:
        raise typer.BadParameter(
            "a plan is not taken over from a file: only --check is offered; pins move single operations",
            param_hint="--check",
        )
    checked = check_plan_file(file, as_of=as_of, run_id=run_id)
    show(checked, as_json=as_json, text=checked.text)
    raise typer.Exit(int(ExitCode.REFUSED) if checked.violations else 0)
