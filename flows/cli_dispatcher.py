"""`shopfloor train-dispatcher` and `shopfloor bench milestones`: the single dispatcher. Parses options only."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from flows.cli_options import Json


class _Exercise(StrEnum):
    """What is learned."""

    TOY = "toy"
    DEPENDENCY = "dependency"
    TIME = "time"
    MEDIUM = "medium"
    PRODUCTION = "production"


class _Milestone(StrEnum):
    """Which milestones."""

    TOY = "toy"
    MEDIUM = "medium"
    PRODUCTION = "production"
    ALL = "all"


class _Books(StrEnum):
    """Where production's books come from."""

    PLANT = "plant"
    DRAWN = "drawn"


_Seed = Annotated[int, typer.Option(help="Seed of every random draw.", min=0)]
_Budget = Annotated[
    float, typer.Option(help="Factor of the preset's steps; 0.1 = a tenth of the time.", min=0.001, max=100.0)
]
_BooksOption = Annotated[
    _Books, typer.Option(help="Production's books: of the default plant, or of a drawn shop of its size.")
]
_Fresh = Annotated[bool, typer.Option("--fresh", help="Begin anew; without it a killed training goes on.")]


def train_dispatcher(
    preset: Annotated[_Exercise, typer.Option(help="The exercise to learn.")] = _Exercise.TOY,
    seed: _Seed = 0,
    budget: _Budget = 1.0,
    books: _BooksOption = _Books.PLANT,
    processes: Annotated[
        int,
        typer.Option(help="Environments in processes of their own; 0: all in this one, faster here.", min=0),
    ] = 0,
    fresh: _Fresh = False,
    as_json: Json = False,
) -> None:
    """Train the single dispatcher of one exercise with MaskablePPO. Resumes where an earlier run was killed."""
    from flows.bars import progress_bars
    from flows.console import show
    from flows.train_dispatcher import DispatcherRequest, run_train_dispatcher

    if processes and preset is _Exercise.PRODUCTION and books is _Books.PLANT:
        raise typer.BadParameter("needs --books drawn with --preset production", param_hint="--processes")
    request = DispatcherRequest(preset.value, seed, budget, books.value, processes, fresh)
    with progress_bars() as listen:
        report = run_train_dispatcher(request, listen=listen)
    show(report, as_json=as_json, text=report.text)


def milestones(
    exercise: Annotated[_Milestone, typer.Option(help="Which milestone, or all.")] = _Milestone.ALL,
    cases: Annotated[int, typer.Option(help="Held-out books of each.", min=3)] = 60,
    seed: _Seed = 0,
    budget: _Budget = 1.0,
    books: _BooksOption = _Books.PLANT,
    fresh: _Fresh = False,
    as_json: Json = False,
) -> None:
    """Train the single dispatcher on toy, medium and production, and judge it on held-out books.

    Opponents: random choice, greedy, tuned ATC and ATCS; paired, with 95 % intervals. All of it takes about
    a quarter of an hour on a quiet core; what is trained is kept, a killed run goes on.
    """
    from flows.bench_milestones import MILESTONES, run_bench_milestones
    from flows.console import show
    from flows.train_dispatcher import DispatcherRequest

    names = MILESTONES if exercise is _Milestone.ALL else (exercise.value,)
    base = DispatcherRequest(names[0], seed, budget, books.value, 0, fresh)
    found = run_bench_milestones(names, base, n_books=cases, say=lambda line: typer.echo(line, err=True))
    show(found, as_json=as_json, text=found.text)


def register(app: typer.Typer, bench_app: typer.Typer) -> None:
    """Add the commands.

    Args:
        bench_app: The group of benches.
    """
    app.command("train-dispatcher")(train_dispatcher)
    bench_app.command()(milestones)
