"""Sentences of an explanation, in plain words and plant-local time: made from codes and numbers, never stored.

Each sentence states facts of the plan that a planner can look up; the minutes of the cause stand beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from zoneinfo import ZoneInfo

from shopfloor.domain.explain import LateCause, LatenessReport
from shopfloor.domain.explain_chain import Cause, ChainStep
from shopfloor.domain.instance import CommitmentKind, Instance

SHOWN_BLOCKERS = 3
SHOWN_WAITS = 2


def duration_words(minutes: int) -> str:
    """Return a length of time around the clock: `2 d 3 h`, `3 h 20 min`, `45 min`."""
    days, rest = divmod(abs(minutes), 1440)
    hours, rest = divmod(rest, 60)
    if days:
        text = f"{days} d {hours} h" if hours else f"{days} d"
    elif hours:
        text = f"{hours} h {rest} min" if rest else f"{hours} h"
    else:
        text = f"{rest} min"
    return f"-{text}" if minutes < 0 else text


def work_words(minutes: int) -> str:
    """Return a length of working time, in hours and minutes: a working day is not 24 hours."""
    hours, rest = divmod(minutes, 60)
    if not hours:
        return f"{rest} min"
    return f"{hours} h {rest} min" if rest else f"{hours} h"


def time_words(instance: Instance, minute: int) -> str:
    """Return a minute on the plant's clock."""
    local = instance.to_datetime(minute).astimezone(ZoneInfo(instance.plant_tz))
    return local.strftime("%a %Y-%m-%d %H:%M")


def due_words(instance: Instance, minute: int) -> str:
    """Return a due minute; midnight ends the due day, and people call it by that day."""
    local = instance.to_datetime(minute).astimezone(ZoneInfo(instance.plant_tz))
    if (local.hour, local.minute) != (0, 0):
        return time_words(instance, minute)
    return (local.date() - timedelta(days=1)).strftime("%a %Y-%m-%d 24:00")


def headline(instance: Instance, report: LatenessReport) -> str:
    """Return how late the job is, in one sentence."""
    job = report.job
    due = due_words(instance, job.due)
    lost = report.left_out
    if lost is not None and lost.left_out is not None:
        why = f"{lost.left_out.code.value}{f' ({lost.left_out.detail})' if lost.left_out.detail else ''}"
        return f"{job.job_id} has no planned completion: {lost.operation_id} was left out, {why}; due {due}"
    end = time_words(instance, report.completion)
    if report.lateness <= 0:
        early = f" ({duration_words(-report.lateness)} early)" if report.lateness else ""
        return f"{job.job_id} is on time{early}: due {due}, planned completion {end}"
    return f"{job.job_id} is {duration_words(report.lateness)} late: due {due}, planned completion {end}"


def cause_words(instance: Instance, report: LatenessReport, part: LateCause) -> str:
    """Return one cause as a sentence without its minutes."""
    return _WORDS[part.cause](instance, report, part)


def _unavoidable(instance: Instance, report: LatenessReport, _: LateCause) -> str:
    overdue = instance.now - report.job.due
    if overdue > 0:
        return (
            f"overdue by {duration_words(overdue)} when the plan was made; with the shop to itself it would "
            f"end {time_words(instance, report.earliest)}"
        )
    return f"with the shop to itself it would still end only {time_words(instance, report.earliest)}"


def _queue(_: Instance, report: LatenessReport, part: LateCause) -> str:
    waits = [step for step in _most(report.chain, Cause.QUEUE) if _held_by(step, Cause.QUEUE)]
    idle = sum(
        step.minutes[Cause.QUEUE] - sum(minutes for _, minutes in _held_by(step, Cause.QUEUE))
        for step in report.chain
        if Cause.QUEUE in step.minutes
    )
    sentences = [
        f"{step.operation_id} waits while {step.machine_id} is taken by {_names(_held_by(step, Cause.QUEUE))}"
        for step in waits[:SHOWN_WAITS]
    ]
    if len(waits) > SHOWN_WAITS:
        sentences.append(f"{len(waits) - SHOWN_WAITS} more waits")
    if idle > 0 and not waits:
        sentences.append(f"the plan lets it wait {duration_words(idle)} with its machine free")
    if part.slower > 0:
        slower = (
            f"its machines take {work_words(part.slower)} longer for it than the quickest it could have had"
        )
        sentences.insert(0 if 2 * part.slower > part.surplus else len(sentences), slower)
    return "; ".join(sentences)


