"""What the home folder keeps: old snapshots and reports go, what somebody may still need stays.

Spared whatever their age: the snapshot of the active plan and of the last runs (`reproduce`, `explain` and the
Gantt need them), the one that the champion was trained on (drift is judged against it) and the newest ones. The
pages of the data suites limit themselves.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from flows.context import RunContext
from flows.steps import step

if TYPE_CHECKING:
    from pathlib import Path

    import sqlalchemy as sa

log = logging.getLogger(__name__)

KEPT_RUNS = 30
KEPT_SNAPSHOTS = 30
KEPT_EVALUATIONS = 10
CHAMPIONS = 2
"""The present one and the one that a rollback would bring back."""


@dataclass(frozen=True)
class TidiedUp:
    """What went."""

    snapshots: tuple[str, ...]
    pages: tuple[str, ...]


@step(timeout_s=120)
def tidy_up(run: RunContext) -> TidiedUp:
    """Remove what is older than SHOPFLOOR_KEEP_DAYS and needed by nobody; it never fails a run."""
    try:
        return tidy_home(run, at=datetime.now(UTC))
    except Exception:
        log.exception("tidy_up_failed")
        return TidiedUp((), ())


def tidy_home(run: RunContext, *, at: datetime) -> TidiedUp:
    """Remove old snapshots and pages.

    Args:
        at: The clock; files older than the kept days before it may go.
    """
    from shopfloor.data.plans import active_run, list_runs
    from shopfloor.data.snapshot import retain_snapshots

    runs = {found.run_id: found.snapshot_id for found in list_runs(run.database, limit=KEPT_RUNS)}
    active = active_run(run.database)
    if active is not None:
        runs[active.run_id] = active.run.snapshot_id
    spared = {str(name) for name in runs.values() if name} | _training_snapshots(run.database, run)
    before = at - timedelta(days=run.settings.keep_days)
    snapshots = retain_snapshots(run.folders.snapshots, KEPT_SNAPSHOTS, spared=spared, before=before)
    gone = _old_pages(run.folders.reports, before, of_runs=set(runs))
    for path in gone:
        path.unlink(missing_ok=True)
    if snapshots or gone:
        log.info("tidied_up snapshots=%d pages=%d", len(snapshots), len(gone))
    return TidiedUp(tuple(snapshots), tuple(path.name for path in gone))


def _training_snapshots(engine: sa.Engine, run: RunContext) -> set[str]:
    """Return the snapshots that the last champions were trained on."""
    from shopfloor.data.ledger import history
    from shopfloor.domain.errors import ModelRefused
    from shopfloor.policies.bundle import load_bundle
    from shopfloor.serving.champion import lineage, models_folder

    found = set()
    for row in lineage(history(engine))[-CHAMPIONS:]:
        try:
            model = load_bundle(models_folder(run.home) / row.bundle_hash, expected_hash=row.bundle_hash)
        except ModelRefused as error:
            log.warning("champion_not_read version=%s code=%s", row.champion_version, error.code)
            continue
        found.add(str(model.metadata.get("snapshot_id")))
    return found


def _old_pages(folder: Path, before: datetime, *, of_runs: set[str]) -> list[Path]:
    """Return the reports that were written before an instant and belong to none of the runs."""
    evaluations = sorted(folder.glob("evaluation-*.html"), key=lambda path: path.stat().st_mtime)
    kept = set(evaluations[-KEPT_EVALUATIONS:])
    return [
        path
        for path in sorted(folder.glob("*.html"))
        if datetime.fromtimestamp(path.stat().st_mtime, UTC) < before
        and path not in kept
        and not any(run_id in path.name for run_id in of_runs)
    ]
