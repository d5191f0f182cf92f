"""Move a synthetic plant by whole weeks: the same floor, orders and history at another Monday.

Wall-clock times and dates move by weeks, so shifts, weekdays and queues stay what they were; only the instants of
daylight saving fall elsewhere. It draws nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd

DATE_COLUMNS = frozenset({"lcd_date", "plan_date", "scheduled_date", "exception_date"})
"""Plant-local dates; every other time column is a UTC instant."""


def weeks_between(then: datetime, now: datetime, zone: str) -> int | None:
    """Return the weeks from `then` to `now` (naive = UTC) on the wall clock; None when it is no whole number."""
    local = [_aware(instant).astimezone(ZoneInfo(zone)).replace(tzinfo=None) for instant in (then, now)]
    gap = local[1] - local[0]
    weeks = gap // timedelta(weeks=1)
    return weeks if gap == timedelta(weeks=weeks) else None


def shift_weeks(frames: Mapping[str, pd.DataFrame], weeks: int, zone: str) -> dict[str, pd.DataFrame]:
    """Return the frames with every time moved by `weeks` on the wall clock of `zone`."""
    return {name: _shift_frame(frame, pd.Timedelta(weeks=weeks), zone) for name, frame in frames.items()}


def _shift_frame(frame: pd.DataFrame, gap: pd.Timedelta, zone: str) -> pd.DataFrame:
    moved = frame.copy()
    for name in frame.columns:
        if name in DATE_COLUMNS:
            moved[name] = pd.to_datetime(frame[name]) + gap
        elif pd.api.types.is_datetime64_any_dtype(frame[name]):
            local = frame[name].dt.tz_localize("UTC").dt.tz_convert(zone).dt.tz_localize(None) + gap
            # A wall time that a clock change skips moves forward, one that it doubles is the first.
            is_first = pd.Series(True, index=local.index).to_numpy()
            aware = local.dt.tz_localize(zone, ambiguous=is_first, nonexistent="shift_forward")
            moved[name] = aware.dt.tz_convert("UTC").dt.tz_localize(None)
    return moved


def _aware(instant: datetime) -> datetime:
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
