"""A stored run once more: its snapshot, its settings, its model, its steps; is the plan the same, and if not, why?

It reads the database and the files of the home folder and writes nothing.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any

from flows.context import Folders, git_sha, open_engines
from flows.stored_plan import read_rows
from shopfloor.domain.errors import ModelRefused, RefusedInput, SnapshotCorrupt
from shopfloor.settings import Settings, read_settings

if TYPE_CHECKING:
    import sqlalchemy as sa

    from shopfloor.data.plans import Run
    from shopfloor.data.snapshot import Snapshot
    from shopfloor.domain.instance import Instance
    from shopfloor.serving.champion import Champion
    from shopfloor.serving.reproduce import StoredFacts

SHOWN_DIFFERENCES = 10


@dataclass(frozen=True)
class Reproduction:
    """Whether a run gives its plan again.

    Attributes:
        plan_hash: Of the stored plan. plan_hash_now: Of the one made now; None = none was made.
        n_differences: Operations that the two decide differently; `differences` are the first of them.
        causes: What can explain another plan, or is remarkable where the plan is the same.
        seconds: Wall time.
    """

    run_id: str
    rung: str
    is_identical: bool
    plan_hash: str
    plan_hash_now: str | None
    n_differences: int
    differences: tuple[str, ...]
    causes: tuple[str, ...]
    seconds: float

    def text(self) -> str:
        """Return the finding for a terminal."""
        if self.is_identical:
            head = f"identical: run {self.run_id} by {self.rung} gives plan {self.plan_hash[:16]} again"
            return "\n".join(
                [f"{head} ({self.seconds:.1f} s)", *(f"although {text}" for text in self.causes)]
            )
        now = "no plan" if self.plan_hash_now is None else f"plan {self.plan_hash_now[:16]}"
        head = f"different: run {self.run_id} by {self.rung} gives {now}, stored is {self.plan_hash[:16]}"
        lines = [
            head,
            f"{self.n_differences} operations differ" + (", the first:" if self.differences else ""),
        ]
        lines += [f"  {line}" for line in self.differences]
        lines += [f"possible cause: {cause}" for cause in self.causes]
        return "\n".join(lines if self.causes else [*lines, "no known cause: a defect, please report it"])


def reproduce_run(run_id: str | None = None) -> Reproduction:
    """Make a stored plan again and compare.

    Args:
        run_id: A stored run; None = the plan in force.

    Raises:
        RefusedInput: There is no such run, or its facts, snapshot or model are gone or changed.
    """
    from shopfloor.data.stored_schedule import schedule_of
    from shopfloor.domain.fingerprint import instance_fingerprint, schedule_fingerprint
    from shopfloor.engine.kernel_cache import kernel_hash
    from shopfloor.serving import reproduce as again
    from shopfloor.serving.search_settings import SearchSettings

    began = time.perf_counter()
    engine, _ = open_engines(read_settings())
    rows = read_rows(engine, run_id)
    run = rows.run
    facts = _facts(run)
    settings = _settings_of(run, facts)
    instance = _instance_of(run, settings)
    causes = again.possible_causes(
        facts,
        engine_now=kernel_hash(),
        instance_now=instance_fingerprint(instance),
        code=(run.git_sha, git_sha()),
    )
    champion = _model_of(engine, run, facts, settings)
    then = schedule_of(rows, instance)
    if schedule_fingerprint(then) != run.plan_hash:
        causes.append("the stored rows are not the plan that was written: somebody changed them")
    now, lines = None, []
    try:
        now = again.make_again(instance, facts, SearchSettings.of(settings), champion=champion)
        lines = again.differences(instance, then, now)
    except again.NotMadeAgain as error:
        causes.append(str(error))
    plan_hash = None if now is None else schedule_fingerprint(now)
    is_identical = plan_hash == run.plan_hash
    return Reproduction(
        run_id=run.run_id,
        rung=facts.rung.value,
        is_identical=is_identical,
        plan_hash=run.plan_hash,
        plan_hash_now=plan_hash,
        n_differences=len(lines),
        differences=tuple(lines[:SHOWN_DIFFERENCES]),
        causes=tuple(causes),
        seconds=time.perf_counter() - began,
    )


def _facts(run: Run) -> StoredFacts:
    from shopfloor.serving.reproduce import StoredFacts

    if not run.solver_facts:
        raise RefusedInput(
            f"run {run.run_id} was written without what its plan depends on\n"
            "hint: runs of this version and later can be made again"
        )
    try:
        return StoredFacts.of(run.solver_facts)
    except ValueError as error:
        raise RefusedInput(
            f"the facts of run {run.run_id} cannot be read: {error}\nhint: another version wrote them"
        ) from error


def _settings_of(run: Run, facts: StoredFacts) -> Settings:
    """Return this installation's settings with those of the run that change a plan in their place."""
    given: dict[str, Any] = dict(facts.settings) | {"seed": run.seed}
    try:
        return Settings.model_validate(read_settings().model_dump() | given)
    except ValueError as error:
        raise RefusedInput(
            f"the settings of run {run.run_id} are none of this version: {error}\n"
            "hint: use the program of that version"
        ) from error


def _instance_of(run: Run, settings: Settings) -> Instance:
    from flows.intake import judge
    from shopfloor.serving.daily import problem_of

    as_of = run.as_of.replace(tzinfo=UTC)
    checked = judge(_snapshot_of(run, settings), settings, as_of=as_of, docs_dir=None)
    if checked.is_stopped:
        raise RefusedInput(
            f"the data of run {run.run_id} is refused now: {checked.stop[0].line()}\n"
            "hint: its rules have changed since"
        )
    quarantined = checked.quarantined_operations
    return problem_of(checked.planning_frames, settings=settings, as_of=as_of, quarantined=quarantined)


def _snapshot_of(run: Run, settings: Settings) -> Snapshot:
    from shopfloor.data.snapshot import open_snapshot

    folder = Folders(settings.home_dir).snapshots / str(run.snapshot_id)
    if not folder.exists():
        raise RefusedInput(
            f"the snapshot of run {run.run_id} is gone: {folder}\n"
            "hint: restore the folder from a copy; SHOPFLOOR_KEEP_DAYS says how long snapshots are kept"
        )
    try:
        snapshot = open_snapshot(folder)
    except SnapshotCorrupt as error:
        found = str(error).splitlines()[0]
        raise RefusedInput(
            f"the snapshot of run {run.run_id} is damaged: {found}\nhint: restore the folder from a copy"
        ) from error
    if snapshot.data_hash != run.data_hash:
        raise RefusedInput(
            f"the snapshot of run {run.run_id} holds other data than the run had: {snapshot.data_hash[:12]}, "
            f"stored is {str(run.data_hash)[:12]}\nhint: restore the folder from a copy"
        )
    return snapshot


def _model_of(engine: sa.Engine, run: Run, facts: StoredFacts, settings: Settings) -> Champion | None:
    from shopfloor.serving.champion import find_bundle

    if facts.bundle_hash is None:
        return None
    try:
        found = find_bundle(
            engine, facts.bundle_hash, home=settings.home_dir, tracking_uri=settings.tracking_uri
        )
    except ModelRefused as error:
        raise RefusedInput(f"the model of run {run.run_id} is refused: {error}") from error
    if found.champion is None:
        why = "; ".join(incident.summary for incident in found.incidents) or "no ledger row names it"
        raise RefusedInput(
            f"the model of run {run.run_id} is gone: bundle {facts.bundle_hash[:12]}: {why}\n"
            "hint: restore the folder models/ of the home from a copy, or start MLflow"
        )
    return found.champion
