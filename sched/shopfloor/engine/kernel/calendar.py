"""Calendar arithmetic: where time is open, and where a given amount of work ends.

A calendar is rows `off[c]:off[c + 1]` of three arrays: `start`, `end` (int64, sorted, disjoint, touching
stretches merged) and `cum` (open minutes before the stretch). -1 means beyond the horizon.
"""

from __future__ import annotations

from shopfloor.engine.kernel.jit import inlined
from shopfloor.engine.layout import Ints


@inlined
def locate(off: Ints, end: Ints, c: int, t: int) -> int:
    """Return the row of the first stretch that ends after t; `off[c + 1]` when none does."""
    lo = off[c]
    hi = off[c + 1]
    while lo < hi:
        mid = (lo + hi) >> 1
        if end[mid] > t:
            hi = mid
        else:
            lo = mid + 1
    return lo


@inlined
def locate_from(off: Ints, end: Ints, c: int, t: int, hint: int) -> int:
    """As `locate`, walking forward from a row that is not after the answer."""
    hi = off[c + 1]
    while hint < hi and end[hint] <= t:
        hint += 1
    return hint


@inlined
def advance_from(off: Ints, start: Ints, end: Ints, cum: Ints, c: int, row: int, t: int, work: int) -> int:
    """Return the end minute of `work` >= 1 minutes begun at or after t, with `row` = locate(t)."""
    hi = off[c + 1]
    if row >= hi:
        return -1
    begin = max(t, start[row])
    if begin + work <= end[row]:
        return begin + work
    target = cum[row] + (begin - start[row]) + work
    lo = row + 1
    steps = 0
    while lo < hi and steps < 6 and cum[lo] + end[lo] - start[lo] < target:
        lo += 1
        steps += 1
    if lo < hi and cum[lo] + end[lo] - start[lo] < target:
        top = hi
        while lo < top:
            mid = (lo + top) >> 1
            if cum[mid] + end[mid] - start[mid] >= target:
                top = mid
            else:
                lo = mid + 1
    if lo >= hi:
        return -1
    return start[lo] + target - cum[lo]


@inlined
def contiguous_from(off: Ints, start: Ints, end: Ints, c: int, row: int, t: int, work: int) -> int:
    """Return the first start at or after t of `work` minutes inside one stretch, with `row` = locate(t)."""
    hi = off[c + 1]
    while row < hi:
        begin = max(t, start[row])
        if begin + work <= end[row]:
            return begin
        row += 1
    return -1
