"""One cell of an ablation study: one variant trained from one seed and played on the held-out cases.

A cell is a file of its own, written whole: a killed study repeats no finished cell, and a half-trained one
goes on from its checkpoint. Cells of one seed share instances, tuned rules and labels.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.learning_plant import PlantChoice, twin_of
from flows.study import write_whole
from flows.weekly_steps import SUITE_SEED

if TYPE_CHECKING:
    from shopfloor.engine.dispatch import Outcome
    from shopfloor.evaluation.ablation import AblationRow, Ending
    from shopfloor.evaluation.scoring import Arena
    from shopfloor.training.bank import TrainingData
    from shopfloor.training.presets import Preset
    from shopfloor.training.train import Groundwork

log = logging.getLogger(__name__)

GROUNDWORK = "groundwork"
"""The cell of a seed that tunes, labels and plays the baselines."""

TEXTBOOK = ("FIFO", "SPT", "EDD")
TUNED = ("ATC", "ATCS")


@dataclass(frozen=True, slots=True)
class CellRequest:
    """What another process needs to make a cell.

    Attributes:
        variant: Ablation, or `GROUNDWORK`.
        preset: The full method's preset as JSON.
        study: Folder of the study.
        n_cases: Held-out cases; every third one is disturbed.
    """

    variant: str
    seed: int
    preset: str
    plant: PlantChoice
    study: Path
    n_cases: int

    @property
    def directory(self) -> Path:
        """Folder of this cell."""
        return self.study / f"{self.variant}-{self.seed}"

    @property
    def answer(self) -> Path:
        """File of the finished cell."""
        return self.directory / "cell.json"

    @property
    def is_done(self) -> bool:
        return self.answer.exists()


def run_cell(request: CellRequest) -> float:
    """Make a cell unless it is there; return its CPU seconds in this process, 0 where it was there."""
    if request.is_done:
        return 0.0
    begun = time.process_time()
    make = _play_baselines if request.variant == GROUNDWORK else _train_and_play
    facts = make(request)
    seconds = time.process_time() - begun
    write_whole(
        request.answer, facts | {"cpu_seconds": seconds, "variant": request.variant, "seed": request.seed}
    )
    return seconds


def read_cell(request: CellRequest) -> dict[str, Any]:
    """Return a finished cell: `rows`, `history`, `cpu_seconds` and what it remembers of its training."""
    facts: dict[str, Any] = json.loads(request.answer.read_text())
    return facts


def _play_baselines(request: CellRequest) -> dict[str, Any]:
    from shopfloor.engine.rules import Rule, RuleSpec
    from shopfloor.evaluation.contestant import TUNED as TUNED_NAME

    tuned = {spec.rule.name: spec for spec in _groundwork(request).tuned.specs}
    players = {name: RuleSpec(Rule[name]) for name in TEXTBOOK}
    players |= {TUNED_NAME + name: tuned[name] for name in TUNED}
    rows = [row for name, spec in players.items() for row in _rows(request, name, "kept", spec)]
    return {"rows": [row.as_dict() for row in rows], "history": []}


def _train_and_play(request: CellRequest) -> dict[str, Any]:
    from shopfloor.engine.actor import ActorSpec
    from shopfloor.training.ablations import ablated
    from shopfloor.training.train import train

    work = _groundwork(request)
    full = _preset(request.preset)
    preset = ablated(full, request.variant)
    result = train(
        _data(request.plant, request.preset, request.seed),
        preset,
        seed=request.seed,
        directory=request.directory / "training",
        tuned=work.tuned,
        labels=work.labels,
    )
    assert result.model.actor is not None
    rows: list[AblationRow] = []
    endings: dict[Ending, Any] = {"kept": result.model.actor, "last": result.last_weights}
    for ending, weights in endings.items():
        spec = ActorSpec(weights, result.model.rule, preset.beta)
        rows += _rows(request, request.variant, ending, spec, preset=preset)
    return {
        "rows": [row.as_dict() for row in rows],
        "history": list(result.history),
        "validation_ratio": result.validation_ratio,
        "switches": result.model.metadata["switches"],
        "decisions": result.model.metadata["ppo_timesteps"],
        "weights_hash": result.weights_hash,
    }


def _rows(
    request: CellRequest, name: str, ending: Ending, spec: Any, *, preset: Preset | None = None
) -> Iterator[AblationRow]:
    """Yield the scores of a policy on every held-out case, played as it was trained."""
    from shopfloor.policies.batch_play import PlayCase, play_cases
    from shopfloor.policies.distribution import AS_DESIGNED
    from shopfloor.training.ppo import choice_of

    arenas, disturbances = _arenas(request.plant, request.n_cases)
    outcomes = play_cases(
        [PlayCase(arena.compiled, arena.scenario) for arena in arenas],
        spec,
        choice=AS_DESIGNED if preset is None else choice_of(preset),
        disturbances=disturbances,
    )
    for arena, outcome in zip(arenas, outcomes, strict=True):
        yield _row(arena, outcome, name, request.seed, ending)


def _row(arena: Arena, outcome: Outcome, name: str, seed: int, ending: Ending) -> AblationRow:
    from shopfloor.envs.score import episode_kpis
    from shopfloor.evaluation.ablation import AblationRow
    from shopfloor.evaluation.scoring import kpis_of

    schedule = arena.schedule_of(outcome, name)
    broken = arena.violations(schedule)
    return AblationRow(
        name,
        seed,
        arena.name,
        arena.kind,
        ending,
        kpis_of(arena, schedule),
        episode_kpis(arena.compiled, outcome),
        len(broken),
    )


def _groundwork(request: CellRequest) -> Groundwork:
    """Return the seed's tuned rules and labels, from the groundwork cell's checkpoint where it is there."""
    from shopfloor.training.train import lay_groundwork

    return lay_groundwork(
        _data(request.plant, request.preset, request.seed),
        _preset(request.preset),
        seed=request.seed,
        directory=request.study / f"{GROUNDWORK}-{request.seed}" / "training",
    )


def _preset(text: str) -> Preset:
    from shopfloor.training.presets import Preset

    return Preset.model_validate_json(text)


@lru_cache(maxsize=1)
def _data(plant: PlantChoice, preset: str, seed: int) -> TrainingData:
    from shopfloor.training.bank import training_data

    return training_data(twin_of(plant), _preset(preset), seed=seed)


@lru_cache(maxsize=1)
def _arenas(plant: PlantChoice, n_cases: int) -> tuple[Sequence[Arena], Any]:
    """Return the held-out cases made ready, and what the disturbed ones were drawn from."""
    from shopfloor.evaluation.scoring import enter
    from shopfloor.twin.suite import disturbances_of, frozen_suite

    twin = twin_of(plant)
    return [enter(case) for case in frozen_suite(twin, n_cases, seed=SUITE_SEED)], disturbances_of(twin)
