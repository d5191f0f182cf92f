"""The steps of the weekly cycle after intake: fit, tune, train, register, evaluate, judge, decide.

Each remembers what it did in the cycle, so that a killed cycle repeats nothing that is done.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.artifacts import Progress
from flows.context import RunContext, git_sha
from flows.cycle import Cycle
from flows.cycle_preset import preset_of
from flows.steps import step

if TYPE_CHECKING:
    from expectations.findings import ValidationReport
    from shopfloor.data.ledger import LedgerRow
    from shopfloor.data.snapshot import Snapshot
    from shopfloor.evaluation.combination import Combination
    from shopfloor.evaluation.evidence import Evidence
    from shopfloor.evaluation.gate import Verdict
    from shopfloor.policies.model import DispatchModel
    from shopfloor.serving.champion import Champion
    from shopfloor.training.train import TrainResult
    from shopfloor.training.tune_rules import TunedRules
    from shopfloor.twin.model import TwinModel

log = logging.getLogger(__name__)

EXPERIMENT = "shopfloor-weekly"
SUITE_SEED = 0
"""The frozen suite has one seed for ever: scores of different weeks differ by plant and model only."""


@dataclass(frozen=True)
class Registered:
    """A bundle on disk and in the registry."""

    model: DispatchModel
    path: Path
    bundle_hash: str
    version: str


@step(timeout_s=600)
def fit_plant_twin(run: RunContext, checked: ValidationReport) -> TwinModel:
    """Fit arrivals, durations, breakdowns and due dates to the plant's history."""
    from shopfloor.twin.fit import fit_twin

    with run.timed("fit twin"):
        return fit_twin(checked.clean_frames, as_of=run.as_of, plant_tz=run.settings.plant_tz)


@step(timeout_s=3600)
def tune_dispatching_rules(run: RunContext, cycle: Cycle, twin: TwinModel, progress: Progress) -> TunedRules:
    """Tune every dispatching rule to this plant, on training instances only."""
    from shopfloor.engine.arrays import compile_instance
    from shopfloor.training.bank import training_data
    from shopfloor.training.tune_rules import TunedRules, tune_rules

    if (rows := cycle.recall("tuned_rules")) is not None:
        return TunedRules.from_rows(rows)
    with run.timed("tune rules"):
        preset = preset_of(cycle)
        data = training_data(twin, preset, seed=run.seed)
        problems = [compile_instance(instance) for instance in data.training[: preset.tune.n_instances]]
        tuned = tune_rules(
            problems,
            budget=preset.tune,
            seed=run.seed,
            progress=lambda share, text: progress("tune rules", share, text),
        )
    cycle.remember("tuned_rules", tuned.as_rows())
    return tuned


@step()
def enthrone_best_rule(
    run: RunContext, cycle: Cycle, tuned: TunedRules, snapshot: Snapshot
) -> Champion | None:
    """Return the proven champion; where there has never been one, the best tuned rule becomes it."""
    from shopfloor.policies.model import DispatchModel
    from shopfloor.serving.champion import resolve_champion
    from shopfloor.serving.promotion import Decision, promote

    cycle.remember("ledger_epoch", _epoch(run))
    found = resolve_champion(run.database, home=run.home, tracking_uri=run.settings.tracking_uri)
    if found.champion is not None or any(incident.code != "NO_MODEL" for incident in found.incidents):
        return found.champion
    model = DispatchModel(
        "rule", tuned.best, metadata={"snapshot_id": snapshot.snapshot_id, "seed": run.seed}
    )
    best = _register(run, model, cycle.directory / "best-rule", tags=_lineage(cycle, snapshot))
    verdict = {"reason": f"first champion: the best tuned rule, {tuned.best.name}", "tuned": tuned.as_rows()}
    promote(
        run.database, best.path, Decision(best.version, best.bundle_hash, 0, verdict), home=run.home,
        tracking_uri=run.settings.tracking_uri,
    )  # fmt: skip
    cycle.remember("ledger_epoch", _epoch(run))
    return resolve_champion(run.database, home=run.home).champion


