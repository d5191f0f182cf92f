"""Why jobs are late: the minutes of each job's lateness by cause, adding up exactly.

Lateness is completion - due, in minutes around the clock. It is split in two:

1.  What no plan can win back, min(lateness, max(0, earliest completion alone - due)), which is the KPIs'
    unavoidable part. `explain_sunk` splits it into `unavoidable` (work, setups, calendar) and what is held
    against the job from outside: `downtime`, `material`, `frozen_or_pinned`.
2.  The rest, which a better plan or more capacity could win back. The plan's chain and the chain of the job
    alone both run from now, and `explain_chain` gives every minute of both to one cause; what the plan's
    chain has more of is what this plan adds. The rest is shared over these surpluses in proportion (largest
    remainder, so in whole minutes): where the job had slack, or made good on some of it, each cause is
    charged its share and none the whole. A surplus of run minutes (a slower machine than it could have had)
    counts as `queue`.

Blockers carry the minutes that their operations held the slot, or had it kept for them, while this job
waited: a fact of the plan, not a share of the lateness, so they may add up to more than their cause.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from shopfloor.domain.bounds import completions_of, earliest_steps
from shopfloor.domain.errors import RefusedInput
from shopfloor.domain.explain_chain import Cause, Chains, ChainStep
from shopfloor.domain.explain_sunk import sunk_parts
from shopfloor.domain.instance import Instance, Job
from shopfloor.domain.kpis import completion_by_job
from shopfloor.domain.schedule import Schedule


@dataclass(frozen=True, slots=True)
class Blocker:
    """A job that was waited for.

    Attributes:
        minutes: Minutes of the wait that its operations held the slot or had it kept, nights included.
    """

    job_id: str
    minutes: int


@dataclass(frozen=True, slots=True)
class LateCause:
    """A part of a job's lateness.

    Attributes:
        minutes: > 0.
        operation_id: Where on the chain most of it happened; empty when it is not about one operation.
        machine_id: The machine of that operation; empty likewise.
        surplus: Minutes of the cause that the plan's chain has more of than the job alone; 0 for what is late
            even alone.
        slower: Minutes of `surplus` that are run minutes on a slower machine: of `queue` only.
        blockers: The jobs waited for, most minutes first: of `queue` and `frozen_or_pinned` only.
    """

    cause: Cause
    minutes: int
    operation_id: str = ""
    machine_id: str = ""
    surplus: int = 0
    slower: int = 0
    blockers: tuple[Blocker, ...] = ()


@dataclass(frozen=True)
class LatenessReport:
    """Why one job ends when it does.

    Attributes:
        completion: Completion minute; the end of the horizon when an operation has no place.
        earliest: Completion minute alone in the shop.
        causes: Parts of the lateness, the largest first; they add up to `minutes_late`.
        chain: The plan's chain of the job, from now to its completion.
    """

    job: Job
    completion: int
    earliest: int
    causes: tuple[LateCause, ...]
    chain: tuple[ChainStep, ...]

    @property
    def job_id(self) -> str:
        """Id of the job."""
        return self.job.job_id

    @property
    def lateness(self) -> int:
        """Completion - due, minutes; negative = early."""
        return self.completion - self.job.due

    @property
    def minutes_late(self) -> int:
        """Minutes of tardiness."""
        return max(0, self.lateness)

    @property
    def minutes_sunk(self) -> int:
        """Minutes of tardiness that no plan in regular time can win back: the KPIs' unavoidable part."""
        return min(self.minutes_late, max(0, self.earliest - self.job.due))

    @property
    def left_out(self) -> ChainStep | None:
        """The operation without a place, if there is one."""
        return next((step for step in self.chain if step.left_out is not None), None)


def explain_job(instance: Instance, schedule: Schedule, job_id: str) -> LatenessReport:
    """Return why a job ends when it does.

    Args:
        job_id: A job, or one of its operations.

    Raises:
        RefusedInput: No open job of that name, or it has no open operation.
    """
    job = find_job(instance, job_id)
    reports = _explained(instance, schedule, [job.job_id])
    if not reports:
        raise RefusedInput(f"job {job.job_id!r} has no open operation\nhint: shopfloor late lists late jobs")
    return reports[0]


def explain_late(instance: Instance, schedule: Schedule) -> tuple[LatenessReport, ...]:
    """Return the report of every late job, the costliest (weight x minutes) first."""
    completion = completion_by_job(instance, schedule)
    late = [job.job_id for job in instance.jobs if completion.get(job.job_id, job.due) > job.due]
    reports = _explained(instance, schedule, late)
    return tuple(sorted(reports, key=lambda r: (-r.job.weight * r.minutes_late, r.job_id)))


