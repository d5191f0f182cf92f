"""A tiny plant in a real database and its days, run in this process: the flow's steps without Prefect and pages."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from shopfloor.data.errors import run_transaction
from shopfloor.data.plans import PlanRow, active_run, read_plan
from shopfloor.data.seed import load_frames
from shopfloor.data.tables import metadata
from shopfloor.domain.kpis import Kpis
from shopfloor.serving.daily import (
    assemble_day,
    extract_day,
    find_done,
    key_of,
    make_plan,
    open_day,
    resolve_day,
)
from shopfloor.serving.daily_end import close_day
from shopfloor.serving.daily_write import DayDraft, read_back, write_day
from shopfloor.settings import Settings
from shopfloor.twin.generate import generate_plant
from shopfloor.twin.plant_spec import TINY_SPEC

AS_OF = datetime(2026, 6, 8, 7, 0, tzinfo=UTC)
"""Monday 09:00 in Berlin."""


class TinyPlant:
    """The plant, its settings and the plan in force."""

    def __init__(self, engine: sa.Engine, url: str, home: Path) -> None:
        self.engine = engine
        facts: dict[str, Any] = {
            "home": home,
            "database_url": url,
            "MLFLOW_TRACKING_URI": "http://127.0.0.1:1",
        }
        facts |= {"rollouts": 4, "search_iterations": 2_000, "search_workers": 1}
        self.settings = Settings(**facts)
        load_frames(engine, generate_plant(TINY_SPEC, seed=1, as_of=AS_OF))

    def run_day(self, **options: Any) -> Kpis | None:
        """Make the day's plan and write it; None = this very request was answered before."""
        settings = Settings.model_validate(self.settings.model_dump() | options)
        day = open_day(self.engine, settings=settings, as_of=AS_OF)
        resolution = resolve_day(day)
        snapshot = extract_day(day)
        key = key_of(day, snapshot, resolution.champion)
        done = find_done(day, key)
        if done is not None:
            close_day(day, done=done)
            return None
        instance = assemble_day(day, snapshot.frames())
        result = make_plan(day, instance, resolution.champion)
        draft = DayDraft(key, snapshot, instance, resolution.champion, result, resolution.incidents)
        outcome = write_day(day, draft)
        assert outcome is not None
        read_back(day, draft, outcome)
        close_day(day, outcome=outcome, result=result)
        assert result.kpis is not None
        return result.kpis

    def plan(self) -> dict[str, PlanRow]:
        """Return the rows of the plan in force by operation."""
        active = active_run(self.engine)
        assert active is not None
        return {row.operation_id: row for row in read_plan(self.engine, active.run_id).operations}

    def write(self, statement: sa.Executable) -> None:
        """Change the plant's rows."""
        run_transaction(self.engine, lambda connection: bool(connection.execute(statement)))

    def every_row(self) -> dict[str, list[str]]:
        """Return all rows of all tables."""
        with self.engine.connect() as connection:
            return {
                name: sorted(map(str, connection.execute(sa.select(table)).all()))
                for name, table in metadata.tables.items()
            }
