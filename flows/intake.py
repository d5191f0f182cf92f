"""The first steps of every run: one consistent picture of the plant, and the door against garbage."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from statistics import median
from typing import TYPE_CHECKING

from flows import artifacts
from flows.context import RunContext
from flows.cycle import Cycle
from flows.steps import step
from shopfloor.domain.errors import RefusedInput

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from expectations.findings import ValidationReport
    from shopfloor.data.snapshot import Snapshot
    from shopfloor.settings import Settings

log = logging.getLogger(__name__)

USUAL_RUNS = 8


@step(retries=2, timeout_s=600)
def extract_snapshot(run: RunContext) -> Snapshot:
    """Read all tables in one read-only transaction into proven parquet files."""
    from shopfloor.data.snapshot import extract

    with run.timed("extract"):
        return extract(
            run.source, root=run.folders.snapshots, as_of=run.as_of, column_map=run.settings.column_map
        )


def extract_for_cycle(run: RunContext, cycle: Cycle) -> Snapshot:
    """Return the cycle's snapshot: the one that a killed run took, else a new one."""
    from shopfloor.data.snapshot import open_snapshot

    taken = cycle.recall("snapshot")
    if taken is not None:
        cycle.remember("resumed", True)
        return open_snapshot(run.folders.snapshots / str(taken))
    snapshot = extract_snapshot(run)
    cycle.remember("snapshot", snapshot.snapshot_id)
    return snapshot


@step(timeout_s=600)
def validate_snapshot(
    run: RunContext, snapshot: Snapshot, *, accept_volume: bool = False
) -> ValidationReport:
    """Judge the data by its suites, set bad rows aside, refuse garbage.

    Raises:
        RefusedInput: A rule of severity `stop` is broken: no plan is made from garbage.
    """
    with run.timed("validate"):
        report = _judge(run, snapshot, accept_volume=accept_volume)
        if report.quarantined:
            from shopfloor.data.quarantine import store

            store(run.database, report.quarantined)
    if report.docs_index is not None:
        artifacts.link("data-docs", report.docs_index, text="Data docs")
    if report.is_stopped:
        findings = "\n".join(f"  {finding.line()}" for finding in report.stop)
        raise RefusedInput(
            f"the data is refused, {len(report.stop)} rules of severity stop are broken:\n{findings}\n"
            f"hint: see {report.docs_index}; --accept-volume lets unusual row counts through"
        )
    return report


def _judge(run: RunContext, snapshot: Snapshot, *, accept_volume: bool) -> ValidationReport:
    usual = None if accept_volume else usual_counts(run, except_for=snapshot.snapshot_id)
    return judge(snapshot, run.settings, as_of=run.as_of, docs_dir=run.folders.data_docs, usual=usual)


def judge(
    snapshot: Snapshot,
    settings: Settings,
    *,
    as_of: datetime,
    docs_dir: Path | None,
    usual: Mapping[str, int] | None = None,
) -> ValidationReport:
    """Return what the suites say about a snapshot, or the light guard where their library fails.

    Args:
        docs_dir: Folder of the pages; None = no pages.
        usual: Table name -> usual number of rows; None = any number will do.
    """
    frames = snapshot.frames()
    try:
        from expectations.facts import RunFacts
        from expectations.run import run_expectations

        facts = RunFacts(as_of, snapshot.snapshot_id, settings.processing_time_unit)
        return run_expectations(
            frames, docs_dir=docs_dir, run_name=snapshot.snapshot_id, usual_counts=usual, facts=facts
        )
    except Exception:
        # The library failed, not the data: the plant still needs a plan, so the light guard decides.
        log.exception("expectations_failed snapshot=%s", snapshot.snapshot_id)
        from expectations.guard import guard_report

        return guard_report(frames, run_name=snapshot.snapshot_id, usual_counts=usual)


def usual_counts(run: RunContext, *, except_for: str) -> Mapping[str, int] | None:
    """Return the median rows per table of the last snapshots; None on a first run."""
    manifests = sorted(run.folders.snapshots.glob("*/manifest.json"), reverse=True)
    counts: list[dict[str, int]] = []
    for path in manifests:
        if path.parent.name != except_for and len(counts) < USUAL_RUNS:
            tables = json.loads(path.read_text())["tables"]
            counts.append({name: int(facts["rows"]) for name, facts in tables.items()})
    if not counts:
        return None
    return {table: int(median(row.get(table, 0) for row in counts)) for table in counts[0]}
