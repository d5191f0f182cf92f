"""Key figures of a plan: one definition each, read by rewards, reports, gate and dashboards.

Every figure of lateness comes three times: in total, `unavoidable_*` (each job alone in the shop, see
`bounds`) and `avoidable_*`, the difference, on which schedulers are compared. The difference may be negative
for a plan with overtime, because the bound works in regular time. Whether a plan is valid is not asked here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, time, timedelta
from statistics import fmean, pstdev
from zoneinfo import ZoneInfo

from shopfloor.domain.bounds import earliest_completions, horizon_end
from shopfloor.domain.instance import Instance, Job
from shopfloor.domain.open_time import WindowKind
from shopfloor.domain.schedule import Schedule, ScheduledOperation

MINUTES_PER_DAY = 1440.0
MOVED_TOLERANCE_MINUTES = 30
MOVED_WINDOW_WORKING_DAYS = 5


@dataclass(frozen=True, slots=True)
class Kpis:
    """The key figures of one plan on one instance.

    Lateness counts jobs that have open operations; a job with an unassigned operation is late up to the end
    of the horizon. Days are 24 h.

    Attributes:
        weighted_tardiness: Sum over jobs of weight x tardiness, days; the primary figure.
        unavoidable_weighted_tardiness: The same for each job's earliest possible completion alone.
        avoidable_weighted_tardiness: Total minus unavoidable.
        mean_tardiness_days: Mean tardiness over all jobs.
        unavoidable_mean_tardiness_days: The same, alone.
        avoidable_mean_tardiness_days: Total minus unavoidable.
        avg_days_late: Mean tardiness over the jobs that are late; may rise when a plan improves.
        unavoidable_avg_days_late: Mean over the jobs that are late even alone.
        avoidable_avg_days_late: Total minus unavoidable; the two means are over different jobs.
        cohort_days_late: Mean tardiness over a fixed cohort of jobs; None when no cohort was given.
        unavoidable_cohort_days_late: The same, alone.
        avoidable_cohort_days_late: Total minus unavoidable.
        on_time_rate: Jobs completed by their due minute / jobs, 0..1; 1 without jobs.
        attainable_on_time_rate: The same for each job's earliest possible completion alone.
        late_jobs: Jobs completed after their due minute.
        utilisation_std: Population standard deviation over machines of busy / open regular minutes from now
            to the makespan; machines that are closed all that time do not count.
        overtime_hours: Hours worked from now on in overtime and night windows.
        setup_hours: Hours of setup that begin from now on.
        makespan_days: Days from now to the last end; 0 for an empty plan.
        moved_operations: Operations that are not committed and whose machine changed, or whose start moved
            more than 30 minutes, against the active plan, where the old or the new start lies in the first 5
            working days (plant-local dates with regular time); one that lost its place counts.
        unassigned_operations: Operations without a place.
        schedule_seconds: Wall time from loaded instance to validated plan, set by who timed it.
    """

    weighted_tardiness: float
    unavoidable_weighted_tardiness: float
    avoidable_weighted_tardiness: float
    mean_tardiness_days: float
    unavoidable_mean_tardiness_days: float
    avoidable_mean_tardiness_days: float
    avg_days_late: float
    unavoidable_avg_days_late: float
    avoidable_avg_days_late: float
    cohort_days_late: float | None
    unavoidable_cohort_days_late: float | None
    avoidable_cohort_days_late: float | None
    on_time_rate: float
    attainable_on_time_rate: float
    late_jobs: int
    utilisation_std: float
    overtime_hours: float
    setup_hours: float
    makespan_days: float
    moved_operations: int
    unassigned_operations: int
    schedule_seconds: float | None = None

    def as_dict(self) -> dict[str, float | int | None]:
        """Return the figures by name."""
        return asdict(self)


def compute_kpis(
    instance: Instance,
    schedule: Schedule,
    *,
    cohort: frozenset[str] | None = None,
    alone: Mapping[str, int] | None = None,
) -> Kpis:
    """Return the key figures of `schedule`.

    Args:
        cohort: Jobs that `cohort_days_late` looks at, usually `late_cohort` of greedy's plan.
        alone: `earliest_completions` of the instance, for who scores many plans of it; None = work it out.
    """
    completion = completion_by_job(instance, schedule)
    jobs = [job for job in instance.jobs if job.job_id in completion]
    total = _Lateness(jobs, completion)
    sunk = _Lateness(jobs, earliest_completions(instance) if alone is None else alone)
    in_cohort, alone_in_cohort = total.mean_over(cohort), sunk.mean_over(cohort)
    return Kpis(
        weighted_tardiness=total.weighted,
        unavoidable_weighted_tardiness=sunk.weighted,
        avoidable_weighted_tardiness=total.weighted - sunk.weighted,
        mean_tardiness_days=total.mean,
        unavoidable_mean_tardiness_days=sunk.mean,
        avoidable_mean_tardiness_days=total.mean - sunk.mean,
        avg_days_late=total.mean_when_late,
        unavoidable_avg_days_late=sunk.mean_when_late,
        avoidable_avg_days_late=total.mean_when_late - sunk.mean_when_late,
        cohort_days_late=in_cohort,
        unavoidable_cohort_days_late=alone_in_cohort,
        avoidable_cohort_days_late=(
            None if in_cohort is None or alone_in_cohort is None else in_cohort - alone_in_cohort
        ),
        on_time_rate=total.on_time_rate,
        attainable_on_time_rate=sunk.on_time_rate,
        late_jobs=len(total.late),
        utilisation_std=utilisation_std(instance, schedule),
        overtime_hours=overtime_hours(instance, schedule),
        setup_hours=sum(item.setup_minutes for item in schedule.operations if item.start >= instance.now)
        / 60,
        makespan_days=(_makespan(instance, schedule) - instance.now) / MINUTES_PER_DAY,
        moved_operations=moved_operations(instance, schedule),
        unassigned_operations=len(schedule.unassigned),
    )


def completion_by_job(instance: Instance, schedule: Schedule) -> dict[str, int]:
    """Return the completion minute of each job that has operations; the horizon's end if one has no place."""
    horizon = horizon_end(instance)
    completion: dict[str, int] = {}
    for operation in instance.operations:
        item = schedule.by_operation.get(operation.operation_id)
        end = horizon if item is None else item.end
        completion[operation.job_id] = max(completion.get(operation.job_id, end), end)
    return completion


