"""What the rules may know: the run, the tables with their types made sure of, and who exists.

It never changes the frames that came in, and never guesses: what cannot be read as its type is marked, not
repaired.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

import numpy as np
import pandas as pd

OPEN_STATUSES = ("PENDING", "READY", "IN_PROGRESS")
CLOSED_STATUSES = ("COMPLETED", "CANCELLED")
WINDOW_KINDS = ("regular", "overtime", "night")
DEFAULT_CALENDAR = "default"
ROW = "_row"


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What the caller knows about this run.

    Attributes:
        as_of: The run's instant, UTC; None: the latest instant in the data.
        snapshot_id: Written into quarantined rows; empty: the run's name.
        processing_time_unit: `hours` or `minutes`, of `production_jobs.processing_time`.
    """

    as_of: datetime | None = None
    snapshot_id: str = ""
    processing_time_unit: str = "hours"


@dataclass(frozen=True, slots=True)
class TableShape:
    """The columns of a table.

    Attributes:
        key: Columns that name a row.
        needed: Must be there and filled.
        expected: Must be there, may be empty.
        optional: May be missing altogether.
        numbers: Which of them are numbers.
        instants: Which of them are times or dates.
        upper: Codes whose case and blanks do not matter.
        is_needed: The table must have rows.
    """

    table: str
    key: tuple[str, ...]
    needed: tuple[str, ...]
    expected: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    instants: tuple[str, ...] = ()
    upper: tuple[str, ...] = ()
    is_needed: bool = False

    @property
    def required(self) -> tuple[str, ...]:
        """Columns without which the table cannot be judged."""
        return (*self.needed, *self.expected)

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that we know of."""
        return (*self.required, *self.optional)

    @property
    def typed(self) -> tuple[str, ...]:
        """Columns that are not text."""
        return (*self.numbers, *self.instants)


@dataclass(frozen=True)
class PlantFacts:
    """The plant's tables in one hand; rows are known by their position, 0-based.

    Attributes:
        frames: Table name -> typed frame (see `typed_frame`); tables that lack a column are not in it.
        usual_counts: Table name -> usual number of rows.
    """

    frames: Mapping[str, pd.DataFrame]
    run: RunFacts = field(default_factory=RunFacts)
    usual_counts: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def as_of(self) -> pd.Timestamp:
        """The run's instant, naive UTC; without one the latest instant that the data knows."""
        if self.run.as_of is not None:
            instant = pd.Timestamp(self.run.as_of)
            return instant if instant.tzinfo is None else instant.tz_convert(UTC).tz_localize(None)
        known = [
            self.frames[table][column].max()
            for table, column in (
                ("production_jobs", "created_at"),
                ("job_schedules", "start_time"),
                ("job_schedules", "end_time"),
            )
            if table in self.frames and len(self.frames[table])
        ]
        known = [instant for instant in known if pd.notna(instant)]
        return max(known) if known else pd.Timestamp(2000, 1, 1)

    @property
    def hours_per_unit(self) -> float:
        """Hours in one unit of the plant's processing times."""
        return 1 / 60 if self.run.processing_time_unit == "minutes" else 1.0

    def known(self, table: str, column: str) -> frozenset[str]:
        """Return the values of a column; empty when the table is not there."""
        if table not in self.frames:
            return frozenset()
        return frozenset(self.frames[table][column].dropna())

    @cached_property
    def machine_ids(self) -> frozenset[str]:
        """Machines that exist."""
        return self.known("machines", "machine_id")

    @cached_property
    def machine_types(self) -> frozenset[str]:
        """Machine types that exist."""
        return self.known("machines", "machine_type")

    @cached_property
    def calendar_ids(self) -> frozenset[str]:
        """Calendars that exist; the default always does."""
        return self.known("machine_calendars", "calendar_id") | {DEFAULT_CALENDAR}

    @cached_property
    def is_open(self) -> pd.Series:
        """Per row of `production_jobs`: still to be planned; an unknown status counts as open."""
        return ~self.frames["production_jobs"]["status"].isin(CLOSED_STATUSES)


def typed_frame(frame: pd.DataFrame, shape: TableShape) -> pd.DataFrame:
    """Return a copy with plain types: text, `float64`, `datetime64[us]`; positions are in `_row`.

    A value that cannot be read as its type becomes missing and `_<column>_is_readable` is False in its row.
    Markup in text is escaped, because the pages of Great Expectations are not.
    """
    columns: dict[str, pd.Series] = {ROW: pd.Series(np.arange(len(frame)), dtype="int64")}
    source = frame.reset_index(drop=True)
    for name in shape.columns:
        raw = source[name] if name in source else pd.Series([None] * len(source), dtype=object)
        if name in shape.numbers:
            columns[name] = _number(raw)
        elif name in shape.instants:
            columns[name] = _instant(raw)
        else:
            columns[name] = _text(raw)
        if name in shape.upper:
            columns[name] = (
                columns[name].map(lambda code: code.strip().upper(), na_action="ignore").astype(object)
            )
        if name in shape.typed:
            columns[f"_{name}_is_readable"] = (columns[name].notna() | raw.isna()).astype(bool)
    return pd.DataFrame(columns)


def _number(raw: pd.Series) -> pd.Series:
    number = pd.to_numeric(raw, errors="coerce").astype("Float64").to_numpy(dtype="float64", na_value=np.nan)
    return pd.Series(np.where(np.isfinite(number), number, np.nan))


def _instant(raw: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(raw.dtype):
        return pd.Series(pd.NaT, index=raw.index, dtype="datetime64[us]")
    parsed = pd.to_datetime(
        raw, errors="coerce", utc=True, format=None if raw.dtype.kind == "M" else "ISO8601"
    )
    return parsed.dt.tz_localize(None).astype("datetime64[us]")


def _text(raw: pd.Series) -> pd.Series:
    return raw.astype(object).where(raw.notna(), None).map(_plain, na_action="ignore").astype(object)


def _plain(value: object) -> str:
    return html.escape(str(value)).replace("$", "&#36;")