@step(timeout_s=24 * 3600)
def train_candidate(
    run: RunContext,
    cycle: Cycle,
    twin: TwinModel,
    tuned: TunedRules,
    champion: Champion | None,
    progress: Progress,
) -> TrainResult:
    """Begin at the champion, learn from labels, fine-tune in two stages; keep the best; resume what was killed."""
    from shopfloor.data.snapshot import open_snapshot
    from shopfloor.tracking.runs import DataUsed, RunRequest, start_run
    from shopfloor.training.bank import training_data
    from shopfloor.training.train import train

    snapshot = open_snapshot(run.folders.snapshots / str(cycle.recall("snapshot")))
    preset = preset_of(cycle)
    request = RunRequest(
        EXPERIMENT, cycle.cycle_id, tags=_lineage(cycle, snapshot), resume_run_id=cycle.recall("mlflow_run")
    )
    with run.timed("train"), start_run(request, tracking_uri=run.settings.tracking_uri) as diary:
        if cycle.recall("mlflow_run") is None:
            cycle.remember("mlflow_run", diary.run_id)
            diary.log_params({"preset": preset.model_dump(mode="json"), "seed": run.seed})
            diary.log_data(
                DataUsed(
                    "snapshot",
                    snapshot.data_hash,
                    snapshot.directory,
                    "training",
                    dict(snapshot.row_counts),
                )
            )
        result = train(
            training_data(twin, preset, seed=run.seed), preset, seed=run.seed,
            directory=cycle.directory / "training", tuned=tuned, start=champion.model.actor if champion else None,
            progress=progress, log_metrics=diary.log_metrics,
        )  # fmt: skip
        diary.log_metrics(
            {"validation_ratio": result.validation_ratio, **_prefixed("seconds_", result.seconds)}
        )
    return result


@step(retries=1)
def register_candidate(
    run: RunContext, cycle: Cycle, trained: TrainResult, snapshot: Snapshot, combined: Combination
) -> Registered:
    """Store the candidate, with the way it is best used, as a proven bundle and a version named `candidate`."""
    from dataclasses import replace

    metadata = {
        **trained.model.metadata,
        "snapshot_id": snapshot.snapshot_id,
        "git_sha": git_sha(),
        "combination": combined.name,
        "combination_uses_policy": combined.uses_policy,
    }
    model = replace(trained.model, metadata=metadata)
    tags = _lineage(cycle, snapshot) | {"combination": combined.name}
    with run.timed("register"):
        candidate = _register(run, model, cycle.directory / "candidate", tags=tags, cycle=cycle)
        _set_alias(run, "candidate", candidate.version)
    return candidate


@step(timeout_s=12 * 3600)
def evaluate_against_all(
    run: RunContext, cycle: Cycle, trial: EvaluationTrial, progress: Progress
) -> Evidence:
    """Score candidate, champion, every tuned rule and greedy on the frozen suite, and replay the last weeks."""
    from shopfloor.evaluation.evaluate import SIZES, SMALL, Trial, evaluate_candidate
    from shopfloor.twin.suite import frozen_suite, suite_hash

    size = SIZES.get(cycle.request.preset, SMALL)
    with run.timed("evaluate"):
        suite = frozen_suite(trial.twin, size.n_cases, seed=SUITE_SEED)
        asked = Trial(
            candidate=trial.candidate.model,
            champion=None if trial.champion is None else trial.champion.model,
            tuned=trial.tuned.specs,
            suite=suite,
            suite_hash=suite_hash(suite),
            frames=trial.checked.clean_frames,
            as_of=run.as_of,
            plant_tz=run.settings.plant_tz,
            provenance=_lineage(cycle, trial.snapshot)
            | {"candidate version": trial.candidate.version}
            | ({} if trial.champion is None else {"champion version": trial.champion.version}),
        )
        return evaluate_candidate(
            asked, size, store=cycle.directory / "scores.jsonl", seed=run.seed,
            progress=lambda done, total, what: progress("evaluate", done / max(1, total), what),
        )  # fmt: skip


@dataclass(frozen=True)
class EvaluationTrial:
    """Who meets whom, on what."""

    candidate: Registered
    champion: Champion | None
    tuned: TunedRules
    twin: TwinModel
    checked: ValidationReport
    snapshot: Snapshot


@step()
def judge_candidate(evidence: Evidence) -> Verdict:
    """Let the gate judge the evidence, criterion by criterion."""
    from shopfloor.evaluation.gate import judge

    return judge(evidence)


