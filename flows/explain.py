"""Why jobs are late, asked of a stored plan: one job in full, or all late jobs with their first cause.

The plan's instance is assembled again from its snapshot, so the answer is about what the plan knew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from flows.stored_plan import StoredPlan, load_stored_plan, places_in

if TYPE_CHECKING:
    from shopfloor.domain.explain import LateCause, LatenessReport
    from shopfloor.domain.explain_chain import ChainStep


@dataclass(frozen=True)
class Explanation:
    """One job of a stored plan."""

    plan: StoredPlan
    report: LatenessReport

    def as_dict(self) -> Mapping[str, Any]:
        """Return codes and arguments; times ISO 8601 with the plant's offset."""
        return _job(self.plan, self.report) | {
            "run_id": self.plan.run_id,
            "solver": self.plan.schedule.solver,
            "causes": [_cause(self.plan, self.report, part) for part in self.report.causes],
            "chain": [_step(self.plan, step) for step in self.report.chain],
        }

    def text(self) -> str:
        """Return the explanation for a planner."""
        from shopfloor.domain.explain_words import cause_words, duration_words, headline

        instance, report = self.plan.instance, self.report
        solver = f"run {self.plan.run_id} by {self.plan.schedule.solver}"
        facts = f"family {report.job.family}, weight {report.job.weight:g}; {solver}"
        lines = [headline(instance, report), facts, ""]
        for part in report.causes:
            words = cause_words(instance, report, part)
            lines.append(f"  {duration_words(part.minutes):>10}  {part.cause.value:16}  {words}")
        if report.causes:
            lines.append("")
        return "\n".join([*lines, "the way to its completion:", *(self._line(step) for step in report.chain)])

    def _line(self, step: ChainStep) -> str:
        from shopfloor.domain.explain_chain import Cause
        from shopfloor.domain.explain_words import duration_words, time_words, work_words

        instance = self.plan.instance
        if step.left_out is not None:
            return f"  {step.operation_id}  left out: {step.left_out.code.value} {step.left_out.detail}"
        item = self.plan.schedule.by_operation[step.operation_id]
        waits = ", ".join(
            f"{cause.value.replace('_', ' ')} {duration_words(minutes)}"
            for cause, minutes in step.minutes.items()
            if minutes and cause is not Cause.UNAVOIDABLE
        )
        fixed = instance.commitment_by_id.get(step.operation_id)
        name = f"{step.operation_id} on {step.machine_id}"
        if fixed is not None:
            name += f" ({fixed.kind.value.replace('_', ' ')})"
        times = f"{time_words(instance, item.start)} - {time_words(instance, item.end)}"
        work = [f"run {work_words(item.run_minutes)}"] if item.run_minutes else []
        return f"  {name:34}  {times}  " + "; ".join([*work, waits] if waits else work)


@dataclass(frozen=True)
class LateJobs:
    """The late jobs of a stored plan, the costliest first.

    Attributes:
        shown: How many of them the text lists.
        newly_late: Late now, on time in the plan before; None = there is no plan before.
        no_longer_late: The other way round.
    """

    plan: StoredPlan
    reports: tuple[LatenessReport, ...]
    shown: int
    newly_late: tuple[str, ...] | None
    no_longer_late: tuple[str, ...] | None

    def as_dict(self) -> Mapping[str, Any]:
        """Return codes and arguments; times ISO 8601 with the plant's offset."""
        return {
            "run_id": self.plan.run_id,
            "previous_run_id": self.plan.previous_run_id,
            "late_jobs": len(self.reports),
            "minutes_by_cause": self._totals(),
            "newly_late": self.newly_late,
            "no_longer_late": self.no_longer_late,
            "jobs": [
                _job(self.plan, report)
                | {"causes": [_cause(self.plan, report, part) for part in report.causes]}
                for report in self.reports[: self.shown]
            ],
        }

    def text(self) -> str:
        """Return the list for a planner."""
        from shopfloor.domain.explain_words import cause_words, due_words, duration_words, time_words

        instance = self.plan.instance
        lines = [
            f"{len(self.reports)} of {len(instance.jobs)} jobs are late in run {self.plan.run_id}, the costliest first"
        ]
        for report in self.reports[: self.shown]:
            part = report.causes[0]
            end = "no completion" if report.left_out else time_words(instance, report.completion)
            mark = "  NEW" if report.job_id in (self.newly_late or ()) else ""
            lines.append(
                f"  {report.job_id:14} {duration_words(report.lateness):>10} late  weight {report.job.weight:g}  "
                f"due {due_words(instance, report.job.due)}  ends {end}{mark}\n"
                f"  {'':14} {duration_words(part.minutes):>10} {part.cause.value}: "
                f"{cause_words(instance, report, part)}"
            )
        if len(self.reports) > self.shown:
            lines.append(
                f"  and {len(self.reports) - self.shown} more: --limit {len(self.reports)} shows all"
            )
        lines += ["", *self._summary()]
        return "\n".join(lines)

    def _summary(self) -> list[str]:
        from shopfloor.domain.explain_words import duration_words

        totals = ", ".join(f"{name} {duration_words(minutes)}" for name, minutes in self._totals().items())
        lines = [f"lateness by cause: {totals or 'none'}"]
        if self.newly_late is None or self.no_longer_late is None:
            return [*lines, "there is no plan before this one to compare with"]
        before = f"since run {self.plan.previous_run_id}"
        lines.append(f"newly late {before}: {', '.join(self.newly_late) or 'none'}")
        lines.append(f"no longer late {before}: {', '.join(self.no_longer_late) or 'none'}")
        return lines

    def _totals(self) -> dict[str, int]:
        totals: dict[str, int] = {}
        for report in self.reports:
            for part in report.causes:
                totals[part.cause.value] = totals.get(part.cause.value, 0) + part.minutes
        return dict(sorted(totals.items(), key=lambda pair: -pair[1]))


