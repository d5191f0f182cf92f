"""How far learning carries, from several training seeds: trainings side by side, one table, curves over wall time.

Wiring only: the cells are `learning_cells`, the judging is `evaluation.learning`.
"""

from __future__ import annotations

import json
import logging
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.durations import duration_text
from flows.learning_cells import (
    ABROAD_SEEDS,
    LearningRequest,
    abroad_name,
    read_learning_cell,
    run_learning_cell,
    where_it_stands,
)
from flows.learning_plant import choose_plant
from flows.side_by_side import side_by_side
from flows.study import own_folder, record_study, study_key
from shopfloor.domain.errors import ShopfloorError
from shopfloor.settings import read_settings

if TYPE_CHECKING:
    from shopfloor.evaluation.learning import LearningTable
    from shopfloor.training.presets import Preset

log = logging.getLogger(__name__)
Say = Callable[[str], None]


class NoTraining(ShopfloorError, RuntimeError):
    """No training ended."""


@dataclass(frozen=True, slots=True)
class LearningOptions:
    """What is asked.

    Attributes:
        preset: Of every training.
        plant: `own`, `default`, `tiny`; None = own where there is one.
        n_seeds: Trainings.
        n_cases: Held-out disturbed cases at home.
        n_workers: Processes.
        is_fresh: Train again: after a change of the code.
    """

    preset: Preset
    plant: str | None
    n_seeds: int
    n_cases: int
    n_workers: int
    is_fresh: bool = False


@dataclass(frozen=True)
class LearningReport:
    """The answer of `bench learning`.

    Attributes:
        best: Bundle of the model with the best validation.
        failures: What went wrong, by seed.
    """

    table: LearningTable
    page: Path
    folder: Path
    best: Path
    failures: dict[str, str]
    seconds: float

    def text(self) -> str:
        """Return table, failures and files."""
        lost = [f"failed: {cell}: {why}" for cell, why in self.failures.items()]
        return "\n".join(
            [
                self.table.text(),
                *lost,
                f"{duration_text(self.seconds)} now",
                f"page   {self.page}",
                f"model  {self.best}",
                f"tables {self.folder}",
            ]
        )

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "table": self.table.as_dict(),
            "page": str(self.page),
            "folder": str(self.folder),
            "best": str(self.best),
            "failures": self.failures,
            "seconds": self.seconds,
        }


def run_bench_learning(options: LearningOptions, *, say: Say) -> LearningReport:
    """Train what is missing, play it, and write table and page.

    Raises:
        NoTraining: Not one training ended.
    """
    from shopfloor.evaluation.learning import HEADLINES, LearningRow, abroad, learning_table
    from shopfloor.evaluation.learning_page import render_learning

    began = time.perf_counter()
    requests = _requests(options)
    with own_folder(requests[0].study):
        if options.is_fresh:
            for request in requests:
                shutil.rmtree(request.directory, ignore_errors=True)
        failures = _make(requests, options.n_workers, say)
    done = [request for request in requests if request.is_done]
    if not done:
        raise NoTraining(
            f"no training ended: {'; '.join(failures.values())}\n"
            "hint: the log has the traces; shopfloor bench learning goes on where it stopped"
        )
    cells = [read_learning_cell(request) for request in done]
    rows = [LearningRow(**row) for cell in cells for row in cell["rows"]]
    headlines = [*HEADLINES, *(line for number in ABROAD_SEEDS for line in abroad(abroad_name(number)))]
    costs = {int(cell["seed"]): cell["costs"] for cell in cells}
    table = learning_table(rows, headlines, costs, title=f"learning with preset {options.preset.name}")
    folder = requests[0].study
    (folder / "learning.json").write_text(json.dumps(table.as_dict(), indent=1))
    page = read_settings().home_dir / "public" / "reports" / f"learning-{folder.name}.html"
    render_learning(table, cells, page)
    record_study(
        "shopfloor-learning",
        folder.name,
        options.preset,
        metrics={item.headline.name.replace(",", ""): item.avoidable[0] for item in table.answers},
        curves=_curves(cells),
        artifacts=(folder / "learning.json", page),
    )
    best = min(done, key=lambda request: costs[request.seed]["validation_ratio"]).bundle
    return LearningReport(table, page, folder, best, failures, time.perf_counter() - began)


def _curves(cells: Sequence[dict[str, Any]]) -> dict[str, list[tuple[int, float]]]:
    """Return each training's validation over its wall seconds."""
    return {
        f"validation seed {cell['seed']} over seconds": [
            (int(row["seconds"]), float(row["ratio"]))
            for row in cell["history"]
            if "ratio" in row and "seconds" in row
        ]
        for cell in cells
    }


def _requests(options: LearningOptions) -> list[LearningRequest]:
    from shopfloor.training.presets import preset_text

    plant = choose_plant(options.plant)
    key = study_key(options.preset, plant.identity, options.n_cases)
    study = read_settings().home_dir / "learning" / f"{options.preset.name}-{plant.name}-{key}"
    preset = preset_text(options.preset)
    return [LearningRequest(seed, preset, plant, study, options.n_cases) for seed in range(options.n_seeds)]


def _make(requests: Sequence[LearningRequest], n_workers: int, say: Say) -> dict[str, str]:
    """Make what is missing; return what failed and why."""
    missing = [request for request in requests if not request.is_done]
    say(f"{len(requests) - len(missing)} of {len(requests)} trainings are there")

    def tick() -> None:
        told = [f"seed {r.seed}: {line}" for r in missing if not r.is_done and (line := where_it_stands(r))]
        if told:
            say("; ".join(told))

    failures: dict[str, str] = {}
    begun = time.perf_counter()
    cells = side_by_side(run_learning_cell, missing, n_workers, tick=tick)
    for n_done, (request, error) in enumerate(cells, start=1):
        name = f"seed {request.seed}"
        if error is not None:
            failures[name] = f"{type(error).__name__}: {str(error).splitlines()[0]}"
            log.warning("learning_cell_failed cell=%s", name, exc_info=error)
            say(f"[{n_done}/{len(missing)}] {name} failed")
            continue
        ratio = read_learning_cell(request)["costs"]["validation_ratio"]
        left = (time.perf_counter() - begun) / n_done * (len(missing) - n_done)
        say(
            f"[{n_done}/{len(missing)}] {name} validation {ratio:.3f} of the tuned rule, about "
            f"{duration_text(left)} left"
        )
    return failures