@step()
def publish_evaluation(run: RunContext, cycle: Cycle, evidence: Evidence, verdict: Verdict) -> Path:
    """Write the report, and log it with evidence and verdict to MLflow."""
    from shopfloor.evaluation.report import render_report
    from shopfloor.tracking.runs import RunRequest, start_run

    with run.timed("report"):
        page = render_report(evidence, verdict, run.folders.reports / f"evaluation-{cycle.cycle_id}.html")
        facts = {"evidence.json": evidence.as_dict(), "verdict.json": verdict.as_dict()}
        for name, content in facts.items():
            (cycle.directory / name).write_text(json.dumps(content, indent=1, sort_keys=True))
        request = RunRequest(EXPERIMENT, cycle.cycle_id, resume_run_id=cycle.recall("mlflow_run"))
        with start_run(request, tracking_uri=run.settings.tracking_uri) as diary:
            diary.set_tags(
                {"verdict": "promoted" if verdict.is_promoted else "kept", "reason": verdict.reason[:500]}
            )
            diary.log_metrics(_criteria_numbers(verdict))
            for path in (page, *(cycle.directory / name for name in facts)):
                diary.log_artifact(path, "evaluation")
    return page


@step(retries=1)
def promote_if_better(run: RunContext, cycle: Cycle, candidate: Registered, verdict: Verdict) -> LedgerRow:
    """Write the decision into the ledger: the candidate is champion from now on, or the champion stays.

    Raises:
        StalePromotion: The ledger moved on since the candidate was compared with its champion.
    """
    from shopfloor.domain.errors import PromotionHeld
    from shopfloor.serving.promotion import Decision, keep, promote

    epoch = int(cycle.recall("ledger_epoch") or 0)
    decision = Decision(candidate.version, candidate.bundle_hash, epoch, verdict.as_dict())
    uri = run.settings.tracking_uri
    if not verdict.is_promoted:
        return keep(run.database, decision, tracking_uri=uri)
    _set_alias(run, "challenger", candidate.version)
    try:
        return promote(run.database, candidate.path, decision, home=run.home, tracking_uri=uri)
    except PromotionHeld as held:
        log.warning("promotion_held version=%s: %s", candidate.version, str(held).splitlines()[0])
        return keep(run.database, decision, tracking_uri=uri)


def _register(
    run: RunContext, model: DispatchModel, path: Path, *, tags: dict[str, str], cycle: Cycle | None = None
) -> Registered:
    """Write the bundle and register it; with the registry down the version is named by its hash."""
    from shopfloor.policies.bundle import save_bundle
    from shopfloor.tracking.client import TrackingUnavailable
    from shopfloor.tracking.registry import Registration, register_version

    bundle = save_bundle(model, path)
    try:
        diary = cycle.recall("mlflow_run") if cycle else None
        registration = Registration(bundle.bundle_hash, run_id=diary, tags=tags, description=model.name)
        version = register_version(bundle.path, registration, tracking_uri=run.settings.tracking_uri)
    except TrackingUnavailable as error:
        log.warning("registry_down cause=%s: the bundle stays on disk and is known by its hash", error)
        version = f"local-{bundle.bundle_hash[:12]}"
    return Registered(model, bundle.path, bundle.bundle_hash, version)


def _set_alias(run: RunContext, alias: str, version: str) -> None:
    from shopfloor.tracking.client import TrackingUnavailable
    from shopfloor.tracking.registry import set_alias

    try:
        set_alias(alias, version, tracking_uri=run.settings.tracking_uri)
    except TrackingUnavailable as error:
        log.warning("alias_not_set alias=%s version=%s cause=%s", alias, version, error)


def _epoch(run: RunContext) -> int:
    from shopfloor.data.ledger import current_champion

    row = current_champion(run.database)
    return 0 if row is None else row.epoch


def _lineage(cycle: Cycle, snapshot: Snapshot) -> dict[str, str]:
    return {
        "cycle": cycle.cycle_id,
        "snapshot_id": snapshot.snapshot_id,
        "data_hash": snapshot.data_hash,
        "preset": cycle.request.preset,
        "seed": str(cycle.request.seed),
        "git_sha": git_sha(),
    }


def _prefixed(prefix: str, values: dict[str, float]) -> dict[str, float]:
    return {f"{prefix}{name}": value for name, value in values.items()}


def _criteria_numbers(verdict: Verdict) -> dict[str, float]:
    numbers: dict[str, Any] = {f"gate_{c.name}": c.value for c in verdict.criteria if c.value is not None}
    return {name.replace(":", "_"): float(value) for name, value in numbers.items()}
