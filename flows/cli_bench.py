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


@bench_app.command()
def engine(
    rounds: Annotated[int, typer.Option(help="Interleaved rounds; the goals want at least 5.", min=1)] = 5,
    seconds: Annotated[float, typer.Option(help="CPU seconds of each meter in a round.", min=0.01)] = 0.5,
    quick: Annotated[
        bool, typer.Option("--quick", help="Two short rounds of ours alone: no peers, no cold compilation.")
    ] = False,
    as_json: _Json = False,
) -> None:
    """Compare the engine's speed with simpy, heapq, JSSEnv, Jumanji and SB3, as ratios of CPU seconds.

    The peers live in an environment of their own: make bench-env.
    """
    from flows.bench_engine import run_bench_engine
    from flows.console import show

    if quick:
        rounds, seconds = min(rounds, 2), min(seconds, 0.1)
    table = run_bench_engine(
        n_rounds=rounds, seconds=seconds, is_quick=quick, say=lambda line: typer.echo(line, err=True)
    )
    show(table, as_json=as_json, text=table.text)


def register(app: typer.Typer) -> None:
    """Add the group to the command line."""
    app.add_typer(bench_app, name="bench")
