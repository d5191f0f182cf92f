"""Open minutes of one machine: sorted stretches, and arithmetic on work that pauses over closed time.

Times are integer minutes since the instance's epoch; intervals are half-open `[start, end)`. Nothing here
knows local time, dates or calendars: `calendar.expand` has already turned them into stretches.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from shopfloor.domain.errors import InvalidCalendar

BEYOND_HORIZON = -1
"""Answer of every search that finds no open minute before the stretches end."""

_FIRST = np.array([-(2**62)], dtype=np.int64)
_LAST = np.array([2**62], dtype=np.int64)


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


@dataclass(frozen=True, eq=False)
class OpenTime:
    """Sorted, disjoint open stretches of one machine.

    Attributes:
        starts: First open minute of each stretch, int64, shape (stretches,).
        ends: First closed minute after each stretch, int64, shape (stretches,).
        kinds: `WindowKind` of each stretch, int8, shape (stretches,).

    Raises:
        InvalidCalendar: A stretch is empty, or two overlap or are out of order.
    """

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    kinds: NDArray[np.int8]

    def __post_init__(self) -> None:
        if not len(self.starts) == len(self.ends) == len(self.kinds):
            raise InvalidCalendar(
                f"stretches are ragged: {len(self.starts)} starts, {len(self.ends)} ends, "
                f"{len(self.kinds)} kinds"
            )
        wrong = np.flatnonzero(self.starts >= self.ends)
        if wrong.size:
            raise InvalidCalendar(
                f"open stretch ends before it starts: {self.starts[wrong[0]]}-{self.ends[wrong[0]]}"
            )
        wrong = np.flatnonzero(self.ends[:-1] > self.starts[1:])
        if wrong.size:
            raise InvalidCalendar(
                f"open stretches overlap or are unsorted: one ends at {self.ends[wrong[0]]}, "
                f"the next starts at {self.starts[wrong[0] + 1]}"
            )

    @classmethod
    def of(cls, stretches: Iterable[tuple[int, int, int]]) -> OpenTime:
        """Return open time from sorted `(start, end, kind)` triples."""
        rows = list(stretches)
        return cls(
            starts=np.array([row[0] for row in rows], dtype=np.int64),
            ends=np.array([row[1] for row in rows], dtype=np.int64),
            kinds=np.array([row[2] for row in rows], dtype=np.int8),
        )

    def at_level(self, level: int) -> OpenTime:
        """Return the stretches that overtime `level` opens; touching ones of one kind become one."""
        keep = self.kinds <= level
        return merged(self.starts[keep], self.ends[keep], self.kinds[keep])

    def without(self, closures: Iterable[tuple[int, int]]) -> OpenTime:
        """Return what stays open when the half-open `closures` (any order, may overlap) are closed.

        Raises:
            InvalidCalendar: A closure ends before it starts.
        """
        closed_from, closed_to = _union(closures)
        if not closed_from.size or not self.starts.size:
            return self
        cuts = np.concatenate([closed_from, closed_to])
        stretch = np.minimum(np.searchsorted(self.ends, cuts, side="right"), len(self.ends) - 1)
        cuts = cuts[(self.starts[stretch] < cuts) & (cuts < self.ends[stretch])]
        starts = np.sort(np.concatenate([self.starts, cuts]))
        ends = np.sort(np.concatenate([self.ends, cuts]))
        kinds = self.kinds[np.searchsorted(self.starts, starts, side="right") - 1]
        closure = np.searchsorted(closed_from, starts, side="right") - 1
        is_open = (closure < 0) | (starts >= closed_to[closure])
        return OpenTime(starts[is_open], ends[is_open], kinds[is_open])

    def within(self, closures: Iterable[tuple[int, int]]) -> OpenTime:
        """Return the open minutes that `without` takes away: those inside the half-open `closures`.

        Raises:
            InvalidCalendar: A closure ends before it starts.
        """
        closed_from, closed_to = _union(closures)
        outside_from = np.concatenate([_FIRST, closed_to])
        outside_to = np.concatenate([closed_from, _LAST])
        return self.without(zip(outside_from.tolist(), outside_to.tolist(), strict=True))

    def and_also(self, other: OpenTime) -> OpenTime:
        """Return the open stretches of both; they must not overlap.

        Raises:
            InvalidCalendar: They do.
        """
        starts = np.concatenate([self.starts, other.starts])
        order = np.argsort(starts, kind="stable")
        ends, kinds = np.concatenate([self.ends, other.ends]), np.concatenate([self.kinds, other.kinds])
        return merged(starts[order], ends[order], kinds[order])

    def next_open(self, t: int, level: int) -> int:
        """Return the first open minute >= `t` at `level`, or -1 when none is left."""
        view = self._view(level)
        index = bisect_right(view.ends, t)
        return max(t, view.starts[index]) if index < len(view.ends) else BEYOND_HORIZON

    def advance(self, t: int, work: int, level: int) -> int:
        """Return the end minute of `work` open minutes begun at or after `t`, or -1 beyond the horizon.

        Work that fills a stretch to its last minute ends there, not at the next start. Zero work ends at the
        next open minute.
        """
        view = self._view(level)
        index = bisect_right(view.ends, t)
        if index == len(view.ends):
            return BEYOND_HORIZON
        if work <= 0:
            return max(t, view.starts[index])
        target = view.before[index] + max(0, t - view.starts[index]) + work
        index = bisect_left(view.before, target) - 1
        if index == len(view.starts):
            return BEYOND_HORIZON
        return view.starts[index] + target - view.before[index]

    def work_between(self, a: int, b: int, level: int) -> int:
        """Return the open minutes in `[a, b)` at `level`; 0 when `b <= a`."""
        return max(0, self._done_by(b, level) - self._done_by(a, level))

    def fits(self, t: int, work: int, level: int) -> int:
        """Return the first minute >= `t` from which `work` minutes run without a pause, or -1.

        Stretches that touch count as one, whatever their kinds.
        """
        view = self._view(level)
        index = bisect_right(view.block_ends, t)
        if index == len(view.block_ends):
            return BEYOND_HORIZON
        first = max(t, view.block_starts[index])
        if view.block_ends[index] - first >= work:
            return first
        later = np.flatnonzero(view.block_lengths[index + 1 :] >= work)
        return view.block_starts[index + 1 + int(later[0])] if later.size else BEYOND_HORIZON

    def block_end(self, t: int, level: int) -> int:
        """Return where the pause-free block around open minute `t` ends, or `t` itself when `t` is closed."""
        view = self._view(level)
        index = bisect_right(view.block_ends, t)
        if index == len(view.block_ends) or view.block_starts[index] > t:
            return t
        return view.block_ends[index]

    def is_open(self, t: int, level: int) -> bool:
        """Tell whether minute `t` is open at `level`."""
        view = self._view(level)
        index = bisect_right(view.ends, t)
        return index < len(view.ends) and view.starts[index] <= t

    def minutes_by_kind(self, a: int, b: int, level: int) -> tuple[int, int, int]:
        """Return the open minutes in `[a, b)` at `level` as (regular, overtime, night)."""
        regular = self.work_between(a, b, WindowKind.REGULAR)
        overtime = self.work_between(a, b, WindowKind.OVERTIME) if level >= WindowKind.OVERTIME else regular
        night = self.work_between(a, b, WindowKind.NIGHT) if level >= WindowKind.NIGHT else overtime
        return regular, overtime - regular, night - overtime

    def pieces(self, a: int, b: int, level: int) -> tuple[tuple[int, int, WindowKind], ...]:
        """Return the parts of the open stretches inside `[a, b)` at `level`, in order, with their kinds."""
        view = self._view(level)
        found = []
        for index in range(bisect_right(view.ends, a), bisect_left(view.starts, b)):
            kind = WindowKind(view.kinds[index])
            found.append((max(a, view.starts[index]), min(b, view.ends[index]), kind))
        return tuple(found)

    def _done_by(self, t: int, level: int) -> int:
        """Return the open minutes before `t`."""
        view = self._view(level)
        index = bisect_right(view.ends, t)
        if index == len(view.ends):
            return view.before[-1]
        return view.before[index] + max(0, t - view.starts[index])

    def _view(self, level: int) -> _LevelView:
        view = self._views.get(level)
        if view is None:
            view = self._views[level] = _LevelView(self.at_level(level))
        return view

    @cached_property
    def _views(self) -> dict[int, _LevelView]:
        """Search index by overtime level, made when a level is first asked for."""
        return {}


class _LevelView:
    """Search index of the stretches that one level opens.

    `before[i]` counts the open minutes before stretch i; its last entry is the total. Blocks are stretches
    joined where they touch. Plain lists, because `bisect` on them beats numpy scalars.
    """

    __slots__ = ("before", "block_ends", "block_lengths", "block_starts", "ends", "kinds", "starts")

    def __init__(self, stretches: OpenTime) -> None:
        starts, ends = stretches.starts, stretches.ends
        self.starts: list[int] = starts.tolist()
        self.ends: list[int] = ends.tolist()
        self.kinds: list[int] = stretches.kinds.tolist()
        self.before: list[int] = [0, *np.cumsum(ends - starts).tolist()]
        is_first = np.ones(len(starts), dtype=bool)
        is_first[1:] = starts[1:] != ends[:-1]
        block_starts, block_ends = starts[is_first], ends[np.roll(is_first, -1)]
        self.block_starts: list[int] = block_starts.tolist()
        self.block_ends: list[int] = block_ends.tolist()
        self.block_lengths = block_ends - block_starts


def merged(starts: NDArray[np.int64], ends: NDArray[np.int64], kinds: NDArray[np.int8]) -> OpenTime:
    """Return open time in which sorted stretches of one kind that touch have become one."""
    if not starts.size:
        return OpenTime(starts, ends, kinds)
    is_first = np.ones(len(starts), dtype=bool)
    is_first[1:] = (starts[1:] != ends[:-1]) | (kinds[1:] != kinds[:-1])
    return OpenTime(starts[is_first], ends[np.roll(is_first, -1)], kinds[is_first])


def _union(closures: Iterable[tuple[int, int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the starts and ends of the union of `closures`, sorted and disjoint."""
    starts: list[int] = []
    ends: list[int] = []
    for start, end in sorted(closures):
        if end < start:
            raise InvalidCalendar(f"closure ends before it starts: {start}-{end}")
        if start == end:
            continue
        if ends and start <= ends[-1]:
            ends[-1] = max(ends[-1], end)
        else:
            starts.append(start)
            ends.append(end)
    return np.array(starts, dtype=np.int64), np.array(ends, dtype=np.int64)
