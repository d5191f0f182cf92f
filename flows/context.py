"""What the steps of one run share: settings, databases, folders and a stopwatch. Built at the flow's edge."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from shopfloor.settings import Settings, read_settings

if TYPE_CHECKING:
    import sqlalchemy as sa


@dataclass(frozen=True)
class Folders:
    """Where a run leaves its files, all below home."""

    home: Path

    @property
    def snapshots(self) -> Path:
        return self.home / "snapshots"

    @property
    def cycles(self) -> Path:
        return self.home / "cycles"

    @property
    def public(self) -> Path:
        """What people look at, and a page server may show."""
        return self.home / "public"

    @property
    def reports(self) -> Path:
        return self.public / "reports"

    @property
    def data_docs(self) -> Path:
        return self.public / "data_docs"


class Stopwatch:
    """Wall seconds per named part of a run."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - began


class RunContext:
    """One run's surroundings.

    Attributes:
        settings: Of this run; options of the command are in it.
        database: Engine that may write our tables.
        source: Engine that can only read.
        as_of: Instant of the data, aware UTC.
        timed: Stopwatch: `with run.timed("extract"): ...`.
    """

    def __init__(self, settings: Settings, *, as_of: datetime) -> None:
        self.settings, self.as_of = settings, as_of
        self.folders = Folders(settings.home_dir)
        self.database, self.source = open_engines(settings)
        self.timed = Stopwatch()

    @property
    def home(self) -> Path:
        return self.folders.home

    @property
    def seed(self) -> int:
        return self.settings.seed


def run_settings(**options: object) -> Settings:
    """Return the process's settings with the options that are not None in their place."""
    given = {name: value for name, value in options.items() if value is not None}
    return Settings.model_validate(read_settings().model_dump() | given)


def instant_of(as_of: datetime | None) -> datetime:
    """Return what counts as now: the option, or the clock, in whole minutes UTC; naive is UTC."""
    instant = as_of or datetime.now(UTC)
    instant = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    return instant.astimezone(UTC).replace(second=0, microsecond=0)


def open_engines(settings: Settings) -> tuple[sa.Engine, sa.Engine]:
    """Return the writing and the read-only engine.

    Raises:
        SchemaMismatch: Tables are missing or of another version.
        DatabaseUnavailable: The database cannot be reached.
    """
    from shopfloor.data.column_map import read_column_map
    from shopfloor.data.connection import check_schema, open_database, open_readonly

    database = open_database(settings.database)
    check_schema(database, renamed=read_column_map(settings.column_map))
    return database, open_readonly(settings.database)


@lru_cache(maxsize=1)
def git_sha() -> str:
    """Return the commit of this checkout, or `unknown` outside of one."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            cwd=Path(__file__).parent, capture_output=True, text=True, timeout=5, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return done.stdout.strip() if done.returncode == 0 else "unknown"
