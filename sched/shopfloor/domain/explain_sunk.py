"""What is late even alone in the shop, by what would have to be different: material, downtime, frozen places.

The lateness of a job that has the shop to itself (`bounds.earliest_completions`) is no scheduler's fault. It
is taken apart by giving back, one after the other, what is held against the job, each time working out the
earliest completion again:

    frozen_or_pinned  frozen operations and pins are free again
    material          and everything is released now
    downtime          and no machine is down
    unavoidable       what is late even then: work, setups and the calendar alone

Each cause gets the minutes that its step wins back, so the parts add up to the whole. Plans are not looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from shopfloor.domain.bounds import earliest_completions
from shopfloor.domain.explain_chain import Cause
from shopfloor.domain.instance import Commitment, CommitmentKind, Instance
from shopfloor.domain.open_time import BEYOND_HORIZON


def sunk_parts(
    instance: Instance, alone: Mapping[str, int], lateness: Mapping[str, int]
) -> dict[str, dict[Cause, int]]:
    """Return per job the minutes of its lateness that no plan can win back, by cause.

    Args:
        alone: `earliest_completions` of the instance.
        lateness: Minutes of lateness in the plan, > 0, of the jobs that are wanted; no part exceeds it.
    """
    due = {name: instance.job_by_id[name].due for name in lateness}
    sunk = {name: min(late, max(0, alone[name] - due[name])) for name, late in lateness.items()}
    parts: dict[str, dict[Cause, int]] = {name: {} for name in lateness}
    left = dict(sunk)
    relaxed = instance
    for cause, relax in _STEPS:
        if not any(left.values()):
            break
        before, relaxed = relaxed, relax(relaxed)
        if relaxed is before:
            continue
        completion = earliest_completions(relaxed)
        for name, minutes in left.items():
            rest = min(minutes, max(0, completion[name] - due[name]))
            if rest < minutes:
                parts[name][cause] = minutes - rest
            left[name] = rest
    for name, minutes in left.items():
        if minutes:
            parts[name][Cause.UNAVOIDABLE] = minutes
    return parts


def _without_holds(instance: Instance) -> Instance:
    running = tuple(item for item in instance.commitments if item.kind is CommitmentKind.IN_PROGRESS)
    if not instance.pins and len(running) == len(instance.commitments):
        return instance
    return replace(instance, pins=(), commitments=running)


def _with_material(instance: Instance) -> Instance:
    now = instance.now
    if all(job.release <= now for job in instance.jobs):
        return instance
    return replace(instance, jobs=tuple(replace(job, release=min(job.release, now)) for job in instance.jobs))


def _without_downtime(instance: Instance) -> Instance:
    if not instance.downtime:
        return instance
    open_time = dict(instance.open_time)
    for machine_id, lost in instance.downtime.items():
        open_time[machine_id] = open_time[machine_id].and_also(lost)
    restored = replace(instance, open_time=open_time, downtime={})
    commitments = tuple(_sooner(item, instance, restored) for item in instance.commitments)
    return replace(restored, commitments=commitments)


def _sooner(item: Commitment, instance: Instance, restored: Instance) -> Commitment:
    """Return what runs with the end that it would have, had its machine not been down."""
    if item.machine_id not in instance.downtime:
        return item
    start = max(item.start, instance.now)
    work = instance.open_time[item.machine_id].work_between(start, item.end, item.level)
    end = restored.open_time[item.machine_id].advance(start, work, item.level)
    return item if end == BEYOND_HORIZON else replace(item, end=min(item.end, end))


_STEPS = (
    (Cause.FROZEN_OR_PINNED, _without_holds),
    (Cause.MATERIAL, _with_material),
    (Cause.DOWNTIME, _without_downtime),
)