def _setup(_: Instance, report: LatenessReport, part: LateCause) -> str:
    steps = _most(report.chain, Cause.SETUP)
    if not steps:
        return "setups on its way"
    total = sum(step.minutes[Cause.SETUP] for step in steps)
    where = f"{steps[0].operation_id} on {steps[0].machine_id} {work_words(steps[0].minutes[Cause.SETUP])}"
    return f"setups on its way take {work_words(total)}, {work_words(part.surplus)} more than the smallest; {where}"


def _closed(_: Instance, report: LatenessReport, part: LateCause) -> str:
    lost = report.left_out
    if lost is not None:
        return f"no open time for {lost.operation_id} before the calendars end"
    steps = _most(report.chain, Cause.CLOSED)
    total = sum(step.minutes[Cause.CLOSED] for step in steps)
    machines = list(dict.fromkeys(step.machine_id for step in steps))
    shown = ", ".join(machines[:SHOWN_BLOCKERS]) + (" and others" if len(machines) > SHOWN_BLOCKERS else "")
    more = f", {duration_words(part.surplus)} more than with the shop to itself" if part.surplus else ""
    return f"{shown} closed for {duration_words(total)} while it is next or paused{more}"


def _downtime(_: Instance, report: LatenessReport, __: LateCause) -> str:
    steps = _most(report.chain, Cause.DOWNTIME)
    if not steps:
        return "a machine that it could have run on is down"
    facts = (f"{step.machine_id} for {work_words(step.minutes[Cause.DOWNTIME])}" for step in steps)
    return f"down while it waits or runs: {', '.join(facts)} of opening hours"


def _predecessor(_: Instance, report: LatenessReport, __: LateCause) -> str:
    steps = _most(report.chain, Cause.PREDECESSOR)
    lost = report.left_out
    if lost is not None or not steps:
        return f"{lost.operation_id if lost else 'an operation'} waits for one that has no place"
    facts = (
        f"{step.operation_id} waits {duration_words(step.minutes[Cause.PREDECESSOR])} for {step.machine_id}"
        for step in steps[:SHOWN_WAITS]
    )
    return f"another lot of the same job is before it: {'; '.join(facts)}"


def _material(instance: Instance, report: LatenessReport, _: LateCause) -> str:
    return f"material and plan date let it start only {time_words(instance, report.job.release)}"


def _frozen_or_pinned(instance: Instance, report: LatenessReport, _: LateCause) -> str:
    sentences = []
    for step in _most(report.chain, Cause.FROZEN_OR_PINNED):
        held = _held_by(step, Cause.FROZEN_OR_PINNED)
        if step.left_out is not None:
            sentences.append(f"the pin of {step.operation_id} cannot be kept")
        elif held:
            sentences.append(f"{step.operation_id} waits for frozen or pinned work of {_names(held)}")
        else:
            start = time_words(instance, step.start)
            sentences.append(f"{step.operation_id} is {_hold(instance, step)} to start {start}")
    return "; ".join(sentences[:SHOWN_WAITS]) or "one of its operations is frozen or pinned"


def _hold(instance: Instance, step: ChainStep) -> str:
    commitment = instance.commitment_by_id.get(step.operation_id)
    return "frozen" if commitment is not None and commitment.kind is CommitmentKind.FROZEN else "pinned"


def _most(chain: Iterable[ChainStep], cause: Cause) -> list[ChainStep]:
    """Return the steps that have minutes of the cause, the most first."""
    steps = [step for step in chain if step.minutes.get(cause, 0) > 0]
    return sorted(steps, key=lambda step: -step.minutes[cause])


def _held_by(step: ChainStep, cause: Cause) -> list[tuple[str, int]]:
    """Return the jobs that one step waited for, the longest first."""
    found = [(job_id, minutes) for (why, job_id), minutes in step.waited_for.items() if why is cause]
    return sorted(found, key=lambda pair: (-pair[1], pair[0]))


def _names(held: list[tuple[str, int]]) -> str:
    names = ", ".join(f"{job_id} ({duration_words(minutes)})" for job_id, minutes in held[:SHOWN_BLOCKERS])
    rest = held[SHOWN_BLOCKERS:]
    if not rest:
        return names
    return f"{names} and {len(rest)} more ({duration_words(sum(minutes for _, minutes in rest))})"


_WORDS: Mapping[Cause, Callable[[Instance, LatenessReport, LateCause], str]] = {
    Cause.UNAVOIDABLE: _unavoidable,
    Cause.QUEUE: _queue,
    Cause.SETUP: _setup,
    Cause.CLOSED: _closed,
    Cause.DOWNTIME: _downtime,
    Cause.PREDECESSOR: _predecessor,
    Cause.MATERIAL: _material,
    Cause.FROZEN_OR_PINNED: _frozen_or_pinned,
}
