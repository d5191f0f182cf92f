"""Stress: the same cases with something gone wrong, as pure transformations of an instance.

Everything urgent, the bottleneck's machine down, a wave of rush orders, half as many orders again. A
transformation invents no state: commitments stay as they are, and a new order is known only from its own
minute on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from shopfloor.domain.instance import Instance, Job, Operation

MAX_WEIGHT = 5.0
DAY = 1440
Stress = Callable[[Instance, np.random.Generator], Instance]


def all_urgent(instance: Instance, _rng: np.random.Generator) -> Instance:
    """Give every job the highest weight and take 30 % of the time to its due date away."""
    now = instance.now
    jobs = tuple(
        replace(job, weight=MAX_WEIGHT, due=job.due if job.due <= now else now + round(0.7 * (job.due - now)))
        for job in instance.jobs
    )
    return replace(instance, jobs=jobs)


def bottleneck_machine_down(instance: Instance, _rng: np.random.Generator, *, days: float = 5.0) -> Instance:
    """Close the least committed machine of the most loaded work centre for `days`, known from the start.

    The closure begins when the machine's committed operations are done, so that facts stay facts.
    """
    centre = bottleneck(instance)
    busy_until = {
        machine.machine_id: max(
            [instance.now, *(c.end for c in instance.commitments if c.machine_id == machine.machine_id)]
        )
        for machine in instance.plant.machines
        if machine.machine_type == centre
    }
    machine_id = min(busy_until, key=lambda name: (busy_until[name], name))
    begin = busy_until[machine_id]
    open_time = dict(instance.open_time)
    open_time[machine_id] = open_time[machine_id].without([(begin, begin + round(days * DAY))])
    return replace(instance, open_time=open_time)


def rush_wave(instance: Instance, rng: np.random.Generator, *, share: float = 0.10) -> Instance:
    """Add copies of a tenth of the jobs, weight 5, known within the first two days, due in 1.5 x their own
    work.

    A regular day is taken as 10 h of work, so a job of 20 h is due 3 days after it becomes known.
    """
    chosen = _open_jobs(instance)
    rushed: list[Job] = []
    for job in _pick(rng, chosen, max(1, round(share * len(chosen)))):
        work = sum(o.processing_minutes for o in instance.operations if o.job_id == job.job_id)
        known = instance.now + int(rng.integers(60, 2 * DAY))
        due = known + round(1.5 * work * 24 / 10)
        rushed.append(replace(job, weight=MAX_WEIGHT, known_at=known, release=known, due=due))
    return with_copies(instance, rushed, suffix="~rush")


def overload(instance: Instance, rng: np.random.Generator, *, extra: float = 0.5) -> Instance:
    """Add copies of jobs until there are `extra` times as many open ones again, with the same due dates."""
    chosen = _open_jobs(instance)
    return with_copies(instance, _pick(rng, chosen, round(extra * len(chosen))), suffix="~more")


SCENARIOS: Mapping[str, Stress] = MappingProxyType(
    {
        "all urgent": all_urgent,
        "bottleneck machine down 5 days": bottleneck_machine_down,
        "wave of rush orders": rush_wave,
        "overload x1.5": overload,
    }
)


def bottleneck(instance: Instance) -> str:
    """Return the work centre with the most open processing minutes per unit of speed."""
    speed: dict[str, float] = {}
    for machine in instance.plant.machines:
        speed[machine.machine_type] = (
            speed.get(machine.machine_type, 0.0) + machine.capacity * machine.speed_factor
        )
    work = dict.fromkeys(speed, 0)
    for operation in instance.operations:
        if operation.machine_type in work:
            work[operation.machine_type] += operation.processing_minutes
    return max(work, key=lambda name: (work[name] / speed[name], name))


def with_copies(instance: Instance, jobs: Collection[Job], *, suffix: str) -> Instance:
    """Return the instance with one more order per job, made of that job's open operations.

    Args:
        jobs: Changed versions of existing jobs; `job_id` names the original, the copy gets `suffix`.
        suffix: Appended to job and operation ids.
    """
    by_job: dict[str, list[Operation]] = {}
    for operation in instance.operations:
        by_job.setdefault(operation.job_id, []).append(operation)
    copies = tuple(replace(job, job_id=job.job_id + suffix) for job in jobs)
    operations = tuple(
        replace(
            operation,
            operation_id=operation.operation_id + suffix,
            job_id=operation.job_id + suffix,
            predecessor=None if operation.predecessor is None else operation.predecessor + suffix,
        )
        for job in jobs
        for operation in by_job.get(job.job_id, ())
    )
    return replace(instance, jobs=instance.jobs + copies, operations=instance.operations + operations)


def _pick(rng: np.random.Generator, jobs: Sequence[Job], n: int) -> list[Job]:
    """Return `n` different jobs in their own order; fewer when there are fewer."""
    picks = rng.permutation(len(jobs))[:n]
    return [jobs[int(pick)] for pick in np.sort(picks)]


def _open_jobs(instance: Instance) -> list[Job]:
    """Return jobs that are known now and have no operation that is set aside."""
    aside = {item.operation_id for item in instance.set_aside}
    blocked = {o.job_id for o in instance.operations if o.operation_id in aside}
    return [
        job
        for job in instance.jobs
        if job.job_id not in blocked and (job.known_at is None or job.known_at <= instance.now)
    ]