def find_job(instance: Instance, name: str) -> Job:
    """Return the job of that id, or of that operation's id.

    Raises:
        RefusedInput: There is none; the hint names near matches.
    """
    if name in instance.job_by_id:
        return instance.job_by_id[name]
    operation = instance.operation_by_id.get(name)
    if operation is not None:
        return instance.job_by_id[operation.job_id]
    near = get_close_matches(name, list(instance.job_by_id), n=5, cutoff=0.5)
    hint = f"did you mean {', '.join(near)}?" if near else "shopfloor late lists late jobs"
    raise RefusedInput(f"no open job of that name in this plan: {name!r}\nhint: {hint}")


def _explained(instance: Instance, schedule: Schedule, wanted: Iterable[str]) -> list[LatenessReport]:
    completion = completion_by_job(instance, schedule)
    jobs = [instance.job_by_id[name] for name in wanted if name in completion]
    steps = earliest_steps(instance)
    alone = completions_of(instance, steps)
    lateness = {job.job_id: completion[job.job_id] - job.due for job in jobs}
    sunk = sunk_parts(instance, alone, {name: late for name, late in lateness.items() if late > 0})
    chains = Chains(instance, schedule, steps)
    reports = []
    for job in jobs:
        chain = chains.of_job(job.job_id)
        causes: tuple[LateCause, ...] = ()
        if lateness[job.job_id] > 0:
            parts = Counter(sunk[job.job_id])
            avoidable = lateness[job.job_id] - parts.total()
            surplus = _Surplus.of(chain, chains.of_job_alone(job.job_id))
            parts.update(in_proportion(avoidable, surplus.minutes))
            causes = tuple(_cause(cause, minutes, chain, surplus) for cause, minutes in _largest_first(parts))
        reports.append(LatenessReport(job, completion[job.job_id], alone[job.job_id], causes, chain))
    return reports


def in_proportion(total: int, weights: Mapping[Cause, int]) -> dict[Cause, int]:
    """Return `total` minutes shared over `weights` in whole minutes: largest remainder, ties by cause.

    Args:
        total: Minutes, >= 0.
        weights: Minutes > 0; when there is none, everything is `queue`'s.
    """
    if total <= 0:
        return {}
    whole = sum(weights.values())
    if whole <= 0:
        return {Cause.QUEUE: total}
    shares = {cause: total * weight // whole for cause, weight in weights.items()}
    order = sorted(weights, key=lambda cause: (-(total * weights[cause] % whole), _RANK[cause]))
    for cause in order[: total - sum(shares.values())]:
        shares[cause] += 1
    return {cause: minutes for cause, minutes in shares.items() if minutes}


@dataclass(frozen=True)
class _Surplus:
    """Minutes per cause that the plan's chain has more of, and those of them on slower machines."""

    minutes: Mapping[Cause, int]
    slower: int

    @classmethod
    def of(cls, chain: Iterable[ChainStep], alone: Iterable[ChainStep]) -> _Surplus:
        surplus: Counter[Cause] = Counter()
        for step in chain:
            surplus.update(step.minutes)
        for step in alone:
            surplus.subtract(step.minutes)
        slower = max(0, surplus.pop(Cause.UNAVOIDABLE, 0))
        surplus[Cause.QUEUE] = max(0, surplus[Cause.QUEUE]) + slower
        return cls(dict(+surplus), slower)


def _cause(cause: Cause, minutes: int, chain: tuple[ChainStep, ...], surplus: _Surplus) -> LateCause:
    blockers: Counter[str] = Counter()
    for step in chain:
        for (why, job_id), waited in step.waited_for.items():
            if why is cause:
                blockers[job_id] += waited
    ordered = sorted(blockers.items(), key=lambda pair: (-pair[1], pair[0]))
    most = max(chain, key=lambda step: step.minutes.get(cause, 0))
    is_of_one = cause is not Cause.UNAVOIDABLE and most.minutes.get(cause, 0) > 0
    return LateCause(
        cause,
        minutes,
        most.operation_id if is_of_one else "",
        most.machine_id if is_of_one else "",
        surplus.minutes.get(cause, 0),
        surplus.slower if cause is Cause.QUEUE else 0,
        tuple(Blocker(job_id, waited) for job_id, waited in ordered),
    )


def _largest_first(parts: Mapping[Cause, int]) -> list[tuple[Cause, int]]:
    return sorted(
        ((cause, minutes) for cause, minutes in parts.items() if minutes > 0),
        key=lambda pair: (-pair[1], _RANK[pair[0]]),
    )


_RANK: Mapping[Cause, int] = {cause: rank for rank, cause in enumerate(Cause)}
