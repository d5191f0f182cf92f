"""The ablation study: every variant and seed as a cell of its own, side by side, and the table they make.

Wiring only: the variants are `training.ablations`, the judging is `evaluation.ablation`.
"""

from __future__ import annotations

import csv
import io
import json
import logging
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.ablation_cells import GROUNDWORK, TEXTBOOK, TUNED, CellRequest, read_cell, run_cell
from flows.durations import duration_text
from flows.learning_plant import choose_plant
from flows.side_by_side import side_by_side
from flows.study import own_folder, record_study, study_key
from shopfloor.domain.errors import ShopfloorError
from shopfloor.settings import read_settings

if TYPE_CHECKING:
    from shopfloor.evaluation.ablation import AblationTable
    from shopfloor.training.presets import Preset

log = logging.getLogger(__name__)
Say = Callable[[str], None]


class CellsFailed(ShopfloorError, RuntimeError):
    """No cell of the full method could be made."""


@dataclass(frozen=True, slots=True)
class AblateOptions:
    """What is asked.

    Attributes:
        preset: Of the full method, its budget included.
        plant: `own`, `default`, `tiny`; None = own where there is one.
        n_seeds: Trainings of each variant.
        variants: Their names; the full method is always among them.
        n_cases: Held-out cases; every third one is disturbed.
        n_workers: Processes.
        is_fresh: Make every cell again, checkpoints included: after a change of the code.
    """

    preset: Preset
    plant: str | None
    n_seeds: int
    variants: tuple[str, ...]
    n_cases: int
    n_workers: int
    is_fresh: bool = False


@dataclass(frozen=True)
class AblationReport:
    """The answer of `ablate`.

    Attributes:
        failures: What went wrong, by cell; the table is without them.
        cpu_seconds: Of all cells, those of earlier runs included.
        seconds: Wall seconds of this run.
    """

    table: AblationTable
    page: Path
    folder: Path
    failures: dict[str, str]
    cpu_seconds: float
    seconds: float

    def text(self) -> str:
        """Return table, failures and files."""
        lost = [f"failed: {cell}: {why}" for cell, why in self.failures.items()]
        cost = f"{duration_text(self.cpu_seconds)} of CPU in all cells, {duration_text(self.seconds)} now"
        return "\n".join([self.table.text(), *lost, cost, f"page   {self.page}", f"tables {self.folder}"])

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "table": self.table.as_dict(),
            "page": str(self.page),
            "folder": str(self.folder),
            "failures": self.failures,
            "cpu_seconds": self.cpu_seconds,
            "seconds": self.seconds,
        }


def run_ablation(options: AblateOptions, *, say: Say) -> AblationReport:
    """Make the missing cells, then the table, its CSV and JSON, and the page.

    Raises:
        UnknownVariant: A variant has no such name.
        CellsFailed: The full method has no cell to compare with.
    """
    from shopfloor.evaluation.ablation_page import render_ablation
    from shopfloor.training.ablations import ablated

    began = time.perf_counter()
    for name in options.variants:
        ablated(options.preset, name)
    requests = _requests(options)
    with own_folder(requests[0].study):
        if options.is_fresh:
            for request in requests:
                shutil.rmtree(request.directory, ignore_errors=True)
        failures = _make_cells(requests, options.n_workers, say)
    done = [request for request in requests if request.is_done]
    cells = [read_cell(request) for request in done]
    table = _table(options, cells, failures)
    folder = requests[0].study
    (folder / "ablation.csv").write_text(table.csv())
    (folder / "history.csv").write_text(_history_text(cells))
    (folder / "ablation.json").write_text(json.dumps(table.as_dict(), indent=1))
    page = render_ablation(
        table, cells, read_settings().home_dir / "public" / "reports" / f"ablation-{folder.name}.html"
    )
    record_study(
        "shopfloor-ablation",
        folder.name,
        options.preset,
        metrics=_metrics(table),
        curves=_curves(cells),
        artifacts=(folder / "ablation.csv", folder / "history.csv", page),
    )
    cpu = sum(float(cell["cpu_seconds"]) for cell in cells)
    return AblationReport(table, page, folder, failures, cpu, time.perf_counter() - began)


