"""Bulk load of a plant's tables from frames, for synthetic plants and tests; our own tables stay as they are.

It replaces the rows in one transaction. On a real plant nobody has the rights for this, and should not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
import sqlalchemy as sa

from shopfloor.data.errors import run_transaction
from shopfloor.data.frames import cast, rows_of
from shopfloor.data.tables import PLANT_TABLES

ROWS_PER_STATEMENT = 2000


def load_frames(engine: sa.Engine, frames: Mapping[str, pd.DataFrame]) -> dict[str, int]:
    """Replace the rows of the plant tables that `frames` names, all in one transaction.

    Args:
        engine: A writer whose tables exist (`create_tables`).
        frames: Plant table -> rows; a table that is not named keeps its rows.

    Returns:
        Rows written per table.

    Raises:
        KeyError: A frame is not named like a plant table.
        DBAPIError: A row breaks a rule of its table, for example a duplicate id.
    """
    rows = {name: rows_of(cast(frame, PLANT_TABLES[name].name), name) for name, frame in frames.items()}

    def _replace(connection: sa.Connection) -> dict[str, int]:
        for name, records in rows.items():
            connection.execute(sa.delete(PLANT_TABLES[name]))
            for chunk in _chunks(records):
                connection.execute(sa.insert(PLANT_TABLES[name]), chunk)
        return {name: len(records) for name, records in rows.items()}

    return run_transaction(engine, _replace, doing="load the plant")


def _chunks(records: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    for first in range(0, len(records), ROWS_PER_STATEMENT):
        yield records[first : first + ROWS_PER_STATEMENT]
