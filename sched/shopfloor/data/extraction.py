"""Reading one table inside the snapshot transaction: streamed in chunks, renamed, cast, counted.

A chunk that cannot be cast is not dropped: unreadable values become missing and are reported.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd
import sqlalchemy as sa

from shopfloor.data.frames import UnreadableValue, cast_reporting
from shopfloor.data.tables import metadata
from shopfloor.domain.errors import SnapshotCorrupt

ROWS_PER_CHUNK = 20_000


def read_table(
    connection: sa.Connection,
    name: str,
    *,
    columns: set[str],
    renamed: Mapping[str, str],
    where: sa.ColumnElement[bool] | None = None,
) -> Iterator[tuple[pd.DataFrame, list[UnreadableValue]]]:
    """Yield the table's rows in order of its primary key, as cast frames, and what could not be read.

    Args:
        columns: Columns that the database's table has.
        renamed: Plant's column -> our column.
        where: Condition on our metadata's columns, for our own tables.

    Raises:
        SnapshotCorrupt: COUNT(*) in the same transaction differs from the rows that came.
    """
    table = metadata.tables[name]
    source = sa.table(name, *(sa.column(column) for column in columns))
    theirs = {ours: plant for plant, ours in renamed.items()}
    chosen = {ours.name: theirs.get(ours.name, ours.name) for ours in table.columns}
    chosen = {ours: plant for ours, plant in chosen.items() if plant in columns}
    statement = sa.select(*(source.c[plant].label(ours) for ours, plant in chosen.items()))
    counting = sa.select(sa.func.count()).select_from(source)
    if where is not None:
        statement, counting = statement.where(where), counting.where(where)
    keys = [source.c[chosen[key.name]] for key in table.primary_key.columns if key.name in chosen]
    expected = connection.execute(counting).scalar_one()
    streaming = connection.execution_options(stream_results=True, max_row_buffer=5000)
    result = streaming.execute(statement.order_by(*keys))
    found = 0
    for rows in result.partitions(ROWS_PER_CHUNK):
        found += len(rows)
        raw = pd.DataFrame.from_records([tuple(row) for row in rows], columns=list(chosen), coerce_float=True)
        yield cast_reporting(raw, name)
    if found != expected:
        raise SnapshotCorrupt(
            f"table {name} gave {found} rows where COUNT(*) says {expected}\n"
            "hint: the connection was cut; run again"
        )
