"""A calendar as a plain grid of minutes: slow, obvious, and written without the code that it checks.

A minute is open when the latest time that the plant's wall clock has shown so far lies in a window. "So far"
decides in the hour that the clock shows twice: its second pass counts as the end of the first, so that
windows which touch on the wall touch in time.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from shopfloor.domain.calendar import WorkCalendar

CLOSED = 9


def wall_clock(zone: str, epoch: datetime, minutes: int) -> list[datetime]:
    """Return the latest wall-clock time shown up to each minute from `epoch` on."""
    local = ZoneInfo(zone)
    shown: list[datetime] = []
    latest = datetime(1, 1, 1)  # noqa: DTZ001 - a wall clock has no zone
    for minute in range(-2880, minutes):
        now = (epoch + timedelta(minutes=minute)).astimezone(local).replace(tzinfo=None)
        latest = max(latest, now)
        if minute >= 0:
            shown.append(latest)
    return shown


def kinds_of_minutes(calendar: WorkCalendar, wall: list[datetime]) -> list[int]:
    """Return the cheapest open kind of each minute, 9 = closed."""
    kinds = []
    for shown in wall:
        day, minute = shown.date(), shown.hour * 60 + shown.minute
        windows = calendar.exceptions.get(day, calendar.weekly.get(day.weekday(), ()))
        found = [int(w.kind) for w in windows if w.start_minute <= minute < w.end_minute]
        kinds.append(min(found, default=CLOSED))
    return kinds


class MinuteGrid:
    """Answers the questions of `OpenTime` by looking at every minute."""

    def __init__(self, kinds: list[int]) -> None:
        self.kinds = kinds

    def is_open(self, t: int, level: int) -> bool:
        return 0 <= t < len(self.kinds) and self.kinds[t] <= level

    def next_open(self, t: int, level: int) -> int:
        return next((m for m in range(max(t, 0), len(self.kinds)) if self.is_open(m, level)), -1)

    def advance(self, t: int, work: int, level: int) -> int:
        for minute in range(max(t, 0), len(self.kinds)):
            work -= self.is_open(minute, level)
            if work == 0:
                return minute + 1
        return -1

    def work_between(self, a: int, b: int, level: int) -> int:
        return sum(self.is_open(minute, level) for minute in range(a, b))

    def fits(self, t: int, work: int, level: int) -> int:
        run = 0
        for minute in range(max(t, 0), len(self.kinds)):
            run = run + 1 if self.is_open(minute, level) else 0
            if run == work:
                return minute + 1 - work
        return -1
