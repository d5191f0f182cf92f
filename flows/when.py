"""Times as planners type them: ISO 8601, plant-local where no offset is given, and `today`/`tomorrow 06:30`."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from shopfloor.domain.errors import RefusedInput

_RELATIVE = re.compile(r"(today|tomorrow)\s+(\d{1,2}):(\d{2})", re.IGNORECASE)
_HINT = "hint: 2026-06-02 14:00 is plant-local, 2026-06-02T12:00Z is not; or tomorrow 06:30"


def parse_instant(text: str, *, plant_tz: str, as_of: datetime) -> datetime:
    """Return the instant in UTC.

    Args:
        as_of: What `today` and `tomorrow` count from.

    Raises:
        RefusedInput: It is not a time.
    """
    zone = ZoneInfo(plant_tz)
    relative = _RELATIVE.fullmatch(text.strip())
    try:
        if relative:
            offset = relative.group(1).lower() == "tomorrow"
            day = as_of.astimezone(zone).date() + timedelta(days=int(offset))
            local = datetime.combine(day, time(int(relative.group(2)), int(relative.group(3))))
        else:
            local = datetime.fromisoformat(text.strip())
    except ValueError:
        raise RefusedInput(f"not a time: {text!r}\n{_HINT}") from None
    return (local if local.tzinfo else local.replace(tzinfo=zone)).astimezone(UTC)


def parse_day(text: str) -> date:
    """Return a plant-local day.

    Raises:
        RefusedInput: It is not a date.
    """
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise RefusedInput(f"not a date: {text!r}\nhint: 2026-06-12, the end of that day counts") from None


def local_text(instant: datetime, plant_tz: str) -> str:
    """Return an instant as people read it, plant-local."""
    return instant.astimezone(ZoneInfo(plant_tz)).strftime("%a %Y-%m-%d %H:%M")