def explain_stored(name: str, run_id: str | None = None) -> Explanation:
    """Return why a job of a stored plan ends when it does.

    Args:
        name: A job, or one of its operations.
        run_id: A stored run; None = the plan in force.

    Raises:
        RefusedInput: There is no such job, no such plan, or its snapshot is gone.
    """
    from shopfloor.domain.explain import explain_job

    plan = load_stored_plan(run_id)
    return Explanation(plan, explain_job(plan.instance, plan.schedule, name))


def late_jobs(run_id: str | None = None, *, limit: int) -> LateJobs:
    """Return the late jobs of a stored plan and how they changed since the plan before.

    Raises:
        RefusedInput: There is no such plan, or its snapshot is gone.
    """
    from shopfloor.domain.explain import explain_late
    from shopfloor.domain.plan_changes import compare_plans

    plan = load_stored_plan(run_id)
    reports = explain_late(plan.instance, plan.schedule)
    if plan.previous_run_id is None:
        return LateJobs(plan, reports, limit, None, None)
    before = places_in(plan.previous_run_id, plan.instance)
    changes = compare_plans(plan.instance, plan.schedule, before)
    return LateJobs(plan, reports, limit, changes.newly_late, changes.no_longer_late)


def _job(plan: StoredPlan, report: LatenessReport) -> dict[str, Any]:
    return {
        "job_id": report.job_id,
        "family": report.job.family,
        "weight": report.job.weight,
        "due": _instant(plan, report.job.due),
        "completion": None if report.left_out else _instant(plan, report.completion),
        "earliest_completion": _instant(plan, report.earliest),
        "lateness_minutes": report.lateness,
        "unavoidable_minutes": report.minutes_sunk,
    }


def _cause(plan: StoredPlan, report: LatenessReport, part: LateCause) -> dict[str, Any]:
    from shopfloor.domain.explain_words import cause_words

    return {
        "cause": part.cause.value,
        "minutes": part.minutes,
        "operation_id": part.operation_id or None,
        "machine_id": part.machine_id or None,
        "blockers": [{"job_id": who.job_id, "minutes": who.minutes} for who in part.blockers],
        "words": cause_words(plan.instance, report, part),
    }


def _step(plan: StoredPlan, step: ChainStep) -> dict[str, Any]:
    return {
        "operation_id": step.operation_id,
        "machine_id": step.machine_id or None,
        "ready": _instant(plan, step.ready),
        "start": _instant(plan, step.start),
        "end": _instant(plan, step.end),
        "minutes": {cause.value: minutes for cause, minutes in step.minutes.items() if minutes},
        "left_out": None if step.left_out is None else step.left_out.code.value,
    }


def _instant(plan: StoredPlan, minute: int) -> datetime:
    return plan.instance.to_datetime(minute).astimezone(ZoneInfo(plan.instance.plant_tz))
