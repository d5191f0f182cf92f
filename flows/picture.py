"""A picture of the plant as it is now, for questions and for checking what a planner wants: read-only.

The snapshot lives in a temporary folder and goes with it; nothing is written to the database or to home.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from shopfloor.settings import Settings

if TYPE_CHECKING:
    import pandas as pd
    import sqlalchemy as sa

    from shopfloor.data.assembly import Assembly
    from shopfloor.data.plans import ActivePlan


@dataclass(frozen=True)
class Picture:
    """The plant's rows at one instant.

    Attributes:
        engine: Read-only.
        frames: Table -> rows, without what validation set aside for the plan in force.
        quarantined: Operations that validation set aside.
        active_run_id: Of the plan in force; None before the first one.
    """

    settings: Settings
    as_of: datetime
    engine: sa.Engine
    frames: Mapping[str, pd.DataFrame]
    quarantined: tuple[str, ...]
    active_run_id: str | None

    def assembled(self, frames: Mapping[str, pd.DataFrame]) -> Assembly:
        """Return the problem that these rows make, as the day would assemble it."""
        from shopfloor.data.assembly import AssemblyOptions, assemble_with_notes

        options = AssemblyOptions(
            freeze_hours=self.settings.freeze_hours,
            processing_time_unit=self.settings.processing_time_unit,
            quarantined=self.quarantined,
        )
        return assemble_with_notes(frames, as_of=self.as_of, plant_tz=self.settings.plant_tz, options=options)


def take_picture(settings: Settings, *, as_of: datetime) -> Picture:
    """Read all tables in one consistent snapshot.

    Raises:
        DatabaseUnavailable, SchemaMismatch: The plant cannot be read.
    """
    from shopfloor.data.connection import open_readonly
    from shopfloor.data.plans import active_run
    from shopfloor.data.snapshot import extract

    engine = open_readonly(settings.database)
    with tempfile.TemporaryDirectory() as folder:
        snapshot = extract(engine, root=Path(folder), as_of=as_of, column_map=settings.column_map)
        frames = snapshot.frames()
    active = active_run(engine)
    kept, quarantined = _without_quarantined(engine, frames, active)
    return Picture(settings, as_of, engine, kept, quarantined, active.run_id if active else None)


def _without_quarantined(
    engine: sa.Engine, frames: dict[str, pd.DataFrame], active: ActivePlan | None
) -> tuple[dict[str, pd.DataFrame], tuple[str, ...]]:
    """Leave out what validation set aside for the plan in force; a full validation takes too long here.

    Returns:
        The frames, and the ids of operations to set aside with their reason.
    """
    from shopfloor.data.quarantine import list_quarantined
    from shopfloor.data.tables import PLANT_TABLES

    if active is None or active.run.snapshot_id is None:
        return frames, ()
    operations: set[str] = set()
    gone: dict[str, set[str]] = {}
    for row in list_quarantined(engine, snapshot_id=active.run.snapshot_id, limit=100_000):
        if row["table_name"] == "production_jobs":
            operations.add(row["row_key"])
        else:
            gone.setdefault(row["table_name"], set()).add(row["row_key"])
    kept = dict(frames)
    for table, keys in gone.items():
        if table in PLANT_TABLES:
            columns = [column.name for column in PLANT_TABLES[table].primary_key.columns]
            key = frames[table][columns].astype("str").agg("|".join, axis=1)
            kept[table] = frames[table][~key.isin(keys)].reset_index(drop=True)
    return kept, tuple(sorted(operations))
