"""The plant's zone as a VTIMEZONE: the offset at the beginning of a plan and every clock change during it.

Written out from the zone database for the span of one plan and no further; not a general rule set.

References:
    RFC 5545, 3.6.5.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


def zone_lines(zone: ZoneInfo, first: datetime, last: datetime) -> Iterator[str]:
    """Yield the content lines of the zone, valid from the year of `first` to the end of the year of `last`."""
    begin = datetime(first.year, 1, 1, tzinfo=UTC)
    end = datetime(last.year + 1, 1, 1, tzinfo=UTC)
    yield from ("BEGIN:VTIMEZONE", f"TZID:{zone.key}")
    yield from _observance(zone, begin, before=begin)
    for change in clock_changes(zone, begin, end):
        yield from _observance(zone, change, before=change - MINUTE)
    yield "END:VTIMEZONE"


def clock_changes(zone: ZoneInfo, begin: datetime, end: datetime) -> Iterator[datetime]:
    """Yield the UTC minutes in (begin, end] at which the zone's offset changes."""
    day = begin
    while day < end:
        if _offset(zone, day) != _offset(zone, day + DAY):
            low, high = day, day + DAY
            while high - low > MINUTE:
                middle = low + (high - low) // MINUTE // 2 * MINUTE
                low, high = (middle, high) if _offset(zone, middle) == _offset(zone, low) else (low, middle)
            yield high
        day += DAY


def _observance(zone: ZoneInfo, at: datetime, *, before: datetime) -> Iterator[str]:
    local = at.astimezone(zone)
    name = "DAYLIGHT" if local.dst() else "STANDARD"
    onset = at.replace(tzinfo=None) + _offset(zone, before)
    yield from (
        f"BEGIN:{name}",
        f"DTSTART:{onset:%Y%m%dT%H%M%S}",
        f"TZOFFSETFROM:{_text(_offset(zone, before))}",
        f"TZOFFSETTO:{_text(_offset(zone, at))}",
        f"TZNAME:{local.tzname()}",
        f"END:{name}",
    )


def _offset(zone: ZoneInfo, instant: datetime) -> timedelta:
    return instant.astimezone(zone).utcoffset() or timedelta()


def _text(offset: timedelta) -> str:
    minutes = offset // MINUTE
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}{abs(minutes) % 60:02d}"
