"""`shopfloor bench public`: the search against rules and CP-SAT on instances of the literature."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def public(
    set_name: Annotated[
        str,
        typer.Option(
            "--set",
            help="ft, la, abz, orb, ta, brandimarte, dauzere, fattahi, kacem, twt, large, all; commas.",
        ),
    ] = "ft",
    folder: Annotated[Path, typer.Option(help="Holds jsp/, fjsp/, jsp_twt/ and bounds.csv.")] = Path(
        "instances"
    ),
    seconds: Annotated[float, typer.Option(help="Processor seconds per worker and instance.", min=0.1)] = 5.0,
    workers: Annotated[int, typer.Option(help="Threads of the search and of CP-SAT.", min=1)] = 2,
    only: Annotated[str, typer.Option(help="Names of instances, with commas.")] = "",
    contestants: Annotated[str, typer.Option(help="search, rule, cp; with commas.")] = "search,rule,cp",
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget the rows measured before.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Measure gaps to the best known at equal processor time. A stopped run goes on where it was."""
    from flows import bench_public
    from flows.console import show
    from shopfloor.engine.kernel_cache import kernel_hash
    from shopfloor.settings import read_settings

    names = {"search": bench_public.OURS, "rule": bench_public.RULE, "cp": bench_public.CP_SAT}
    unknown = [word for word in _words(contestants) if word not in names]
    if unknown:
        raise typer.BadParameter(f"no contestant {unknown[0]!r}", param_hint="--contestants")
    store = read_settings().home_dir / "bench" / f"public-{kernel_hash()}.jsonl"
    if fresh:
        store.unlink(missing_ok=True)
    table = bench_public.run_public_bench(
        _words(set_name),
        folder,
        seconds=seconds,
        workers=workers,
        only=_words(only),
        contestants=[names[word] for word in _words(contestants)],
        store=store,
        say=lambda line: typer.echo(line, err=True),
    )
    show(table, as_json=as_json, text=table.text)


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def register(bench_app: typer.Typer) -> None:
    """Add the command to the group `bench`."""
    bench_app.command("public")(public)
