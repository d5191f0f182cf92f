"""The day's record: one write-back of plan, incidents and alerts, and the proof that the database has it.

It decides nothing: the ladder has. When no rung had a plan, only the incidents are written.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from shopfloor.data.incidents import Incident
from shopfloor.data.plan_rows import PlanRecord
from shopfloor.data.plans import active_run, read_plan
from shopfloor.data.snapshot import Snapshot
from shopfloor.data.writeback import WriteOutcome, write_plan
from shopfloor.domain.errors import InvalidPlan
from shopfloor.domain.fingerprint import instance_fingerprint, schedule_fingerprint
from shopfloor.domain.instance import Instance
from shopfloor.engine.kernel_cache import kernel_hash
from shopfloor.faults import fault_point
from shopfloor.serving.alerts import messages_of
from shopfloor.serving.champion import Champion
from shopfloor.serving.daily import Day, config_hash_of, plan_settings, renew_lease
from shopfloor.serving.daily_end import tell
from shopfloor.serving.day_reasons import day_reasons
from shopfloor.serving.ladder import LadderResult
from shopfloor.serving.rungs import MODEL_RUNGS, Rung


@dataclass(frozen=True)
class DayDraft:
    """Everything that becomes the day's record.

    Attributes:
        key: Run key of the request.
        incidents: Met outside the ladder: data, drift.
    """

    key: str
    snapshot: Snapshot
    instance: Instance
    champion: Champion | None
    result: LadderResult
    incidents: tuple[Incident, ...] = ()


def write_day(day: Day, draft: DayDraft) -> WriteOutcome | None:
    """Write the plan and make it active, with its incidents and alerts, in one transaction.

    Returns:
        None when no rung had a plan: then only the incidents were written and the plan in force stays.

    Raises:
        LeaseLost: The lease was taken over or a newer plan is active; nothing was written.
        DatabaseUnavailable, CommitUnknown, InvalidPlan: See `data.writeback`.
    """
    renew_lease(day)
    result = draft.result
    incidents = (*day.incidents, *draft.incidents, *result.incidents)
    if result.schedule is None or result.kpis is None:
        tell(day.engine, incidents, as_of=day.as_of)
        return None
    reasons, lost = day_reasons(draft.instance, result.schedule)
    incidents = (*incidents, *lost)
    fault_point("daily.before_write")
    is_champions = result.rung is Rung.CHAMPION and draft.champion is not None
    record = PlanRecord(
        instance=draft.instance,
        schedule=result.schedule,
        kpis=result.kpis.as_dict(),
        run_key=draft.key,
        as_of=day.as_of,
        solver=result.schedule.solver,
        model_version=draft.champion.version if is_champions and draft.champion else None,
        snapshot_id=draft.snapshot.snapshot_id,
        data_hash=draft.snapshot.data_hash,
        config_hash=config_hash_of(day.settings),
        git_sha=day.git_sha or None,
        seed=day.settings.seed,
        messages=messages_of(incidents),
        reasons=reasons,
        solver_facts=_solver_facts(day, draft),
    )
    record = replace(record, incidents=tuple(replace(found, run_id=record.run_id) for found in incidents))
    outcome = write_plan(day.engine, record, lease=day.lease)
    fault_point("daily.after_write")
    return outcome


def _solver_facts(day: Day, draft: DayDraft) -> dict[str, Any]:
    """Return what `reproduce` needs to make the plan again, and to say why it came out otherwise."""
    result = draft.result
    bundle = draft.champion.bundle_hash if draft.champion and result.rung in MODEL_RUNGS else None
    return {
        "rung": result.rung.value,
        "settings": plan_settings(day.settings),
        "bundle_hash": bundle,
        "engine": kernel_hash(),
        "instance": instance_fingerprint(draft.instance),
        "search": None if result.search is None else result.search.as_dict(),
    }


def read_back(day: Day, draft: DayDraft, outcome: WriteOutcome) -> None:
    """Require that the database now says what was decided.

    Raises:
        InvalidPlan: It holds another plan under this run.
    """
    if draft.result.schedule is None:
        return
    stored = read_plan(day.engine, outcome.run_id)
    wanted = schedule_fingerprint(draft.result.schedule)
    problems = []
    if outcome.status == "written" and stored.run.plan_hash != wanted:
        problems.append(f"plan {stored.run.plan_hash[:12]} instead of {wanted[:12]}")
    if len(stored.operations) != stored.run.row_count:
        problems.append(f"{len(stored.operations)} rows instead of {stored.run.row_count}")
    active = active_run(day.engine)
    if active is None or (active.run_id != outcome.run_id and active.run.as_of < stored.run.as_of):
        problems.append(f"active is {active.run_id if active else 'nothing'}")
    if problems:
        raise InvalidPlan(
            f"run {outcome.run_id} reads back otherwise than it was written: {'; '.join(problems)}\n"
            "hint: something else writes to the plan tables"
        )
