"""How a weekly cycle tells of its outcome: artifacts and events in Prefect, the report to its caller."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from flows import artifacts, events
from flows.context import RunContext
from flows.cycle import Cycle
from flows.reports import WeeklyReport

if TYPE_CHECKING:
    from flows.daily_steps import DriftOutcome
    from flows.weekly_steps import EvaluationTrial
    from shopfloor.data.ledger import LedgerRow
    from shopfloor.evaluation.combination import Combination
    from shopfloor.evaluation.gate import Verdict


def announce(decision: LedgerRow, verdict: Verdict, drift: DriftOutcome, page: Path) -> None:
    """Publish verdict, criteria, report and drift; emit promoted or refused, and drift."""
    heading = "Promoted" if verdict.is_promoted else "Not promoted"
    artifacts.markdown("weekly-verdict", f"# {heading}\n\n{verdict.reason}", description="The gate's verdict")
    artifacts.table("weekly-criteria", [_row(criterion) for criterion in verdict.as_dict()["criteria"]])
    artifacts.link("evaluation-report", page, text="Evaluation report")
    if drift.report is not None:
        artifacts.markdown("weekly-drift", f"# Drift against the champion's data\n\n{drift.report.sentence}")
    if drift.verdict == "drift":
        events.emit(events.DRIFT_DETECTED, resource="data", payload=dict(drift.incidents[0].context))
    name = events.MODEL_PROMOTED if verdict.is_promoted else events.MODEL_REFUSED
    payload = {"reason": verdict.reason, "epoch": decision.epoch, "champion": decision.champion_version}
    events.emit(name, resource="model", payload=payload)


def report_cycle(
    run: RunContext,
    cycle: Cycle,
    trial: EvaluationTrial,
    verdict: Verdict,
    decision: LedgerRow,
    combined: Combination,
) -> WeeklyReport:
    """Close the cycle and return its report."""
    was_resumed = bool(cycle.recall("resumed"))
    cycle.remember("finished", True)
    links = {
        "evaluation report": run.folders.reports / f"evaluation-{cycle.cycle_id}.html",
        "data docs": trial.checked.docs_index or run.folders.data_docs,
        "cycle folder": cycle.directory,
    }
    stays = f"champion stays version {decision.champion_version}"
    return WeeklyReport(
        cycle_id=cycle.cycle_id,
        snapshot_id=trial.snapshot.snapshot_id,
        preset=cycle.request.preset,
        seed=cycle.request.seed,
        resumed=was_resumed,
        candidate_version=trial.candidate.version,
        champion_version=decision.champion_version,
        is_promoted=verdict.is_promoted,
        decision=f"version {decision.champion_version} is champion" if verdict.is_promoted else stays,
        verdict=verdict.as_dict(),
        verdict_lines=verdict.lines(),
        combination=combined.text(),
        seconds=dict(run.timed.seconds),
        links=links,
    )


def _row(criterion: dict[str, object]) -> dict[str, object]:
    return {
        name: str(value) if isinstance(value, (list, tuple, dict)) else value
        for name, value in criterion.items()
    }
