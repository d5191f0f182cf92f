"""The whole story on an embedded plant: history, a weekly cycle, today's plan, and what to look at.

It uses the same flows as a real plant, in Prefect and MLflow servers of its own that stop with it; their databases
stay, `shopfloor up` shows them again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from flows.reports import SHOWN_KPIS, DailyReport, WeeklyReport, kpi_table
from shopfloor.settings import Settings, read_settings

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class Story:
    """How the demo ended.

    Attributes:
        actual: KPIs of what the plant really completed in the week before.
        addresses: Where the servers answer once `shopfloor up` runs.
    """

    weekly: WeeklyReport
    daily: DailyReport
    actual: Mapping[str, float]
    seconds: Mapping[str, float]
    links: Mapping[str, Path]
    addresses: Mapping[str, str]

    def text(self) -> str:
        """Return table, verdict and what to look at."""
        columns = {"plan": self.daily.kpis, "greedy": self.daily.greedy_kpis, "last week, real": self.actual}
        lines = [
            "",
            kpi_table(columns, SHOWN_KPIS),
            "(plan and greedy: all open orders to their end; last week: the orders that the plant completed in it)",
            "",
            self.weekly.verdict_lines[0],
            f"plan {self.daily.run_id} by {self.daily.rung}, model version {self.daily.model_version}; "
            f"{self.daily.n_operations} operations, exit code {int(self.daily.exit_code)}",
            "",
        ]
        lines += [f"{name:18} {path}" for name, path in self.links.items()]
        lines += [f"{name:18} {url}" for name, url in self.addresses.items()]
        lines += ["", "seconds: " + ", ".join(f"{name} {value:.0f}" for name, value in self.seconds.items())]
        return "\n".join(lines)


def run_demo(*, is_quick: bool, preset: str | None) -> Story:
    """Run the story.

    Args:
        is_quick: A tiny plant, the tiny preset, no servers.
        preset: Training preset instead.
    """
    from rich.console import Console

    console = Console(stderr=True, highlight=False)
    began = time.perf_counter()
    settings = read_settings()
    with _surroundings(settings, console, is_quick=is_quick) as addresses:
        as_of = _plant(settings, console, "tiny" if is_quick else "default")
        weekly = _weekly(console, preset or ("tiny" if is_quick else "small"), as_of)
        console.print("[bold]today's schedule[/]")
        from flows.run import run_daily

        daily = run_daily(as_of=as_of)
        actual = _last_week(settings, as_of)
    seconds = {"weekly": sum(weekly.seconds.values()), "daily": _own_seconds(daily)}
    seconds["all"] = time.perf_counter() - began
    links = {**daily.links, "evaluation report": weekly.links["evaluation report"]}
    return Story(weekly, daily, actual, seconds, links, addresses)


@contextmanager
def _surroundings(settings: Settings, console: Console, *, is_quick: bool) -> Iterator[Mapping[str, str]]:
    """Give the flows servers: those of the environment, else our own for the time of the story."""
    if is_quick or settings.prefect_api_url or settings.mlflow_tracking_uri:
        yield {"MLflow": settings.tracking_uri, "Prefect": settings.prefect_api_url or "not used"}
        return
    from flows.services import free_port, is_port_free
    from flows.up import Ports, servers

    usual = asdict(Ports())
    ports = Ports(**{name: port if is_port_free(port) else free_port() for name, port in usual.items()})
    console.print("[bold]servers[/] Prefect, MLflow and reports on loopback")
    with servers(settings, ports, say=console.print) as (addresses, _):
        given = addresses.environment(settings)
        before = {name: os.environ.get(name) for name in given}
        os.environ |= given
        read_settings.cache_clear()
        yield {
            name: f"http://127.0.0.1:{port}  (run `make up`, then open it)" for name, port in usual.items()
        }
    for name, value in before.items():
        os.environ.pop(name, None) if value is None else os.environ.update({name: value})
    read_settings.cache_clear()


def _plant(settings: Settings, console: Console, name: str) -> datetime:
    """Seed the plant where there is none; return the instant of its data."""
    from datetime import UTC

    from flows.plant import analyse_plant, last_monday_morning, seed_database
    from shopfloor.data.connection import create_tables, open_database
    from shopfloor.data.plans import count_plant_rows

    as_of = last_monday_morning(settings, datetime.now(UTC))
    settings.home_dir.mkdir(parents=True, exist_ok=True)
    engine = open_database(settings.database)
    create_tables(engine)
    if not count_plant_rows(engine).get("machines"):
        _say_what_compiles(console)
        console.print(f"[bold]plant[/] {name}: drawing machines, orders and 180 days of history")
        seed_database(name, seed=0, as_of=as_of)
    console.print("\n".join(analyse_plant(as_of=as_of).lines()[:6]))
    return as_of


def _say_what_compiles(console: Console) -> None:
    from shopfloor.engine.kernel_cache import CACHE_FOLDER

    if not CACHE_FOLDER.exists():
        console.print("[bold]engine[/] compiling its kernels once, about a minute of the steps below")


def _weekly(console: Console, preset: str, as_of: datetime) -> WeeklyReport:
    from flows.bars import progress_bars
    from flows.run import run_weekly

    console.print(
        f"[bold]weekly cycle[/] preset {preset}: extract, validate, fit, tune, train, evaluate, judge"
    )
    with progress_bars(console) as listen:
        return run_weekly(preset=preset, seed=None, as_of=as_of, listen=listen)


def _last_week(settings: Settings, as_of: datetime) -> dict[str, float]:
    """Return what the plant achieved in the seven days before."""
    import tempfile

    from shopfloor.data.connection import open_readonly
    from shopfloor.data.snapshot import extract
    from shopfloor.monitoring.actual_kpis import actual_kpis

    with tempfile.TemporaryDirectory() as folder:
        source = open_readonly(settings.database)
        frames = extract(source, root=Path(folder), as_of=as_of, column_map=settings.column_map).frames()
    return actual_kpis(frames, start=as_of - timedelta(days=7), end=as_of, plant_tz=settings.plant_tz)


def _own_seconds(daily: DailyReport) -> float:
    parts = ("champion", "extract", "validate", "drift", "assemble", "plan", "write", "pictures")
    return sum(daily.seconds.get(part, 0.0) for part in parts)
