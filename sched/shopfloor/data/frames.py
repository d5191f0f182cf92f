"""What each table looks like as a frame: columns, dtypes, and an exact cast to them.

Text is `str`, whole numbers `Int64`, numbers `float64`, truths `boolean`, times and dates naive
`datetime64[us]` (times UTC, dates plant-local midnight). A value that cannot be read as its column's type
becomes missing, and is reported beside the frame so that it can be quarantined; it is never guessed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import pandas as pd
import sqlalchemy as sa

from shopfloor.data.tables import PLANT_TABLES, metadata

TEXT: Final = "str"
WHOLE: Final = "Int64"
NUMBER: Final = "float64"
TRUTH: Final = "boolean"
TIME: Final = "datetime64[us]"

SNAPSHOT_TABLES: tuple[str, ...] = (*PLANT_TABLES, "schedule_pins", "scheduled_jobs")
"""What a snapshot holds: the plant's tables, the planner's pins and the rows of the active plan."""

MAX_SHOWN = 200


def _dtype_of(column: sa.Column[Any]) -> Any:
    kind = column.type
    if isinstance(kind, (sa.DateTime, sa.Date)):
        return TIME
    if isinstance(kind, sa.Boolean):
        return TRUTH
    if isinstance(kind, sa.Integer):
        return WHOLE
    if isinstance(kind, sa.Float):
        return NUMBER
    return TEXT


FRAME_DTYPES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        name: MappingProxyType({column.name: _dtype_of(column) for column in table.columns})
        for name, table in metadata.tables.items()
    }
)
"""Per table: column -> dtype, in the order of the table."""


@dataclass(frozen=True, slots=True)
class UnreadableValue:
    """A value that is not of its column's type, for example a zero date.

    Attributes:
        row_key: Primary key of its row, parts joined by `|`.
        value: As text, at most 200 characters.
    """

    table_name: str
    row_key: str
    column_name: str
    value: str


def empty_frame(table: str) -> pd.DataFrame:
    """Return a frame without rows that has the table's columns and dtypes."""
    return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in FRAME_DTYPES[table].items()})


def cast(frame: pd.DataFrame, table: str) -> pd.DataFrame:
    """Return the frame with exactly the table's columns and dtypes; what is not there is missing."""
    return cast_reporting(frame, table)[0]


def cast_reporting(frame: pd.DataFrame, table: str) -> tuple[pd.DataFrame, list[UnreadableValue]]:
    """Cast, and also return the values that could not be read.

    Args:
        frame: Any frame with some of the table's columns; others are left out.
        table: Name of one of our or the plant's tables.
    """
    columns: dict[str, pd.Series] = {}
    unreadable: list[UnreadableValue] = []
    for name, dtype in FRAME_DTYPES[table].items():
        if name not in frame.columns:
            columns[name] = pd.Series(index=frame.index, dtype=dtype)
            continue
        raw = frame[name]
        if raw.dtype == dtype:
            columns[name] = raw
            continue
        columns[name] = _convert(raw, dtype)
        bad = columns[name].isna() & raw.notna()
        if bad.any():
            unreadable += _report(frame, table, name, bad)
    result = pd.DataFrame(columns, index=frame.index)
    return result.reset_index(drop=True), unreadable


def rows_of(frame: pd.DataFrame, table: str) -> list[dict[str, Any]]:
    """Return a cast frame as rows of Python values that both drivers take; missing is None."""
    dates = {column.name for column in metadata.tables[table].columns if isinstance(column.type, sa.Date)}
    columns = {name: _values(frame[name], name in dates) for name in frame.columns}
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _values(series: pd.Series, is_date: bool) -> list[Any]:
    if series.dtype == TIME:
        return [_instant(value, is_date) for value in series.dt.to_pydatetime()]
    convert: Any = {WHOLE: int, TRUTH: bool, TEXT: str}.get(str(series.dtype), float)
    return [None if missing else convert(value) for value, missing in zip(series, series.isna(), strict=True)]


def _instant(value: dt.datetime, is_date: bool) -> dt.datetime | dt.date | None:
    if value is pd.NaT:
        return None
    return value.date() if is_date else value


def _report(frame: pd.DataFrame, table: str, column: str, bad: pd.Series) -> list[UnreadableValue]:
    keys = [key.name for key in metadata.tables[table].primary_key.columns if key.name in frame.columns]
    rows = frame.loc[bad, [*keys, column]] if column not in keys else frame.loc[bad, keys]
    return [
        UnreadableValue(
            table_name=table,
            row_key="|".join(str(row[key]) for key in keys),
            column_name=column,
            value=str(row[column])[:MAX_SHOWN],
        )
        for row in rows.to_dict("records")
    ]


def _convert(raw: pd.Series, dtype: str) -> pd.Series:
    if dtype == TIME:
        return _to_time(raw)
    if dtype == WHOLE:
        return _to_whole(raw)
    if dtype == NUMBER:
        number = pd.to_numeric(raw, errors="coerce").astype("Float64").astype(NUMBER)
        return number.where(np.isfinite(number))
    if dtype == TRUTH:
        whole = _to_whole(raw)
        return whole.where(whole.isin([0, 1])).astype(TRUTH)
    return _to_text(raw)


def _to_time(raw: pd.Series) -> pd.Series:
    if isinstance(raw.dtype, pd.DatetimeTZDtype):
        return raw.dt.tz_convert("UTC").dt.tz_localize(None).astype(TIME)
    if pd.api.types.is_datetime64_dtype(raw.dtype):
        return raw.astype(TIME)
    if pd.api.types.is_numeric_dtype(raw.dtype):
        return pd.Series(pd.NaT, index=raw.index, dtype=TIME)
    parsed = pd.to_datetime(raw, errors="coerce", format="ISO8601", utc=True)
    return parsed.dt.tz_localize(None).astype(TIME)


def _to_whole(raw: pd.Series) -> pd.Series:
    number = pd.to_numeric(raw, errors="coerce").astype("Float64")
    is_whole = (number == number.round()).fillna(False) & (number.abs() < 2.0**53).fillna(False)
    return number.where(is_whole).astype(WHOLE)


def _to_text(raw: pd.Series) -> pd.Series:
    if raw.dtype == object or pd.api.types.is_timedelta64_dtype(raw.dtype):
        raw = raw.astype(object).map(_as_text, na_action="ignore")
    elif pd.api.types.is_datetime64_any_dtype(raw.dtype):
        raw = raw.dt.strftime("%Y-%m-%d %H:%M:%S")
    return raw.astype("object").where(raw.notna(), None).astype(TEXT)


def _as_text(value: object) -> str:
    """Return a value as text; a clock time of a TIME column as HH:MM."""
    if isinstance(value, dt.timedelta):
        minutes = int(value.total_seconds() // 60)
        return f"{minutes // 60:02d}:{minutes % 60:02d}"
    if isinstance(value, dt.time):
        return value.strftime("%H:%M")
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
