"""The weekly step that finds how the trained policy is best used; what it finds is registered with the candidate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.steps import step
from flows.weekly_steps import EXPERIMENT, SUITE_SEED

if TYPE_CHECKING:
    from flows.artifacts import Progress
    from flows.context import RunContext
    from flows.cycle import Cycle
    from shopfloor.evaluation.combination import Combination
    from shopfloor.training.train import TrainResult
    from shopfloor.twin.model import TwinModel

COMBINATION_SUITE = SUITE_SEED + 1
"""Suites of different seeds share no case: the gate's stays unseen."""


@step(timeout_s=2 * 3600)
def combine_with_replanning(
    run: RunContext, cycle: Cycle, twin: TwinModel, trained: TrainResult, progress: Progress
) -> Combination:
    """Let the policy alone, planning again, and both together meet on cases with a hidden future."""
    from shopfloor.engine.actor import ActorSpec
    from shopfloor.evaluation.combination import Combination, choose_combination
    from shopfloor.evaluation.evaluate import SIZES, SMALL
    from shopfloor.tracking.runs import RunRequest, start_run
    from shopfloor.twin.suite import frozen_suite

    known = cycle.recall("combination")
    if known is not None:
        return Combination(known["name"], known["ratios"], int(known["n_cases"]))
    size = SIZES.get(cycle.request.preset, SMALL)
    policy = trained.model.spec()
    assert isinstance(policy, ActorSpec)
    with run.timed("combine"):
        found = choose_combination(
            frozen_suite(twin, 3 * size.n_replanned, seed=COMBINATION_SUITE),
            trained.model.rule,
            policy,
            seed=run.seed,
            progress=lambda done, total, case: progress("combine", done / total, case),
        )
        cycle.remember(
            "combination", {"name": found.name, "ratios": dict(found.ratios), "n_cases": found.n_cases}
        )
        request = RunRequest(EXPERIMENT, cycle.cycle_id, resume_run_id=cycle.recall("mlflow_run"))
        with start_run(request, tracking_uri=run.settings.tracking_uri) as diary:
            diary.set_tags({"combination": found.name})
            diary.log_metrics({_metric(name): ratio for name, ratio in found.ratios.items()})
    return found


def _metric(name: str) -> str:
    return "dynamic " + name.replace(",", "").replace("'", "")
