"""One cell of the learning benchmark: one training from one seed, played on held-out cases at home and abroad.

A cell is a file of its own, written whole; a half-trained one goes on from its checkpoint. The trained model stays
beside it as a bundle.
"""

from __future__ import annotations

import json
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
    from shopfloor.evaluation.contestant import Contestant
    from shopfloor.evaluation.learning import LearningRow
    from shopfloor.evaluation.scoring import Arena
    from shopfloor.training.train import TrainResult
    from shopfloor.training.tune_rules import TunedRules
    from shopfloor.twin.model import TwinModel

ABROAD_SEEDS = (101, 102)
"""Of the synthetic plants that nobody trains on."""

OPPONENTS = ("ATCS", "ATC")
"""Tuned rules that play: no other came near them."""

N_SAMPLES = 256
DEADLINE_S = 60.0
"""Far beyond what the samples take: their number is what is compared, their seconds are reported."""


@dataclass(frozen=True, slots=True)
class LearningRequest:
    """What another process needs to make a cell.

    Attributes:
        preset: As JSON.
        study: Folder of the benchmark.
        n_cases: Held-out disturbed cases at home; half as many calm ones, and as many altogether at each plant
            abroad.
    """

    seed: int
    preset: str
    plant: PlantChoice
    study: Path
    n_cases: int

    @property
    def directory(self) -> Path:
        """Folder of this cell."""
        return self.study / f"seed-{self.seed}"

    @property
    def answer(self) -> Path:
        """File of the finished cell."""
        return self.directory / "cell.json"

    @property
    def bundle(self) -> Path:
        """Folder of the trained model."""
        return self.directory / "model"

    @property
    def is_done(self) -> bool:
        return self.answer.exists()


def run_learning_cell(request: LearningRequest) -> float:
    """Train and play unless it is done; return the CPU seconds of the training, 0 where it was there."""
    from shopfloor.policies.bundle import save_bundle
    from shopfloor.training.presets import Preset
    from shopfloor.training.train import train

    if request.is_done:
        return 0.0
    preset = Preset.model_validate_json(request.preset)
    request.directory.mkdir(parents=True, exist_ok=True)
    result = train(
        twin_of(request.plant),
        preset,
        seed=request.seed,
        directory=request.directory / "training",
        progress=lambda step, share, message: _note(request, f"{step} {share:.0%} {message}"),
    )
    save_bundle(result.model, request.bundle)
    rows = [row.as_dict() for row in _rows(request, result)]
    facts = {
        "seed": request.seed,
        "rows": rows,
        "history": list(result.history),
        "costs": _costs(result),
        "steps": result.seconds,
        "switches": result.model.metadata["switches"],
        "weights_hash": result.weights_hash,
    }
    write_whole(request.answer, facts)
    return result.spent.cpu_seconds


def read_learning_cell(request: LearningRequest) -> dict[str, Any]:
    """Return a finished cell."""
    facts: dict[str, Any] = json.loads(request.answer.read_text())
    return facts


def where_it_stands(request: LearningRequest) -> str:
    """Return the last line that the cell's training said; "" before the first."""
    path = request.directory / "progress.txt"
    return path.read_text() if path.exists() else ""


def _note(request: LearningRequest, line: str) -> None:
    (request.directory / "progress.txt").write_text(line)


def _costs(result: TrainResult) -> dict[str, float]:
    facts = result.model.metadata
    return {
        **result.spent._asdict(),
        "n_labels": float(str(facts["n_labels"])),
        "ppo_timesteps": float(str(facts["ppo_timesteps"])),
        "validation_ratio": result.validation_ratio,
    }