def late_cohort(instance: Instance, greedy_schedule: Schedule) -> frozenset[str]:
    """Return the jobs that greedy's plan delivers late: the fixed cohort of `cohort_days_late`."""
    completion = completion_by_job(instance, greedy_schedule)
    return frozenset(job.job_id for job in instance.jobs if completion.get(job.job_id, job.due) > job.due)


def utilisation_std(instance: Instance, schedule: Schedule) -> float:
    """Return the population standard deviation over machines of busy / open regular minutes to the makespan.

    Busy minutes are setup and run from now on, whatever the window; a machine with k slots has k times the
    open minutes.
    """
    makespan = _makespan(instance, schedule)
    shares = []
    for machine in instance.plant.machines:
        open_time = instance.open_time[machine.machine_id]
        open_minutes = machine.capacity * open_time.work_between(instance.now, makespan, WindowKind.REGULAR)
        if open_minutes:
            items = schedule.by_machine.get(machine.machine_id, ())
            shares.append(sum(busy_minutes(instance, item) for item in items) / open_minutes)
    return pstdev(shares) if shares else 0.0


def busy_minutes(instance: Instance, item: ScheduledOperation) -> int:
    """Return the work minutes of setup and run from now on.

    What runs already counts the minutes that its machine is open until its end.
    """
    if item.start >= instance.now:
        return item.setup_minutes + item.run_minutes
    open_time = instance.open_time.get(item.machine_id)
    return 0 if open_time is None else open_time.work_between(instance.now, item.end, item.level)


def overtime_hours(instance: Instance, schedule: Schedule) -> float:
    """Return the hours worked from now on in overtime and night windows."""
    minutes = 0
    for item in schedule.operations:
        open_time = instance.open_time.get(item.machine_id)
        if item.level and open_time is not None:
            _, overtime, night = open_time.minutes_by_kind(
                max(item.start, instance.now), item.end, item.level
            )
            minutes += overtime + night
    return minutes / 60


def moved_operations(instance: Instance, schedule: Schedule) -> int:
    """Return how many operations the plan moves against the active one in the first 5 working days."""
    if not instance.active_plan:
        return 0
    until = working_days_end(instance, MOVED_WINDOW_WORKING_DAYS)
    moved = 0
    for operation_id, before in instance.active_plan.items():
        if operation_id not in instance.operation_by_id or operation_id in instance.commitment_by_id:
            continue
        after = schedule.by_operation.get(operation_id)
        starts = [before.start] if after is None else [before.start, after.start]
        if not any(instance.now <= start < until for start in starts):
            continue
        moved += (
            after is None
            or after.machine_id != before.machine_id
            or abs(after.start - before.start) > MOVED_TOLERANCE_MINUTES
        )
    return moved


def working_days_end(instance: Instance, n_days: int) -> int:
    """Return the minute that ends the `n_days`-th working day, today included.

    A working day is a plant-local date with regular time left on some machine.
    """
    zone = ZoneInfo(instance.plant_tz)
    today = instance.as_of.astimezone(zone).date()
    start, horizon = instance.now, horizon_end(instance)
    found = offset = 0
    while found < n_days and start < horizon:
        offset += 1
        midnight = datetime.combine(today + timedelta(days=offset), time(), tzinfo=zone)
        end = instance.to_minute(midnight)
        found += _has_regular_time(instance, start, end)
        start = end
    return start


def _has_regular_time(instance: Instance, start: int, end: int) -> bool:
    return any(
        0 <= open_time.next_open(start, WindowKind.REGULAR) < end for open_time in instance.open_time.values()
    )


def _makespan(instance: Instance, schedule: Schedule) -> int:
    return max((item.end for item in schedule.operations), default=instance.now)


class _Lateness:
    """Tardiness in days of jobs that complete at given minutes."""

    def __init__(self, jobs: Iterable[Job], completion: Mapping[str, int]) -> None:
        self.tardiness: dict[str, float] = {}
        self.weighted = 0.0
        for job in jobs:
            days = max(0, completion[job.job_id] - job.due) / MINUTES_PER_DAY
            self.tardiness[job.job_id] = days
            self.weighted += job.weight * days
        self.late = [days for days in self.tardiness.values() if days > 0]
        self.mean = fmean(self.tardiness.values()) if self.tardiness else 0.0
        self.mean_when_late = fmean(self.late) if self.late else 0.0
        self.on_time_rate = 1.0 - len(self.late) / len(self.tardiness) if self.tardiness else 1.0

    def mean_over(self, cohort: frozenset[str] | None) -> float | None:
        """Return the mean tardiness over `cohort`, 0 when it is empty, None when there is none."""
        if cohort is None:
            return None
        days = [self.tardiness.get(job_id, 0.0) for job_id in sorted(cohort)]
        return fmean(days) if days else 0.0