def _requests(options: AblateOptions) -> list[CellRequest]:
    """Return all cells: of each seed the groundwork, then the variants."""
    from shopfloor.training.ablations import FULL
    from shopfloor.training.presets import preset_text

    plant = choose_plant(options.plant)
    key = study_key(options.preset, plant.identity, options.n_cases)
    study = read_settings().home_dir / "ablations" / f"{options.preset.name}-{plant.name}-{key}"
    base = CellRequest(GROUNDWORK, 0, preset_text(options.preset), plant, study, options.n_cases)
    names = dict.fromkeys((GROUNDWORK, FULL, *options.variants))
    return [replace(base, variant=name, seed=seed) for seed in range(options.n_seeds) for name in names]


def _make_cells(requests: Sequence[CellRequest], n_workers: int, say: Say) -> dict[str, str]:
    """Make what is missing, groundwork first; return what failed and why."""
    missing = [request for request in requests if not request.is_done]
    say(f"{len(requests) - len(missing)} of {len(requests)} cells are there")
    failures: dict[str, str] = {}
    begun = time.perf_counter()
    first = [request for request in missing if request.variant == GROUNDWORK]
    rest = [request for request in missing if request.variant != GROUNDWORK]
    n_done = 0
    for batch in (first, rest):
        for request, error in side_by_side(run_cell, batch, n_workers):
            n_done += 1
            name = request.directory.name
            if error is not None:
                failures[name] = f"{type(error).__name__}: {str(error).splitlines()[0]}"
                log.warning("cell_failed cell=%s", name, exc_info=error)
            left = (time.perf_counter() - begun) / n_done * (len(missing) - n_done)
            say(f"[{n_done}/{len(missing)}] {name}{_outcome(request)}, about {duration_text(left)} left")
    return failures


def _outcome(request: CellRequest) -> str:
    if not request.is_done:
        return " failed"
    ratio = read_cell(request).get("validation_ratio")
    return "" if ratio is None else f" validation {float(ratio):.3f} of the tuned rule"


def _metrics(table: AblationTable) -> dict[str, float]:
    """Return each contestant's ratios as metrics."""
    return {
        f"{line.contestant} {kind}": found.ratio
        for line in table.lines
        for kind, found in (("calm", line.calm), ("disturbed", line.disturbed))
        if found is not None
    }


def _curves(cells: Sequence[dict[str, Any]]) -> dict[str, list[tuple[int, float]]]:
    """Return each training's validation over the decisions played."""
    return {
        f"validation {cell['variant']} seed {cell['seed']}": [
            (int(row["timesteps"]), float(row["ratio"])) for row in cell["history"] if "timesteps" in row
        ]
        for cell in cells
    }


def _history_text(cells: Sequence[dict[str, Any]]) -> str:
    """Return every evaluation of every training as CSV: the log as a table."""
    rows = [
        {"variant": cell["variant"], "seed": cell["seed"], **row}
        for cell in cells
        for row in cell["history"]
        if "stage" in row
    ]
    names = list(dict.fromkeys(name for row in rows for name in row)) or ["variant", "seed"]
    out = io.StringIO()
    writer = csv.DictWriter(out, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _table(
    options: AblateOptions, cells: Sequence[dict[str, Any]], failures: dict[str, str]
) -> AblationTable:
    from shopfloor.envs.score import ScoreWeights
    from shopfloor.evaluation.ablation import AblationRow, ablation_table
    from shopfloor.evaluation.contestant import TUNED as TUNED_NAME
    from shopfloor.training.ablations import FULL, VARIANTS

    if not any(cell["variant"] == FULL for cell in cells):
        raise CellsFailed(
            f"no training of the full method ended: {'; '.join(failures.values()) or 'no cell at all'}\n"
            "hint: the log has the traces; shopfloor ablate goes on where it stopped"
        )
    rows = [AblationRow.from_dict(row) for cell in cells for row in cell["rows"]]
    meanings = {name: VARIANTS[name].meaning for name in VARIANTS}
    meanings |= {TUNED_NAME + name: "tuned to this plant" for name in reversed(TUNED)}
    meanings |= dict.fromkeys(reversed(TEXTBOOK), "textbook rule")
    weights = ScoreWeights(**options.preset.score.model_dump())
    title = f"ablation of preset {options.preset.name}"
    return ablation_table(rows, meanings, full=FULL, title=title, weights=weights)
