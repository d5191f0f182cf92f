"""The working-time axis: an instance as CP-SAT sees it, in open minutes of the calendar that most machines keep.

One minute of the axis is one open minute of the reference calendar after now, so that pausing over closed time
costs no variable. Which sequence is good is not asked here.

What the axis cannot say, it approximates, and `ShopOnAxis.approximations` names what applies:
- a machine that is closed inside the reference's open time (downtime) has closed intervals which no operation
  straddles, though really it would pause and resume;
- a machine that is open when the reference is closed (another shift pattern) works faster by the ratio of the
  open minutes of the next four weeks;
- due dates become the open minutes before them, so a tardiness counts working minutes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from shopfloor.engine import layout as at
from shopfloor.engine.arrays import Compiled
from shopfloor.engine.compile_calendars import STRETCH_SPAN
from shopfloor.engine.layout import Role
from shopfloor.policies.exact_decode import Decoder

MAX_GAPS = 20
"""A calendar that leaves more holes than this in the reference is another shift pattern, not downtime."""


class Axis:
    """Open minutes of one calendar, counted from now; past the horizon they go on without a pause."""

    def __init__(self, starts: Sequence[int], ends: Sequence[int], now: int) -> None:
        rows = [(max(start, now), end) for start, end in zip(starts, ends, strict=True) if end > now]
        self.starts = [start for start, _ in rows]
        self.ends = [end for _, end in rows]
        lengths = [end - start for start, end in rows]
        self.before = [0, *np.cumsum(lengths).tolist()]
        self.now = now

    @property
    def length(self) -> int:
        """Open minutes before the horizon."""
        return self.before[-1]

    def at(self, minute: int) -> int:
        """Return the open minutes before a real minute; the end of the horizon and more beyond it."""
        row = bisect_right(self.ends, minute)
        if row == len(self.ends):
            return self.length + (minute - self.ends[-1] if self.ends else max(0, minute - self.now))
        return self.before[row] + max(0, minute - self.starts[row])


@dataclass(frozen=True)
class AxisOperation:
    """An operation to schedule, in minutes of the axis.

    Attributes:
        op: Its row in the compiled instance.
        predecessor: Row of the operation that must end first; -1 = none that is still to be scheduled.
        ready: Earliest start.
        run: Run minutes by slot row; of a start pin its whole reservation.
        setup: Typical setup minutes by slot row, see `TypicalSetups`.
        fixed_start: Start of a pinned operation, None = free.
    """

    op: int
    predecessor: int
    ready: int
    run: dict[int, int]
    setup: dict[int, int]
    fixed_start: int | None = None

    def work(self, slot: int) -> int:
        """Return the minutes on a slot, the typical setup included."""
        return self.run[slot] + self.setup[slot]


@dataclass(frozen=True)
class AxisJob:
    """A job with something left to schedule.

    Attributes:
        job: Its row.
        weight: Cost of a day of tardiness.
        due: Due minute on the axis; negative values do not occur, `is_overdue` says more.
        is_overdue: Late whatever happens: due now or before, or before its committed part ends.
        last_ops: Operations that nothing follows.
        done_before: Axis minute at which its committed or last committed part ends.
    """

    job: int
    weight: float
    due: int
    is_overdue: bool
    last_ops: tuple[int, ...]
    done_before: int


@dataclass(frozen=True)
class ShopOnAxis:
    """The instance on the axis.

    Attributes:
        closed: Half-open closed intervals of each slot: downtime and commitments.
        approximations: Sentences about what is not exact.
    """

    decoder: Decoder
    axis: Axis
    operations: dict[int, AxisOperation]
    jobs: tuple[AxisJob, ...]
    closed: dict[int, tuple[tuple[int, int], ...]]
    approximations: tuple[str, ...]

    def simulate(self, slot_of: dict[int, int], order: Sequence[int]) -> dict[int, int]:
        """Return the start of each operation on the axis when the slots run the given order."""
        free: dict[int, int] = {}
        end: dict[int, int] = {}
        start: dict[int, int] = {}
        for op in order:
            item, slot = self.operations[op], slot_of[op]
            t = max(item.ready, free.get(slot, 0), end.get(item.predecessor, 0))
            work = item.work(slot)
            if item.fixed_start is not None:
                t = item.fixed_start
            else:
                for closed_start, closed_end in self.closed.get(slot, ()):
                    if t < closed_end and t + work > closed_start:
                        t = closed_end
            start[op], end[op] = t, t + work
            free[slot] = max(free.get(slot, 0), t + work)
        return start


def shop_on_axis(compiled: Compiled, *, setup_share: float) -> ShopOnAxis:
    """Return the instance on the axis of the calendar that most eligible pairs keep.

    Args:
        setup_share: Where a typical setup lies between none of a change (0) and the mean change (1).
    """
    decoder = Decoder(compiled)
    calendars = {slot: decoder.calendar_of(slot) for slot in range(len(decoder.slot))}
    pairs = Counter(calendars[int(slot)] for slot in compiled.problem.elig[:, at.ELIG_SLOT])
    reference = pairs.most_common(1)[0][0] if pairs else 0
    axis = Axis(*decoder.stretches(reference), decoder.now)
    notes: list[str] = []
    ratio, closed = _calendars_on(axis, decoder, sorted(set(calendars.values())), notes)
    blocked = {slot: [*closed[calendar]] for slot, calendar in calendars.items()}
    ends: dict[int, int] = {}
    for row in decoder.reservation:
        if row[at.RES_IS_PIN]:
            continue
        ends[row[at.RES_OP]] = row[at.RES_END]
        if row[at.RES_SLOT] >= 0:
            blocked[row[at.RES_SLOT]].append((axis.at(row[at.RES_START]), axis.at(row[at.RES_END])))
    operations = _operations(decoder, axis, ends, {s: ratio[c] for s, c in calendars.items()}, setup_share)
    return ShopOnAxis(
        decoder=decoder,
        axis=axis,
        operations=operations,
        jobs=_jobs(compiled, axis, operations, ends),
        closed={slot: _united(rows) for slot, rows in blocked.items() if rows},
        approximations=tuple(dict.fromkeys(notes)),
    )


def _calendars_on(
    axis: Axis, decoder: Decoder, calendars: Sequence[int], notes: list[str]
) -> tuple[dict[int, float], dict[int, tuple[tuple[int, int], ...]]]:
    """Return the speed ratio and the closed intervals of each calendar on the axis."""
    ratio: dict[int, float] = {}
    closed: dict[int, tuple[tuple[int, int], ...]] = {}
    until = decoder.now + STRETCH_SPAN
    for calendar in calendars:
        own = Axis(*decoder.stretches(calendar), decoder.now)
        rows = [(axis.at(a), axis.at(b)) for a, b in zip(own.starts, own.ends, strict=True)]
        inside = sum(b - a for a, b in rows)
        points = [(0, 0), *rows, (axis.length, axis.length)]
        gaps = [(a, b) for (_, a), (b, _) in pairwise(points) if b > a]
        ratio[calendar], closed[calendar] = 1.0, tuple(gaps)
        if inside < own.length or len(gaps) > MAX_GAPS:
            ratio[calendar] = max(1, axis.at(until)) / max(1, own.at(until))
            closed[calendar] = ()
            notes.append("machines of another shift pattern work at the ratio of open minutes")
        elif gaps:
            notes.append("no operation straddles downtime, though really it pauses and resumes")
    return ratio, closed


def _operations(
    decoder: Decoder, axis: Axis, ends: dict[int, int], ratio: dict[int, float], setup_share: float
) -> dict[int, AxisOperation]:
    typical = TypicalSetups(decoder, setup_share)
    found: dict[int, AxisOperation] = {}
    for op, columns in enumerate(decoder.op):
        predecessor = columns[at.OP_PRED]
        role = columns[at.OP_ROLE]
        is_reachable = predecessor < 0 or predecessor in found or predecessor in ends
        if role in (Role.COMMITTED, Role.BLOCKED) or not is_reachable:
            continue
        ready = axis.at(decoder.ready_at(op, ends)) if predecessor < 0 or predecessor in ends else 0
        behind = predecessor if predecessor in found else -1
        if role == Role.START_PIN:
            held = decoder.reservation[columns[at.OP_RESERVATION]]
            slot = held[at.RES_SLOT]
            work, start = held[at.RES_WORK], axis.at(held[at.RES_START])
            found[op] = AxisOperation(op, behind, ready, {slot: work}, {slot: 0}, start)
            continue
        slots = decoder.eligible[op]
        run = {slot: max(1, round(ratio[slot] * minutes)) for slot, minutes in slots.items()}
        setup = {slot: round(ratio[slot] * typical(slot, columns[at.OP_FAMILY])) for slot in slots}
        found[op] = AxisOperation(op, behind, ready, run, setup)
    return found


class TypicalSetups:
    """Typical setup minutes of a family on a slot: between staying in the family and the mean change."""

    def __init__(self, decoder: Decoder, share: float) -> None:
        self.decoder, self.share = decoder, share
        self.counts: dict[int, Counter[int]] = {}
        for columns in decoder.op:
            self.counts.setdefault(columns[at.OP_WC], Counter())[columns[at.OP_FAMILY]] += 1
        self.known: dict[tuple[int, int], float] = {}

    def __call__(self, slot: int, family: int) -> float:
        machine = self.decoder.slot[slot][at.SLOT_MACHINE]
        if (machine, family) not in self.known:
            centre = self.decoder.slot[slot][at.SLOT_WC]
            others = {name: n for name, n in self.counts.get(centre, Counter()).items() if name != family}
            same = self.decoder.setup_minutes(slot, family, family)
            total = sum(n * self.decoder.setup_minutes(slot, name, family) for name, n in others.items())
            change = total / sum(others.values()) if others else same
            self.known[machine, family] = same + self.share * (change - same)
        return self.known[machine, family]


def _jobs(
    compiled: Compiled, axis: Axis, operations: dict[int, AxisOperation], ends: dict[int, int]
) -> tuple[AxisJob, ...]:
    followed = {item.predecessor for item in operations.values()}
    last: dict[int, list[int]] = {}
    done: dict[int, int] = {}
    for op, columns in enumerate(compiled.problem.op.tolist()):
        job = columns[at.OP_JOB]
        if op in ends:
            done[job] = max(done.get(job, 0), ends[op])
        elif op in operations and op not in followed:
            last.setdefault(job, []).append(op)
    now = int(compiled.problem.constant[at.CONST_NOW])
    found = []
    for job, ops in last.items():
        due = int(compiled.problem.job[job, at.JOB_DUE])
        found.append(
            AxisJob(
                job=job,
                weight=float(compiled.problem.job_weight[job]),
                due=axis.at(due) if due > now else 0,
                is_overdue=due <= max(now, done.get(job, now)),
                last_ops=tuple(ops),
                done_before=axis.at(done[job]) if job in done else 0,
            )
        )
    return tuple(found)


def _united(rows: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    found: list[tuple[int, int]] = []
    for start, end in sorted(rows):
        if start >= end:
            continue
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return tuple(found)
