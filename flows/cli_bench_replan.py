"""`shopfloor bench replan`: planning again at every event against the rule and the policy that decide alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def replan(
    cases: Annotated[int, typer.Option(help="Cases with a hidden future.", min=1)] = 10,
    budgets: Annotated[
        str, typer.Option(help="CPU milliseconds of the search at each planning; with commas.")
    ] = "10,50,200",
    plant: Annotated[str | None, typer.Option(help="own, default or tiny; own where there is one.")] = None,
    model: Annotated[
        Path | None, typer.Option(help="Folder of a trained policy; default the last candidate.")
    ] = None,
    variants: Annotated[
        bool, typer.Option(help="Also other ways to follow a plan and to be woken, at the first budget.")
    ] = True,
    quick: Annotated[
        bool, typer.Option("--quick", help="Two cases, 5 ms: numbers to look at, not to quote.")
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Play everything again.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Plan again at every event on what is known then, against tuned rules and the policy, paired, with intervals.

    Ten cases at 10, 50 and 200 ms take about half an hour of one quiet core; what is done is kept, a killed run goes
    on.
    """
    from flows.bench_replan import ReplanOptions, run_bench_replan
    from flows.console import show

    options = ReplanOptions(
        n_cases=2 if quick else cases,
        budgets_ms=(5.0,) if quick else _milliseconds(budgets),
        plant=plant,
        model=model,
        are_all=variants,
        is_fresh=fresh,
    )
    report = run_bench_replan(options, say=lambda line: typer.echo(line, err=True))
    show(report, as_json=as_json, text=report.text)


def _milliseconds(text: str) -> tuple[float, ...]:
    try:
        found = tuple(float(word) for word in text.split(",") if word.strip())
    except ValueError:
        found = ()
    if not found or min(found) <= 0:
        raise typer.BadParameter(f"not positive numbers with commas: {text!r}", param_hint="--budgets")
    return found


def register(bench_app: typer.Typer) -> None:
    """Add the command to the group `bench`."""
    bench_app.command("replan")(replan)