def _rows(request: LearningRequest, result: TrainResult) -> Iterator[LearningRow]:
    from shopfloor.evaluation.learning import HOME

    half = max(2, request.n_cases // 2)
    yield from _played(request, result, HOME, (request.n_cases, half))
    for number in ABROAD_SEEDS:
        yield from _played(request, result, abroad_name(number), (max(2, half // 2), max(2, half // 2)))


def abroad_name(number: int) -> str:
    """Return the name of a plant that nobody trains on."""
    return f"unseen plant {number}"


def _played(
    request: LearningRequest, result: TrainResult, plant: str, n_cases: tuple[int, int]
) -> Iterator[LearningRow]:
    """Yield what every player makes of every case of a plant.

    Args:
        n_cases: Disturbed and calm ones.
    """
    from shopfloor.evaluation.contestant import TUNED, Contestant, Sampling
    from shopfloor.evaluation.learning import HOME, NOISY_RULE, POLICY, SAMPLES

    spec = result.model.spec()
    tuned = result.tuned if plant == HOME else _tuned_abroad(request.plant.name, plant)
    rules = [spec for spec in tuned.specs if spec.rule.name in OPPONENTS]
    players = [Contestant(POLICY, spec), *(Contestant(TUNED + rule.rule.name, rule) for rule in rules)]
    if plant == HOME:
        players += [
            Contestant(SAMPLES, spec, Sampling(N_SAMPLES, result.model.temperature, DEADLINE_S)),
            Contestant(NOISY_RULE, rules[0], Sampling(N_SAMPLES, 0.2, DEADLINE_S)),
        ]
    for arena in _arenas(request.plant, plant, *n_cases):
        for player in players:
            if not (player.is_static_only and arena.scenario is not None):
                yield _row(request.seed, plant, arena, player)


def _row(seed: int, plant: str, arena: Arena, player: Contestant) -> LearningRow:
    from shopfloor.evaluation.learning import AVOIDABLE, TOTAL, LearningRow
    from shopfloor.evaluation.scoring import kpis_of

    begun = time.perf_counter()
    outcome = player.play(arena.compiled, scenario=arena.scenario, seed=seed)
    seconds = time.perf_counter() - begun
    schedule = arena.schedule_of(outcome, player.name)
    kpis = kpis_of(arena, schedule)
    broken = len(arena.violations(schedule))
    return LearningRow(
        seed, plant, arena.kind, arena.name, player.name, kpis[AVOIDABLE], kpis[TOTAL], seconds, broken
    )


@lru_cache(maxsize=4)
def _arenas(home: PlantChoice, plant: str, n_dynamic: int, n_static: int) -> Sequence[Arena]:
    """Return the held-out cases of a plant: so many disturbed and calm ones."""
    from shopfloor.evaluation.learning import HOME
    from shopfloor.evaluation.scoring import enter
    from shopfloor.twin.suite import frozen_suite

    twin = twin_of(home) if plant == HOME else _abroad(home.name, plant)
    cases = frozen_suite(twin, 3 * n_dynamic, seed=SUITE_SEED)
    calm = [case for case in cases if case.disturbances is None][:n_static]
    rough = [case for case in cases if case.disturbances is not None]
    return [enter(case) for case in (*calm, *rough)]


@lru_cache(maxsize=2)
def _abroad(home: str, plant: str) -> TwinModel:
    """Return the twin of another synthetic plant: other machines, families, times and customers."""
    from shopfloor.twin.fit import fit_twin
    from shopfloor.twin.generate import generate_plant
    from shopfloor.twin.plant_spec import DEFAULT_AS_OF, DEFAULT_SPEC, TINY_SPEC

    seed = next(number for number in ABROAD_SEEDS if abroad_name(number) == plant)
    spec = TINY_SPEC if home == "tiny" else DEFAULT_SPEC
    frames = generate_plant(spec, seed=seed, as_of=DEFAULT_AS_OF)
    return fit_twin(frames, as_of=DEFAULT_AS_OF, plant_tz=spec.plant_tz)


@lru_cache(maxsize=2)
def _tuned_abroad(home: str, plant: str) -> TunedRules:
    """Return the rules of a foreign plant, tuned on that plant: the policy is not."""
    from shopfloor.training.bank import compiled_bank, training_data
    from shopfloor.training.presets import preset_named
    from shopfloor.training.tune_rules import tune_rules

    preset = preset_named("small").model_copy(update={"n_training": 60, "n_validation": 1})
    data = training_data(_abroad(home, plant), preset, seed=0)
    return tune_rules(compiled_bank(data.training, ()).calm, budget=preset.tune, seed=0)
