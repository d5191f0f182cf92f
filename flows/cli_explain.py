"""Commands about lateness: `late` lists the late jobs, `explain` says why one of them is late."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.cli_options import Json

RunId = Annotated[str | None, typer.Option("--run", help="A stored run; default: the active plan.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("explain")(explain)
    app.command("late")(late)


def explain(
    job: Annotated[str, typer.Argument(help="A job, or one of its operations.")],
    run_id: RunId = None,
    as_json: Json = False,
) -> None:
    """Say why a job is late: its lateness in minutes by cause, adding up, and the jobs that it waits for."""
    from flows.console import show
    from flows.explain import explain_stored

    explanation = explain_stored(job, run_id)
    show(explanation, as_json=as_json, text=explanation.text)


def late(
    run_id: RunId = None,
    limit: Annotated[int, typer.Option(help="Late jobs to list.", min=1)] = 20,
    as_json: Json = False,
) -> None:
    """List the late jobs with their first cause, and who is newly late since the plan before."""
    from flows.console import show
    from flows.explain import late_jobs

    found = late_jobs(run_id, limit=limit)
    show(found, as_json=as_json, text=found.text)
