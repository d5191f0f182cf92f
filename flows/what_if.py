"""`shopfloor what-if`: what a change would do to the plan in force, from a read-only picture of the plant.

The snapshot lives in a temporary folder and goes with it; nothing is written to the database or to home.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from flows.picture import Picture, take_picture
from flows.what_if_report import WhatIfReport, report_of
from flows.when import local_text
from shopfloor.domain.errors import RefusedInput
from shopfloor.settings import Settings, read_settings

if TYPE_CHECKING:
    import sqlalchemy as sa

    from shopfloor.domain.granted_overtime import GrantedOvertime
    from shopfloor.serving.what_if import Question

SEARCH_S = 3.0
"""Seconds of search unless asked otherwise."""

ANSWER_S = 8.0
"""Seconds from the question to the end of the search: the answer is to come in under 10."""

LEAST_SEARCH_S = 0.3


@dataclass(frozen=True, slots=True)
class RushWish:
    """A rush order as asked for; `due` is a plant-local day."""

    family: str
    quantity: int
    due: date
    priority: int = 5


@dataclass(frozen=True, slots=True)
class DownWish:
    """A machine down in [start, end), aware instants."""

    machine_id: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class OvertimeWish:
    """Overtime of a work centre for the next working days."""

    machine_type: str
    days: int


@dataclass(frozen=True)
class Changes:
    """All that is asked at once."""

    rush: tuple[RushWish, ...] = ()
    down: tuple[DownWish, ...] = ()
    overtime: tuple[OvertimeWish, ...] = ()
    priorities: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        return not (self.rush or self.down or self.overtime or self.priorities)


def ask_what_if(
    changes: Changes,
    *,
    as_of: datetime,
    gantt: Path | None = None,
    seconds: float = SEARCH_S,
    settings: Settings | None = None,
) -> WhatIfReport:
    """Return what the changes would do.

    Args:
        as_of: What counts as now, aware UTC.
        gantt: File for a picture of the plan with the changes.
        seconds: Of search.
        settings: Of the installation; None = the process's own.

    Raises:
        RefusedInput: Nothing is asked, or a name is unknown.
        DatabaseUnavailable, SchemaMismatch: The plant cannot be read.
    """
    from shopfloor.serving.what_if import answer

    if changes.is_empty:
        raise RefusedInput("no change is asked for\nhint: --rush, --down, --overtime or --priority")
    began = time.perf_counter()
    settings = settings or read_settings()
    picture = take_picture(settings, as_of=as_of)
    asked = _ask(settings, picture, changes)
    question = replace(
        asked.question,
        budget=replace(asked.question.budget, seconds=_left(seconds, time.perf_counter() - began)),
        starts=_champions_starts(picture.engine, settings),
    )
    found = answer(question)
    if gantt is not None:
        from shopfloor.web.gantt import render_gantt

        render_gantt(
            found.after.instance,
            found.after.schedule,
            gantt,
            title="What if",
            kpis=found.after.kpis,
            before=found.before.schedule,
            before_name="the plan without the change",
        )
    return report_of(
        found,
        asked=tuple(asked.sentences),
        active_run_id=picture.active_run_id if found.is_active_plan else None,
        seconds=time.perf_counter() - began,
    )


@dataclass
class _Asked:
    question: Question
    sentences: list[str]


def _ask(settings: Settings, picture: Picture, changes: Changes) -> _Asked:
    """Put the changes into the plant's rows, assemble both problems, and say what was understood."""
    from shopfloor.data.active_rows import planned_operations
    from shopfloor.data.changes import RushOrder, add_rush_order, change_priority, close_machine, near
    from shopfloor.domain.granted_overtime import grant_overtime
    from shopfloor.engine.objective import objective_of
    from shopfloor.engine.optimise import Budget
    from shopfloor.serving.what_if import Question

    frames, as_of = picture.frames, picture.as_of
    before = picture.assembled(frames).instance
    today = as_of.astimezone(ZoneInfo(settings.plant_tz)).date()
    said: list[str] = []
    new_jobs: list[str] = []
    changed = dict(frames)
    for wish in changes.rush:
        rush = RushOrder(wish.family, wish.quantity, wish.due, wish.priority)
        added = add_rush_order(changed, rush, as_of=as_of, plan_date=today)
        changed = added.frames
        new_jobs.append(added.job_id)
        route = " > ".join(f"{step.machine_type} {step.hours:.1f}" for step in added.route)
        said.append(
            f"rush order {added.job_id}: {wish.quantity} of {wish.family}, due {wish.due}, priority "
            f"{wish.priority}; route of {added.seen} orders, {settings.processing_time_unit}: {route}"
        )
    for job_id, priority in changes.priorities.items():
        if job_id not in before.job_by_id:
            raise RefusedInput(f"no open job {job_id!r}\n{near(job_id, before.job_by_id)}")
        changed = change_priority(changed, job_id, priority)
        said.append(f"priority of {job_id}: {before.job_by_id[job_id].weight:.0f} becomes {priority}")
    for down in changes.down:
        changed = close_machine(changed, down.machine_id, start=down.start, end=down.end)
        start, end = (local_text(instant, settings.plant_tz) for instant in (down.start, down.end))
        said.append(f"{down.machine_id} down from {start} to {end}")
    after = picture.assembled(changed).instance
    granted: list[GrantedOvertime] = []
    for overtime in changes.overtime:
        given = grant_overtime(after, overtime.machine_type, overtime.days)
        after = given.instance
        granted.append(given)
        said.append(
            f"overtime of {overtime.machine_type} for {overtime.days} working days: {given.hours:.1f} machine hours"
        )
    question = Question(
        before=before,
        after=after,
        planned=planned_operations(frames, before),
        objective=objective_of(settings.objective),
        budget=Budget(
            iterations=settings.search_iterations,
            workers=settings.search_workers,
            samples=min(settings.rollouts, 32),
        ),
        new_jobs=tuple(new_jobs),
        granted=tuple(granted),
        seed=settings.seed,
    )
    return _Asked(question, said)


def _left(seconds: float, spent: float) -> float:
    """Return the seconds of search that leave the whole answer under its limit on a slow machine too."""
    return max(LEAST_SEARCH_S, min(seconds, ANSWER_S - spent)) if seconds <= SEARCH_S else seconds


def _champions_starts(engine: sa.Engine, settings: Settings) -> tuple[Any, ...]:
    """Return the champion's rule and policy; none when no champion can be proven here."""
    from shopfloor.serving.champion import resolve_champion

    champion = resolve_champion(engine, home=settings.home_dir).champion
    if champion is None:
        return ()
    spec = champion.model.spec()
    return (champion.model.rule,) if spec is champion.model.rule else (champion.model.rule, spec)
