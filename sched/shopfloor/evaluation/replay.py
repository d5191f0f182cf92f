"""Replay of the plant's own weeks: same information, same orders, same breakdowns, same durations, same
overtime.

Each replay starts on a Monday of the past with what was known then. Contestants decide from then on as time
passes; the plant's own record is scored by the same function. Nothing after the end of the data is guessed:
work that the plant has not done by then takes as long as planned, and nobody is charged for what comes later.

Two figures, because each alone misleads:

- *accrued* (the gate's): weighted days of tardiness that all orders in the shop pile up inside the window. No
order
  is left out, done or not, so neither side gains by the choice of orders.
- *cohort*: tardiness of the orders that the plant completed inside the window. It favours the plant, which
chose them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from shopfloor.domain.instance import Instance
from shopfloor.engine.arrays import Compiled, compile_instance
from shopfloor.engine.dispatch import completion_minutes
from shopfloor.engine.scenario import Scenario
from shopfloor.evaluation.contestant import Contestant
from shopfloor.evaluation.evidence import HISTORY, ReplayRow
from shopfloor.evaluation.past import Past, Record, look_back
from shopfloor.evaluation.world import scenario_of

log = logging.getLogger(__name__)
DAY = 1440
WINDOW_DAYS = 14
START_OF_DAY = time(5, 30)


@dataclass(frozen=True)
class Window:
    """One replayed stretch of the past, made ready.

    Attributes:
        week: ISO date of its Monday, plant-local.
        past: Both views of it.
        compiled: What was known, compiled.
        scenario: What really happened.
        start: First minute that counts.
        end: First minute that no longer counts.
    """

    week: str
    past: Past
    compiled: Compiled
    scenario: Scenario
    start: int
    end: int


def week_starts(
    as_of: datetime, plant_tz: str, *, n_weeks: int, window_days: int = WINDOW_DAYS
) -> list[datetime]:
    """Return the last Mondays, 05:30 plant-local, whose window ends by `as_of`; oldest first, aware UTC."""
    zone = ZoneInfo(plant_tz)
    local = (as_of - timedelta(days=window_days)).astimezone(zone)
    monday = local.date() - timedelta(days=local.weekday())
    starts: list[datetime] = []
    while len(starts) < n_weeks:
        start = datetime.combine(monday, START_OF_DAY, tzinfo=zone).astimezone(UTC)
        if start + timedelta(days=window_days) <= as_of:
            starts.append(start)
        monday -= timedelta(days=7)
    return starts[::-1]


def open_window(record: Record, start: datetime, *, window_days: int = WINDOW_DAYS) -> Window | None:
    """Return one window made ready; None when no order was in the shop then."""
    past = look_back(record, as_of=start)
    if not past.known.operations:
        return None
    compiled = compile_instance(past.known)
    return Window(
        week=start.astimezone(ZoneInfo(record.plant_tz)).date().isoformat(),
        past=past,
        compiled=compiled,
        scenario=scenario_of(compiled, past.turned_out),
        start=past.known.now,
        end=past.known.now + window_days * DAY,
    )


def replay_weeks(
    record: Record, contestants: Sequence[Contestant], *, n_weeks: int = 4
) -> tuple[ReplayRow, ...]:
    """Return the plant and every contestant on each of the last weeks; samplers sit out.

    Args:
        record: The snapshot's tables.
        contestants: Who plays.
    """
    return tuple(
        row
        for start in week_starts(record.until, record.plant_tz, n_weeks=n_weeks)
        for row in _rows(open_window(record, start), contestants)
    )


def _rows(window: Window | None, contestants: Sequence[Contestant]) -> Iterator[ReplayRow]:
    if window is None:
        return
    yield score(window, HISTORY, window.past.completions)
    levels = np.array(
        [window.past.levels.get(operation_id, 0) for operation_id in window.compiled.operation_ids],
        dtype=np.int64,
    )
    for contestant in contestants:
        if not contestant.is_static_only:
            yield score(window, contestant.name, replayed(window, contestant, levels))
    log.info("week replayed: week=%s orders=%d", window.week, len(window.past.known.jobs))


def replayed(window: Window, contestant: Contestant, levels: np.ndarray) -> dict[str, int]:
    """Return the completion minute of each order when the contestant runs the shop."""
    outcome = contestant.play(window.compiled, scenario=window.scenario, levels=levels)
    minutes = completion_minutes(window.compiled, outcome)
    return {job_id: int(minute) for job_id, minute in zip(window.compiled.job_ids, minutes, strict=True)}


def score(window: Window, name: str, completions: Mapping[str, int]) -> ReplayRow:
    """Return the row of one way of working, from its completions alone.

    Args:
        name: Who.
        completions: Minute by order; a missing order is not done by the end of the data.
    """
    jobs = [job for job in window.past.known.jobs if _is_in_shop(window.past.known, job.known_at, window.end)]
    beyond = window.end
    accrued = {
        job.job_id: job.weight
        * max(0, min(completions.get(job.job_id, beyond), window.end) - max(job.due, window.start))
        / DAY
        for job in jobs
    }
    cohort = [
        job
        for job in jobs
        if window.start < window.past.completions.get(job.job_id, beyond + 1) <= window.end
    ]
    late = [max(0, completions[job.job_id] - job.due) / DAY for job in cohort]
    return ReplayRow(
        week=window.week,
        contestant=name,
        n_jobs=len(jobs),
        n_completed=sum(completions.get(job.job_id, beyond + 1) <= window.end for job in jobs),
        accrued_by_job=accrued,
        n_cohort=len(cohort),
        cohort_tardiness_days=sum(late) / len(late) if late else 0.0,
        cohort_on_time_rate=sum(days <= 0 for days in late) / len(late) if late else 1.0,
    )


def _is_in_shop(instance: Instance, known_at: int | None, end: int) -> bool:
    return known_at is None or known_at < max(end, instance.now)
