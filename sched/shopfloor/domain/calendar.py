"""Working time: weekly windows and exceptions become a machine's sorted open stretches in minutes.

All times below are integer minutes since the instance's epoch; intervals are half-open `[start, end)`.
This module knows local time only while it expands a calendar; it never reads a clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import IntEnum
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from shopfloor.domain.errors import InvalidCalendar

MINUTES_PER_DAY = 1440


class WindowKind(IntEnum):
    """Kind of an open window, and at the same time the overtime level that opens it."""

    REGULAR = 0
    OVERTIME = 1
    NIGHT = 2


COST_FACTOR: Mapping[WindowKind, float] = {
    WindowKind.REGULAR: 1.0,
    WindowKind.OVERTIME: 1.5,
    WindowKind.NIGHT: 3.0,
}
"""Cost of a worked minute relative to a regular one (source: the plant's plan document)."""


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


@dataclass(frozen=True, eq=False)
class OpenTime:
    """Sorted, disjoint open stretches of one machine.

    Attributes:
        starts: First open minute of each stretch, int64, shape (stretches,).
        ends: First closed minute after each stretch, int64, shape (stretches,).
        kinds: `WindowKind` of each stretch, int8, shape (stretches,).
    """

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    kinds: NDArray[np.int8]
