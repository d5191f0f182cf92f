"""The weekly cycle: data in, candidate out, and the gate between it and the plant.

The body is a table of contents; the steps are in `intake.py` and `weekly_steps.py`.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from prefect import flow

from flows.artifacts import Progress, run_name
from flows.combination_step import combine_with_replanning
from flows.context import RunContext, instant_of, run_settings
from flows.cycle import CycleRequest, open_cycle
from flows.cycle_preset import given_preset, keep_preset
from flows.daily_steps import check_data_drift
from flows.intake import extract_for_cycle, validate_snapshot
from flows.lease_keeper import held_lease
from flows.reports import WeeklyReport
from flows.weekly_report import announce, report_cycle
from flows.weekly_steps import (
    EvaluationTrial,
    enthrone_best_rule,
    evaluate_against_all,
    fit_plant_twin,
    judge_candidate,
    promote_if_better,
    publish_evaluation,
    register_candidate,
    train_candidate,
    tune_dispatching_rules,
)


@flow(name="weekly-cycle", flow_run_name=run_name("weekly"), timeout_seconds=36 * 3600)
def weekly_cycle(
    preset: str | None = None,
    seed: int | None = None,
    as_of: datetime | None = None,
    is_fresh: bool = False,
    preset_file: Path | None = None,
) -> WeeklyReport:
    """Retrain on this week's data, and promote the candidate only if it is proven better.

    Args:
        preset: tiny, small, standard or full; default from the settings.
        seed: Of every draw; default from the settings.
        as_of: Instant of the data; default now.
        is_fresh: Do not resume an unfinished cycle.
        preset_file: A preset as JSON in the place of a named one.
    """
    given = given_preset(preset_file)
    settings = run_settings(preset=given.name if given else preset, seed=seed)
    request = CycleRequest(settings.preset, settings.seed, instant_of(as_of))
    progress = Progress("weekly-progress")
    cycle = open_cycle(settings.home_dir / "cycles", request, is_fresh=is_fresh)
    keep_preset(cycle, given)
    run = RunContext(settings, as_of=cycle.request.as_of)
    with held_lease(run.database, "weekly", ttl_s=settings.lease_ttl_s):
        snapshot = extract_for_cycle(run, cycle)
        checked = validate_snapshot(run, snapshot)
        twin = fit_plant_twin(run, checked)
        tuned = tune_dispatching_rules(run, cycle, twin, progress)
        champion = enthrone_best_rule(run, cycle, tuned, snapshot)
        drift = check_data_drift(run, champion, checked)
        trained = train_candidate(run, cycle, twin, tuned, champion, progress)
        combined = combine_with_replanning(run, cycle, twin, trained, progress)
        candidate = register_candidate(run, cycle, trained, snapshot, combined)
        trial = EvaluationTrial(candidate, champion, tuned, twin, checked, snapshot)
        evidence = evaluate_against_all(run, cycle, trial, progress)
        verdict = judge_candidate(evidence)
        page = publish_evaluation(run, cycle, evidence, verdict)
        decision = promote_if_better(run, cycle, candidate, verdict)
        announce(decision, verdict, drift, page)
        return report_cycle(run, cycle, trial, verdict, decision, combined)
