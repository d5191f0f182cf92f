"""What the Gantt picture shows, as plain JSON values: rows, bars, jobs, shifts, days, tiles.

Everything that needs the plant's clock is worked out here and arrives in the page as text; the page draws and
filters, it computes nothing about the plan.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from shopfloor.domain.blocks import blocks_of
from shopfloor.domain.bounds import earliest_completions
from shopfloor.domain.explain import LatenessReport, explain_late
from shopfloor.domain.explain_words import cause_words, duration_words
from shopfloor.domain.instance import CommitmentKind, Instance
from shopfloor.domain.kpis import Kpis, busy_minutes, completion_by_job
from shopfloor.domain.open_time import WindowKind
from shopfloor.domain.plan_changes import PlanChanges
from shopfloor.domain.plant import Machine
from shopfloor.domain.schedule import Schedule, ScheduledOperation
from shopfloor.web.gantt_changes import change_summary, job_entries, old_place
from shopfloor.web.plan_export import due_text

TICK_HOURS = range(0, 24, 3)
LEVEL_NAMES = ("regular", "with overtime", "with overtime and night")


def gantt_data(
    instance: Instance,
    schedule: Schedule,
    *,
    title: str,
    kpis: Kpis | None,
    changes: PlanChanges | None = None,
    before_name: str = "",
) -> dict[str, Any]:
    """Return the page's data: only dicts, lists, strings and numbers, minutes since the epoch.

    Args:
        changes: Against an older plan; None = the picture compares with nothing.
        before_name: What the older plan is called.
    """
    picture = _Picture(instance, schedule, changes)
    return picture.data(title, kpis) | {"changes": change_summary(changes, before_name)}


class _Picture:
    """One plan on the plant's clock."""

    def __init__(self, instance: Instance, schedule: Schedule, changes: PlanChanges | None) -> None:
        self.instance = instance
        self.schedule = schedule
        self.changes = changes
        self.zone = ZoneInfo(instance.plant_tz)
        self.completion = completion_by_job(instance, schedule)
        starts = [item.start for item in schedule.operations]
        ends = [item.end for item in schedule.operations]
        self.first_day = self._local(min([instance.now, *starts])).date()
        self.last_day = self._local(max([instance.now + 1, *ends])).date() + timedelta(days=1)
        self.start = self._minute(datetime.combine(self.first_day, time(), tzinfo=self.zone))
        self.end = self._minute(datetime.combine(self.last_day, time(), tzinfo=self.zone))
        self.makespan = max([instance.now, *ends])

    def data(self, title: str, kpis: Kpis | None) -> dict[str, Any]:
        jobs = self._jobs()
        position = {job["id"]: index for index, job in enumerate(jobs)}
        calendars: dict[bytes, int] = {}
        shifts: list[list[list[int]]] = []
        rows: list[dict[str, Any]] = []
        row_of: dict[tuple[str, int], int] = {}
        for machine in self._machines():
            calendar = self._calendar(machine, calendars, shifts)
            used = {item.slot for item in self.schedule.by_machine.get(machine.machine_id, ())}
            for slot in sorted(used | set(range(machine.capacity))):
                row_of[machine.machine_id, slot] = len(rows)
                rows.append(self._row(machine, slot, calendar))
        for item in self.schedule.operations:  # a commitment on a machine that left the plant
            if (item.machine_id, item.slot) not in row_of:
                row_of[item.machine_id, item.slot] = len(rows)
                rows.append(
                    {"machine": item.machine_id, "centre": "left the plant", "calendar": -1, "use": 0}
                )
        return {
            "title": title,
            "zone": self.instance.plant_tz,
            "solver": self.schedule.solver,
            "now": self.instance.now,
            "nowText": self._text(self.instance.now),
            "freeze": self.instance.freeze_until,
            "start": self.start,
            "end": self.end,
            "rows": rows,
            "shifts": shifts,
            "jobs": jobs,
            "bars": [self._bar(item, row_of, position) for item in self.schedule.operations],
            "days": list(self._days()),
            "tiles": [] if kpis is None else tiles(kpis),
            "unassigned": [[row.operation_id, str(row.code), row.detail] for row in self.schedule.unassigned],
        }

    def _machines(self) -> list[Machine]:
        return sorted(self.instance.plant.machines, key=lambda m: (m.machine_type, m.machine_id))

    def _row(self, machine: Machine, slot: int, calendar: int) -> dict[str, Any]:
        name = machine.machine_id if machine.capacity == 1 else f"{machine.machine_id} · {slot + 1}"
        items = self.schedule.by_machine.get(machine.machine_id, ())
        busy = sum(busy_minutes(self.instance, item) for item in items if item.slot == slot)
        open_time = self.instance.open_time[machine.machine_id]
        regular = open_time.work_between(self.instance.now, self.makespan, WindowKind.REGULAR)
        use = round(100 * busy / regular) if regular else 0
        return {"machine": name, "centre": machine.machine_type, "calendar": calendar, "use": use}

    def _calendar(self, machine: Machine, known: dict[bytes, int], shifts: list[list[list[int]]]) -> int:
        """Return the position in `shifts` of the machine's open stretches; machines of one week share it."""
        open_time = self.instance.open_time[machine.machine_id]
        pieces = open_time.pieces(self.start, self.end, max(WindowKind))
        rows = [[start, end, int(kind)] for start, end, kind in pieces]
        key = repr(rows).encode()
        if key not in known:
            known[key] = len(shifts)
            shifts.append(rows)
        return known[key]

    def _jobs(self) -> list[dict[str, Any]]:
        alone = earliest_completions(self.instance)
        why = {
            report.job_id: _first_cause(self.instance, report)
            for report in explain_late(self.instance, self.schedule)
        }
        without_place = {
            operation.job_id
            for operation in self.instance.operations
            if operation.operation_id not in self.schedule.by_operation
        }
        return [
            {
                "id": job.job_id,
                "family": job.family,
                "weight": job.weight,
                "due": job.due,
                "dueText": due_text(self._local(job.due)),
                "end": self.completion[job.job_id],
                "endText": self._text(self.completion[job.job_id]),
                "late": max(0, self.completion[job.job_id] - job.due),
                "isLeftOut": job.job_id in without_place,
                "sunk": max(0, alone[job.job_id] - job.due),
                "why": why.get(job.job_id, ""),
            }
            | job_entries(self.changes, job.job_id)
            for job in self.instance.jobs
            if job.job_id in self.completion
        ]

    def _bar(
        self, item: ScheduledOperation, row_of: dict[tuple[str, int], int], position: dict[str, int]
    ) -> dict[str, Any]:
        commitment = self.instance.commitment_by_id.get(item.operation_id)
        fixed = "" if commitment is None else commitment.kind.value.replace("_", " ")
        if commitment is None and item.operation_id in self.instance.pin_by_id:
            fixed = "pinned"
        blocks = blocks_of(self.instance, item)
        return {
            "id": item.operation_id,
            "job": position.get(item.job_id, -1),
            "row": row_of[item.machine_id, item.slot],
            "start": item.start,
            "end": item.end,
            "startText": self._text(item.start),
            "endText": self._text(item.end),
            "setup": item.setup_minutes,
            "run": item.run_minutes,
            "level": LEVEL_NAMES[item.level] if 0 <= item.level < len(LEVEL_NAMES) else str(item.level),
            "fixed": fixed,
            "running": commitment is not None and commitment.kind is CommitmentKind.IN_PROGRESS,
            "blocks": [
                [int(block.activity == "run"), block.start, block.end, int(block.kind)] for block in blocks
            ],
        } | old_place(self.changes, item, row_of=row_of, text=self._text)

    def _days(self) -> Iterator[dict[str, Any]]:
        """Yield each local day with its ticks, exact on the days of a clock change."""
        day = self.first_day
        while day < self.last_day:
            midnight = datetime.combine(day, time(), tzinfo=self.zone)
            ticks = []
            for hour in TICK_HOURS:
                minute = self._minute(midnight.replace(hour=hour))
                if self._local(minute).hour == hour:  # else the clock jumps over it
                    ticks.append([minute, f"{hour:02d}:00"])
            yield {
                "start": self._minute(midnight),
                "name": midnight.strftime("%a %d %b"),
                "short": f"{midnight.strftime('%a')} {day.day}",
                "isMonday": day.weekday() == 0,
                "week": f"W{day.isocalendar().week:02d} {midnight.strftime('%d %b %Y')}",
                "ticks": ticks,
            }
            day += timedelta(days=1)

    def _minute(self, instant: datetime) -> int:
        return self.instance.to_minute(instant)

    def _local(self, minute: int) -> datetime:
        return self.instance.to_datetime(minute).astimezone(self.zone)

    def _text(self, minute: int) -> str:
        return self._local(minute).strftime("%a %Y-%m-%d %H:%M")


def _first_cause(instance: Instance, report: LatenessReport) -> str:
    """Return the largest cause of a late job as a sentence."""
    part = report.causes[0]
    return f"{duration_words(part.minutes)} {part.cause.value}: {cause_words(instance, report, part)}"


def tiles(kpis: Kpis) -> list[list[str]]:
    """Return the figures above the picture as `[value, name]`."""
    return [
        [f"{kpis.on_time_rate:.0%}", "jobs on time"],
        [f"{kpis.late_jobs}", "late jobs"],
        [f"{kpis.weighted_tardiness:.1f} d", "weighted tardiness"],
        [f"{kpis.avoidable_weighted_tardiness:.1f} d", "of it avoidable"],
        [f"{kpis.makespan_days:.1f} d", "makespan"],
        [f"{kpis.setup_hours:.0f} h", "setup"],
        [f"{kpis.overtime_hours:.0f} h", "overtime"],
        [f"{kpis.moved_operations}", "moved, next 5 days"],
        [f"{kpis.unassigned_operations}", "left out"],
    ]
