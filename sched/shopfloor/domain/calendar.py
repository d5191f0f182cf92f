"""Working time: weekly windows and exceptions become a machine's sorted open stretches in minutes.

All times below are integer minutes since the instance's epoch; intervals are half-open `[start, end)`.
This module knows local time only while it expands a calendar; it never reads a clock. Arithmetic on the
stretches is `open_time`'s.

A wall-clock time w of a day means the first instant at which the plant's clock reads at least w. So a 06:30
shift starts at 06:30 on both days of a clock change, a window across the missing hour is an hour short, one
across the repeated hour an hour long, and windows that touch on the wall touch in time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np

from shopfloor.domain.errors import InvalidCalendar
from shopfloor.domain.open_time import COST_FACTOR, OpenTime, WindowKind, merged

__all__ = [
    "COST_FACTOR",
    "MINUTES_PER_DAY",
    "DayWindow",
    "OpenTime",
    "WindowKind",
    "WorkCalendar",
    "expand",
    "plant_default_calendar",
]

MINUTES_PER_DAY = 1440
_MINUTE = timedelta(minutes=1)
_CLOSED = max(WindowKind) + 1


@dataclass(frozen=True, slots=True)
class DayWindow:
    """An open window within one local day.

    Attributes:
        start_minute: First open minute of the local day, 0..1439.
        end_minute: First closed minute after it, 1..1440.
        kind: Which overtime level opens it.
    """

    start_minute: int
    end_minute: int
    kind: WindowKind = WindowKind.REGULAR

    def __post_init__(self) -> None:
        if not 0 <= self.start_minute < self.end_minute <= MINUTES_PER_DAY:
            raise InvalidCalendar(
                f"window ends before it starts or leaves the day: {self.start_minute}-{self.end_minute}\n"
                "hint: a night shift is two rows, 22:00-24:00 and 00:00-02:00"
            )


@dataclass(frozen=True, slots=True)
class WorkCalendar:
    """A weekly pattern with exceptions, in plant-local time.

    Attributes:
        calendar_id: Name.
        weekly: Windows per weekday, Monday = 0; a missing weekday is closed.
        exceptions: Windows of single dates; an empty tuple closes the day.
    """

    calendar_id: str
    weekly: Mapping[int, tuple[DayWindow, ...]]
    exceptions: Mapping[date, tuple[DayWindow, ...]] = field(default_factory=dict)

    def windows_on(self, day: date) -> tuple[DayWindow, ...]:
        """Return the windows of one local date."""
        if day in self.exceptions:
            return self.exceptions[day]
        return self.weekly.get(day.weekday(), ())


def plant_default_calendar() -> WorkCalendar:
    """Return the plant's own week, for machines and machine types that name no calendar.

    Monday to Friday regular 06:30-17:30 with a break 12:00-13:00, overtime 17:30-22:00, night 22:00-02:00;
    the part after midnight belongs to the next date, so Saturday has it and Monday does not.
    """
    day_shift = (
        DayWindow(6 * 60 + 30, 12 * 60),
        DayWindow(13 * 60, 17 * 60 + 30),
        DayWindow(17 * 60 + 30, 22 * 60, WindowKind.OVERTIME),
        DayWindow(22 * 60, MINUTES_PER_DAY, WindowKind.NIGHT),
    )
    after_midnight = (DayWindow(0, 2 * 60, WindowKind.NIGHT),)
    weekly = {0: day_shift, 5: after_midnight} | dict.fromkeys(range(1, 5), after_midnight + day_shift)
    return WorkCalendar("plant-default", weekly)


def expand(calendar: WorkCalendar, *, zone: str, epoch: datetime, start: int, end: int) -> OpenTime:
    """Return the open stretches of `calendar` inside minutes `[start, end)`.

    Where windows of one day overlap, the cheapest kind wins. Stretches of one kind that touch, also over
    midnight, become one.

    Args:
        zone: IANA name of the plant's zone.
        epoch: Aware UTC instant of minute 0.
        start: First minute wanted, may be negative.
        end: First minute not wanted.

    Raises:
        InvalidCalendar: `epoch` is naive or the range is empty.
    """
    if epoch.tzinfo is None:
        raise InvalidCalendar(f"epoch has no time zone: {epoch.isoformat()}\nhint: pass an aware datetime")
    if end <= start:
        raise InvalidCalendar(f"range of minutes is empty: {start}-{end}")
    rows = np.array(
        [
            row
            for day in _local_days(zone, epoch, start, end)
            for row in _stretches_of_day(calendar, day, zone)
        ],
        dtype=np.int64,
    ).reshape(-1, 3)
    offset = _utc_minute(epoch)
    starts = np.maximum(rows[:, 0] - offset, start)
    ends = np.minimum(rows[:, 1] - offset, end)
    keep = starts < ends
    return merged(starts[keep], ends[keep], rows[keep, 2].astype(np.int8))


def _local_days(zone: str, epoch: datetime, start: int, end: int) -> Iterator[date]:
    """Yield the local dates that minutes `[start, end)` touch."""
    local = ZoneInfo(zone)
    day = (epoch + start * _MINUTE).astimezone(local).date()
    last = (epoch + end * _MINUTE).astimezone(local).date()
    while day <= last:
        yield day
        day += timedelta(days=1)


def _stretches_of_day(calendar: WorkCalendar, day: date, zone: str) -> Iterator[tuple[int, int, int]]:
    """Yield `(start, end, kind)` of one local date in minutes since 1970 UTC; empty stretches included."""
    midnight = _midnight_if_plain(day, zone)
    for begin, finish, kind in _without_overlap(calendar.windows_on(day)):
        if midnight is not None:
            yield midnight + begin, midnight + finish, kind
        else:
            yield _first_instant(day, begin, zone), _first_instant(day, finish, zone), kind


@lru_cache(maxsize=256)
def _without_overlap(windows: tuple[DayWindow, ...]) -> tuple[tuple[int, int, int], ...]:
    """Return disjoint sorted `(start, end, kind)` of a day; the cheapest kind wins where windows overlap."""
    paint = np.full(MINUTES_PER_DAY + 1, _CLOSED, dtype=np.int8)
    for window in windows:
        part = paint[window.start_minute : window.end_minute]
        np.minimum(part, window.kind, out=part)
    edges = [0, *(np.flatnonzero(np.diff(paint)) + 1).tolist(), MINUTES_PER_DAY + 1]
    runs = ((a, b, int(paint[a])) for a, b in pairwise(edges))
    return tuple(run for run in runs if run[2] != _CLOSED)


@lru_cache(maxsize=4096)
def _midnight_if_plain(day: date, zone: str) -> int | None:
    """Return the minute of local midnight when the date is an ordinary 24 h day, else None."""
    first = _first_instant(day, 0, zone)
    is_plain = _first_instant(day, MINUTES_PER_DAY, zone) - first == MINUTES_PER_DAY
    return first if is_plain else None


def _first_instant(day: date, minute: int, zone: str) -> int:
    """Return the first minute since 1970 UTC at which the wall clock reads at least `day` + `minute`."""
    wall = datetime.combine(day, time()) + minute * _MINUTE
    local = ZoneInfo(zone)
    early, late = (_utc_minute(wall.replace(tzinfo=local, fold=fold)) for fold in (1, 0))
    if early >= late:  # an ordinary or a repeated time; fold 0 is the first of the two
        return late
    while early < late:  # a time that the clock jumps over: search the jump
        middle = (early + late) // 2
        if _wall_clock(middle, local) >= wall:
            late = middle
        else:
            early = middle + 1
    return late


def _utc_minute(instant: datetime) -> int:
    return int(instant.timestamp() // 60)


def _wall_clock(minute: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(minute * 60, tz=UTC).astimezone(zone).replace(tzinfo=None)
