"""The plan of a running episode as a Gantt chart: text for terminals, pixels for recordings."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from shopfloor.engine import layout as at
from shopfloor.engine.arrays import Compiled
from shopfloor.engine.dispatch import Outcome

COLUMNS: Final = 72
SIGNS: Final = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
ROW_PIXELS: Final = 8
GROUND: Final = (245, 245, 245)
NOW: Final = (200, 30, 30)


def _cells(compiled: Compiled, outcome: Outcome, now: int) -> tuple[NDArray[np.int64], int, int]:
    """Return the job in each cell, int64 (slots, COLUMNS), -1 = none; minutes per cell; the cell of now."""
    begin = int(compiled.problem.constant[at.CONST_NOW])
    placed = np.flatnonzero(outcome.is_scheduled & (outcome.slot >= 0))
    last = max([now, *outcome.end[placed].tolist()])
    minutes = max(1, -(-(last - begin) // COLUMNS))
    cells = np.full((len(compiled.slots), COLUMNS), -1, dtype=np.int64)
    for op in placed:
        first = (int(outcome.start[op]) - begin) // minutes
        behind = -(-(int(outcome.end[op]) - begin) // minutes)
        cells[outcome.slot[op], max(0, first) : behind] = compiled.problem.op[op, at.OP_JOB]
    return cells, minutes, min(COLUMNS - 1, (now - begin) // minutes)


def gantt_text(compiled: Compiled, outcome: Outcome, *, now: int) -> str:
    """Return one line per machine slot; a sign names a job, `.` is idle or closed, `|` is now.

    Args:
        outcome: Where every operation is so far.
        now: Minute of the clock.
    """
    cells, minutes, here = _cells(compiled, outcome, now)
    width = max(len(slot.machine_id) for slot in compiled.slots)
    lines = [f"{'':{width}} {' ' * here}|  minute {now}, {minutes} minutes per sign"]
    for slot, row in zip(compiled.slots, cells, strict=True):
        signs = "".join("." if job < 0 else SIGNS[job % len(SIGNS)] for job in row)
        lines.append(f"{slot.machine_id:{width}} {signs}")
    return "\n".join(lines)


def gantt_image(compiled: Compiled, outcome: Outcome, *, now: int) -> NDArray[np.uint8]:
    """Return the chart as pixels, uint8 (height, width, 3)."""
    cells, _, here = _cells(compiled, outcome, now)
    job = np.maximum(cells, 0)
    hue = np.stack([(job * step) % 160 + 50 for step in (67, 113, 29)], axis=-1)
    image = np.where(cells[..., None] < 0, np.array(GROUND), hue).astype(np.uint8)
    image[:, here] = np.where(cells[:, here, None] < 0, np.array(NOW, np.uint8), image[:, here])
    return np.repeat(np.repeat(image, ROW_PIXELS, axis=0), ROW_PIXELS, axis=1)
