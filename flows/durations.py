"""A length of time as people type it: `4h`, `90m`, `4` (hours)."""

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
