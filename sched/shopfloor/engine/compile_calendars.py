"""Open time of all machines as one set of sorted stretches, shared where two machines agree.

Only merging and sharing: which minutes are open was decided in `domain.calendar`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from shopfloor.domain.instance import Instance
from shopfloor.domain.open_time import OpenTime
from shopfloor.engine.layout import Ints

N_LEVELS = 3

STRETCH_SPAN = 28 * 1440
"""Minutes after now over which the share of open time is measured."""


class Calendars(NamedTuple):
    """Calendars as flat arrays; the fields are those of `layout.Problem`."""

    cal_of: Ints
    cal_off: Ints
    cal_start: Ints
    cal_end: Ints
    cal_cum: Ints


def merged(starts: Ints, ends: Ints) -> tuple[Ints, Ints]:
    """Return sorted disjoint stretches with touching ones merged into one."""
    order = np.argsort(starts, kind="stable")
    starts, ends = starts[order], ends[order]
    keep = ends > starts
    starts, ends = starts[keep], ends[keep]
    if len(starts) == 0:
        return starts, ends
    begins = np.ones(len(starts), dtype=bool)
    begins[1:] = starts[1:] > np.maximum.accumulate(ends)[:-1]
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(starts)) - 1
    return starts[first], np.maximum.accumulate(ends)[last]


def without(starts: Ints, ends: Ints, closed: Sequence[tuple[int, int]]) -> tuple[Ints, Ints]:
    """Return the stretches less the `[start, end)` closures."""
    pieces = list(zip(starts.tolist(), ends.tolist(), strict=True))
    for closed_start, closed_end in closed:
        pieces = [
            part
            for a, b in pieces
            for part in ((a, min(b, closed_start)), (max(a, closed_end), b))
            if part[0] < part[1] and not (part[0] >= closed_start and part[1] <= closed_end)
        ]
    return (
        np.array([a for a, _ in pieces], dtype=np.int64),
        np.array([b for _, b in pieces], dtype=np.int64),
    )


def pack(stretches: Sequence[Sequence[tuple[Ints, Ints]]]) -> Calendars:
    """Pack the merged stretches of each machine and level; equal ones are stored once.

    Args:
        stretches: (starts, ends) by machine and level.
    """
    known: dict[bytes, int] = {}
    rows: list[tuple[Ints, Ints]] = []
    cal_of = np.zeros((len(stretches), N_LEVELS), dtype=np.int64)
    for machine, levels in enumerate(stretches):
        for level, (starts, ends) in enumerate(levels):
            key = starts.tobytes() + b"|" + ends.tobytes()
            if key not in known:
                known[key] = len(rows)
                rows.append((starts, ends))
            cal_of[machine, level] = known[key]
    lengths = [len(starts) for starts, _ in rows]
    cal_off = np.zeros(len(rows) + 1, dtype=np.int64)
    cal_off[1:] = np.cumsum(lengths)
    empty = np.zeros(0, dtype=np.int64)
    cum = [np.cumsum(ends - starts) - (ends - starts) for starts, ends in rows]
    return Calendars(
        cal_of,
        cal_off,
        np.concatenate([starts for starts, _ in rows] or [empty]).astype(np.int64),
        np.concatenate([ends for _, ends in rows] or [empty]).astype(np.int64),
        np.concatenate(cum or [empty]).astype(np.int64),
    )


def open_calendars(instance: Instance) -> Calendars:
    """Return the open stretches of every machine of the plant at every level."""
    nothing = np.zeros(0, dtype=np.int64)
    shared: dict[int, list[tuple[Ints, Ints]]] = {}
    rows = []
    for machine in instance.plant.machines:
        open_time: OpenTime | None = instance.open_time.get(machine.machine_id)
        if open_time is None:
            rows.append([(nothing, nothing)] * N_LEVELS)
            continue
        if id(open_time) not in shared:
            starts = np.asarray(open_time.starts, dtype=np.int64)
            ends = np.asarray(open_time.ends, dtype=np.int64)
            kinds = np.asarray(open_time.kinds)
            shared[id(open_time)] = [
                merged(starts[kinds <= level], ends[kinds <= level]) for level in range(N_LEVELS)
            ]
        rows.append(shared[id(open_time)])
    return pack(rows)


def horizon_of(instance: Instance) -> int:
    """Return the last minute of which anything is known."""
    ends = [int(np.max(t.ends)) for t in instance.open_time.values() if len(t.ends)]
    ends += [commitment.end for commitment in instance.commitments]
    return max([instance.now, *ends])


def calendar_stretch(instance: Instance, calendars: Calendars) -> float:
    """Return the calendar minutes per regular working minute in the weeks after now, at least 1."""
    now = instance.now
    until = min(now + STRETCH_SPAN, max(horizon_of(instance), now + 1))
    opened = 0
    for machine in range(len(calendars.cal_of)):
        calendar = calendars.cal_of[machine, 0]
        rows = slice(calendars.cal_off[calendar], calendars.cal_off[calendar + 1])
        begin = np.maximum(calendars.cal_start[rows], now)
        end = np.minimum(calendars.cal_end[rows], until)
        opened += int(np.maximum(end - begin, 0).sum())
    share = opened / max(1, len(calendars.cal_of) * (until - now))
    return 1.0 / min(1.0, max(share, 0.02))
