"""The answer to a what-if as a planner reads it, and as a program does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from flows.when import local_text

if TYPE_CHECKING:
    from shopfloor.domain.instance import Instance
    from shopfloor.serving.what_if import Answer, MovedJob

SHOWN_JOBS = 25
SHOWN_KPIS = (
    "weighted_tardiness",
    "mean_tardiness_days",
    "avg_days_late",
    "on_time_rate",
    "late_jobs",
    "utilisation_std",
    "overtime_hours",
    "setup_hours",
    "makespan_days",
    "unassigned_operations",
)


@dataclass(frozen=True, slots=True)
class JobLine:
    """One job; times aware UTC.

    Attributes:
        before: Completion without the change; None for a new job.
        delta_minutes: Later by so much, negative = earlier; None for a new job.
        change: `newly late`, `no longer late`, `late`, or empty.
    """

    job_id: str
    family: str
    priority: float
    due: datetime
    before: datetime | None
    after: datetime
    delta_minutes: int | None
    change: str


@dataclass(frozen=True)
class WhatIfReport:
    """What the changes would do.

    Attributes:
        asked: What was understood, one sentence per change.
        baseline: What it is compared with.
        slipped: Operations of the active plan that facts have moved since it was made.
        n_jobs: Jobs that are there already.
        jobs: Those whose completion moves.
        new_jobs: Those that the change brings.
        cost_to_others: Weighted days of tardiness that the jobs which are there already gain.
        days_to_others: The same without weights.
        granted_overtime_hours: Hours worked in granted overtime windows; `overtime_hours` after has them too.
        seconds: Wall time of the answer.
    """

    asked: tuple[str, ...]
    baseline: str
    active_run_id: str | None
    slipped: int
    plant_tz: str
    n_jobs: int
    jobs: tuple[JobLine, ...]
    new_jobs: tuple[JobLine, ...]
    newly_late: tuple[str, ...]
    no_longer_late: tuple[str, ...]
    cost_to_others: float
    days_to_others: float
    moved_operations: int
    granted_overtime_hours: float
    kpis_before: Mapping[str, float | int | None]
    kpis_after: Mapping[str, float | int | None]
    seconds: float

    def text(self) -> str:
        """Return the answer for a terminal."""
        lines = [f"what if    {sentence}" for sentence in self.asked]
        lines.append(f"compared   with {self.baseline}")
        lines += [f"new        {self._new_line(job)}" for job in self.new_jobs]
        later = sum((job.delta_minutes or 0) > 0 for job in self.jobs)
        lines.append(
            f"jobs       {len(self.jobs)} of {self.n_jobs} move: {later} later, {len(self.jobs) - later} earlier; "
            f"{len(self.newly_late)} newly late, {len(self.no_longer_late)} no longer late"
        )
        lines.append(
            f"cost       {self.cost_to_others:+.2f} weighted days of tardiness to others "
            f"({self.days_to_others:+.2f} days), {self.moved_operations} operations moved"
        )
        if self.granted_overtime_hours:
            lines.append(f"overtime   {self.granted_overtime_hours:.1f} h worked in granted windows")
        lines += ["", *self._job_table(), *self._kpi_table()]
        lines.append(f"nothing was written; answered in {self.seconds:.1f} s")
        return "\n".join(lines)

    def _new_line(self, job: JobLine) -> str:
        verdict = "late" if job.change else "on time"
        due = self._local(job.due - timedelta(minutes=1))
        return f"{job.job_id} is done {self._local(job.after)}, due {due}: {verdict}"

    def _job_table(self) -> list[str]:
        if not self.jobs:
            return []
        rows = [f"{'job':14} {'prio':>4}  {'old':20}  {'new':20}  {'minutes':>8}  "]
        for job in self.jobs[:SHOWN_JOBS]:
            old = self._local(job.before) if job.before else ""
            rows.append(
                f"{job.job_id:14} {job.priority:4.0f}  {old:20}  {self._local(job.after):20}  "
                f"{job.delta_minutes or 0:+8d}  {job.change}"
            )
        if len(self.jobs) > SHOWN_JOBS:
            rows.append(f"... and {len(self.jobs) - SHOWN_JOBS} more: --json has all")
        return [*rows, ""]

    def _kpi_table(self) -> list[str]:
        rows = [f"{'':24} {'before':>10} {'after':>10}"]
        for name in SHOWN_KPIS:
            before, after = self.kpis_before.get(name), self.kpis_after.get(name)
            rows.append(f"{name:24} {_number(before)} {_number(after)}")
        return [*rows, ""]

    def _local(self, instant: datetime) -> str:
        return local_text(instant, self.plant_tz)


def report_of(
    found: Answer, *, asked: tuple[str, ...], active_run_id: str | None, seconds: float
) -> WhatIfReport:
    """Return the report of an answer.

    Args:
        active_run_id: Of the plan in force, when that is the baseline.
    """
    instance = found.after.instance
    baseline = (
        f"the plan in force, {active_run_id}" if active_run_id else "the optimiser's plan: none is in force"
    )
    if found.slipped:
        baseline += f"; {found.slipped} of its operations have slipped since it was made"
    return WhatIfReport(
        asked=asked,
        baseline=baseline,
        active_run_id=active_run_id,
        slipped=found.slipped,
        plant_tz=instance.plant_tz,
        n_jobs=len(found.before.instance.jobs),
        jobs=tuple(_line(instance, item) for item in found.moved),
        new_jobs=tuple(_line(instance, item) for item in found.new),
        newly_late=tuple(item.job.job_id for item in found.newly_late),
        no_longer_late=tuple(item.job.job_id for item in found.no_longer_late),
        cost_to_others=found.cost_to_others,
        days_to_others=sum(item.added_tardiness_days for item in found.moved),
        moved_operations=found.moved_operations,
        granted_overtime_hours=found.granted_hours,
        kpis_before=found.before.kpis.as_dict(),
        kpis_after=found.after.kpis.as_dict()
        | {"overtime_hours": found.after.kpis.overtime_hours + found.granted_hours},
        seconds=seconds,
    )


def _line(instance: Instance, item: MovedJob) -> JobLine:
    job = item.job
    if item.is_late:
        change = "late" if item.was_late or item.before is None else "newly late"
    else:
        change = "no longer late" if item.was_late else ""
    return JobLine(
        job_id=job.job_id,
        family=job.family,
        priority=job.weight,
        due=instance.to_datetime(job.due),
        before=None if item.before is None else instance.to_datetime(item.before),
        after=instance.to_datetime(item.after),
        delta_minutes=item.delta_minutes,
        change=change,
    )


def _number(value: float | int | None) -> str:
    if value is None:
        return f"{'-':>10}"
    return f"{value:10d}" if isinstance(value, int) else f"{value:10.3f}"
