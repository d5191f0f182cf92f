"""Daily KPI rows: one value per day, source and name, for dashboards and reports; written again they are
replaced.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date

import sqlalchemy as sa

from shopfloor.data.connection import reading
from shopfloor.data.errors import run_transaction
from shopfloor.data.tables import kpi_daily as table


def record_kpis(
    engine: sa.Engine,
    day: date,
    values: Mapping[str, float | None],
    *,
    source: str,
    run_id: str | None = None,
) -> None:
    """Replace one day's values of one source; values that are None or not finite are left out.

    Args:
        day: Plant-local day.
        source: `plan`, `greedy` or `actual`.
    """
    rows = [
        {"day": day, "source": source, "name": name, "value": float(value), "run_id": run_id}
        for name, value in values.items()
        if value is not None and math.isfinite(value)
    ]

    def _replace(connection: sa.Connection) -> None:
        connection.execute(sa.delete(table).where((table.c.day == day) & (table.c.source == source)))
        if rows:
            connection.execute(sa.insert(table), rows)

    run_transaction(engine, _replace, doing="record KPIs", read_back=lambda: None)


def read_kpis(engine: sa.Engine, day: date, *, source: str) -> dict[str, float]:
    """Return one day's values of one source."""
    mine = (table.c.day == day) & (table.c.source == source)
    with reading(engine) as connection:
        return {row.name: row.value for row in connection.execute(sa.select(table).where(mine))}
