"""The group `shopfloor bench`: what is measured against whom. Plain `bench` scores the frozen suite.

Each command parses its options and calls one function; nothing is measured here.
"""

from __future__ import annotations

from typing import Annotated

import typer

bench_app = typer.Typer(help="Measure quality and speed against rules, peers and earlier champions.")

_Cases = Annotated[int, typer.Option(help="Instances of the frozen suite.", min=2)]
_Samples = Annotated[int, typer.Option(help="Samples of the candidate per static instance.", min=2)]
_Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


@bench_app.callback(invoke_without_command=True)
def bench(
    context: typer.Context, cases: _Cases = 30, samples: _Samples = 256, as_json: _Json = False
) -> None:
    """Measure. Without a command: rules, greedy and the last candidate on the frozen held-out suite."""
    if context.invoked_subcommand is None:
        suite(cases=cases, samples=samples, as_json=as_json)


@bench_app.command()
def suite(cases: _Cases = 30, samples: _Samples = 256, as_json: _Json = False) -> None:
    """Score rules, greedy and the last candidate on the frozen held-out suite, paired, with 95 % intervals."""
    from flows.bench import run_bench
    from flows.console import show

    table = run_bench(n_cases=cases, n_samples=samples)
    show(table, as_json=as_json, text=table.text)


def register(app: typer.Typer) -> None:
    """Add the group to the command line."""
    app.add_typer(bench_app, name="bench")
