"""A length of time as people type it (`4h`, `90m`, `4` for hours) and as they read it."""

from __future__ import annotations

import re

_PER_HOUR = {"h": 1.0, "m": 60.0, "": 1.0}


def hours_of(text: str) -> float:
    """Return hours.

    Raises:
        ValueError: It is no number of hours or minutes.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([hm]?)", text.strip().lower())
    if found is None:
        raise ValueError(f"not a length of time: {text!r}; for example 4h, 90m, or 4 for hours")
    return float(found[1]) / _PER_HOUR[found[2]]


def duration_text(seconds: float) -> str:
    """Return seconds as people read them: `40 s`, `12 min`, `2.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
