"""Minutes of an instance: from rows' UTC times and plant-local dates to integers, rounded in one place."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from shopfloor.data.instants import to_utc_aware, to_utc_naive

MINUTE = timedelta(minutes=1)
TOLERANCE = 1e-9


def whole_minutes(minutes: float) -> int:
    """Return a duration rounded up to the minute, at least 0."""
    return max(0, math.ceil(minutes - TOLERANCE))


@dataclass(frozen=True)
class Clock:
    """Where minute 0 is, and what now is.

    Attributes:
        as_of: Aware UTC instant of now.
        plant_tz: IANA zone of the plant.
    """

    as_of: datetime
    plant_tz: str

    @classmethod
    def at(cls, as_of: datetime, plant_tz: str) -> Clock:
        """Return the clock of a run; a naive `as_of` is UTC."""
        return cls(to_utc_aware(as_of), plant_tz)

    @cached_property
    def epoch(self) -> datetime:
        """Midnight UTC of the day of `as_of`, aware."""
        return datetime.combine(self.as_of.date(), time(), tzinfo=UTC)

    @cached_property
    def as_of_row(self) -> datetime:
        """`as_of` as rows hold it: naive UTC."""
        return to_utc_naive(self.as_of)

    @cached_property
    def now(self) -> int:
        """Minute of `as_of`."""
        return self.floor(self.as_of_row)

    @cached_property
    def _naive_epoch(self) -> datetime:
        return self.epoch.replace(tzinfo=None)

    @cached_property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.plant_tz)

    def floor(self, instant: datetime) -> int:
        """Return the minute of a row's time, rounded down: when something began."""
        return int((instant - self._naive_epoch) // MINUTE)

    def ceil(self, instant: datetime) -> int:
        """Return the minute of a row's time, rounded up: when something may begin or has ended."""
        return -int((self._naive_epoch - instant) // MINUTE)

    def local_text(self, minute: int) -> str:
        """Return a minute as planners read it, plant-local."""
        instant = self.epoch + minute * MINUTE
        return instant.astimezone(self._zone).strftime("%Y-%m-%d %H:%M")

    def start_of_day(self, day: date) -> int:
        """Return the minute at which a plant-local day begins."""
        midnight = datetime.combine(day, time(), tzinfo=self._zone)
        return int((midnight - self.epoch) // MINUTE)

    def end_of_day(self, day: date) -> int:
        """Return the minute at which a plant-local day ends: the due minute of a due date."""
        return self.start_of_day(day + timedelta(days=1))
