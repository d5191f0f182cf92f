"""`shopfloor bench search`: the search against rules and CP-SAT. Parses options and shows the answer."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import Annotated

import typer


class _Part(StrEnum):
    """Which part of the bench."""

    DAILY = "daily"
    KPIS = "kpis"
    SIZES = "sizes"
    G8 = "g8"
    ANCHOR = "anchor"
    PRESETS = "presets"
    ALL = "all"


def search(
    part: Annotated[
        _Part,
        typer.Option(
            help="daily suite, planner's kpis, sizes, g8 (equal CPU), anchor (optimality), presets (what each "
            "objective buys) or all."
        ),
    ] = _Part.ALL,
    cases: Annotated[int | None, typer.Option(help="Cases of the daily suite; default 30.", min=2)] = None,
    seconds: Annotated[
        float | None, typer.Option(help="Wall seconds of the long search on two cores; default 5.", min=0.1)
    ] = None,
    objective: Annotated[
        str | None, typer.Option(help="Preset that the search minimises; default balanced.")
    ] = None,
    bounds: Annotated[
        int | None,
        typer.Option(help="Prove a lower bound for so many daily cases, half a minute each.", min=0),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Two minutes: a few cases, short budgets, nothing to quote.")
    ] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Measure everything again; without it stored rows count.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Score the search against greedy, tuned rules, best-of-N ATCS and CP-SAT, with intervals and goals.

    All of it takes about fifteen minutes on two quiet cores; what is done is kept, a killed run goes on.
    """
    from flows.bench_search import PARTS, SearchBenchOptions, run_bench_search
    from flows.console import show

    base = SearchBenchOptions.quick() if quick else SearchBenchOptions()
    options = replace(
        base,
        n_cases=cases or base.n_cases,
        seconds=seconds or base.seconds,
        objective=objective or base.objective,
        n_bounds=bounds or base.n_bounds,
    )
    parts = PARTS if part is _Part.ALL else tuple(name for name in PARTS if name == part.value)
    found = run_bench_search(
        parts=parts, options=options, say=lambda line: typer.echo(line, err=True), is_fresh=fresh
    )
    show(found, as_json=as_json, text=found.text)


def register(app: typer.Typer) -> None:
    """Add the command to the bench group.

    Args:
        app: That group.
    """
    app.command()(search)
