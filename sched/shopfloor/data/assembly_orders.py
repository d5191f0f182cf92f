"""Open orders: which rows are open at `as_of`, and their jobs with weight, release and due date.

A historical `as_of` sees what was open then: rows that have been worked off since are open again. A missing
due date or plan date is noted, never guessed from another order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from shopfloor.data.assembly_clock import Clock
from shopfloor.data.assembly_history import History
from shopfloor.data.assembly_notes import Notebook
from shopfloor.data.assembly_plant import sequence_of
from shopfloor.data.frames import rows_of
from shopfloor.domain.instance import Job, Operation, Unassigned, UnassignedCode

PROCESS_SUFFIX = r"^(.+?)[_\-. ]?[Pp]\d+$"
MIDDLE_PRIORITY = 3
OPEN_STATUSES = ("PENDING", "READY", "IN_PROGRESS")

Row = Mapping[str, Any]


@dataclass(frozen=True)
class OrderOptions:
    """How rows are read.

    Attributes:
        minutes_per_unit: Minutes of one unit of `processing_time`.
        include_unknown: Also take rows created after `as_of`; their jobs carry `known_at`.
        quarantined: Row or lot ids that validation set aside.
        horizon: Due minute of a job without a due date.
    """

    minutes_per_unit: float
    include_unknown: bool
    quarantined: frozenset[str]
    horizon: int


@dataclass
class Orders:
    """Open jobs and operations; a predecessor comes before its successor.

    Attributes:
        remaining: What the plant itself says is left of an operation, minutes at speed 1.0.
        aside: Operations with a reason why they cannot be planned.
    """

    jobs: list[Job] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)
    remaining: dict[str, int] = field(default_factory=dict)
    aside: dict[str, Unassigned] = field(default_factory=dict)

    def set_aside(self, operation_id: str, code: UnassignedCode, detail: str) -> None:
        """Keep the first reason."""
        self.aside.setdefault(operation_id, Unassigned(operation_id, code, detail[:255]))


@dataclass(frozen=True)
class Order:
    """One order with an open row.

    Attributes:
        rows: All its rows known at `as_of`, by route; each has `sequence` (None: unreadable) and `is_open`.
    """

    job_id: str
    rows: tuple[Row, ...]


def open_orders(
    frame: pd.DataFrame, history: History, clock: Clock, *, include_unknown: bool, notebook: Notebook
) -> Iterator[Order]:
    """Yield the orders with an open row, by id.

    Args:
        frame: Cast frame of `production_jobs`.
    """
    frame = _without_doubles(frame, notebook)
    ids, status = frame["job_id"], frame["status"].fillna("PENDING").str.strip().str.upper()
    known = (
        frame["created_at"].isna() | (frame["created_at"] <= pd.Timestamp(clock.as_of_row)) | include_unknown
    )
    rows_with_lots = {row_id.partition("#")[0] for row_id in history.running}
    is_running = ids.isin(rows_with_lots)
    is_finished = (status == "COMPLETED") & ~ids.isin(history.later)
    has_rest = status.isin(OPEN_STATUSES) & (frame["remaining_minutes"] > 0)
    is_finished |= ids.isin(history.done) & ~has_rest
    is_open = known & (is_running | ((status != "CANCELLED") & ~is_finished))
    order_ids = frame["order_id"].fillna(ids.str.replace(PROCESS_SUFFIX, r"\1", regex=True))
    wanted = order_ids.isin(set(order_ids[is_open])) & known
    grouped: dict[str, list[dict[str, Any]]] = {}
    rows = rows_of(frame[wanted], "production_jobs")
    for row, order_id, open_now in zip(rows, order_ids[wanted], is_open[wanted], strict=True):
        row["is_open"], row["sequence"] = bool(open_now), sequence_of(row["process_order"])
        grouped.setdefault(str(order_id), []).append(row)
    for order_id in sorted(grouped):
        route = sorted(grouped[order_id], key=lambda row: (row["sequence"] or 0, row["job_id"]))
        yield Order(order_id, tuple(route))


def _without_doubles(frame: pd.DataFrame, notebook: Notebook) -> pd.DataFrame:
    frame = frame.dropna(subset=["job_id"])
    doubles = frame["job_id"].duplicated()
    for row_id in frame.loc[doubles, "job_id"]:
        notebook.add("DUPLICATE_ROW", row_id, "only its first row is used")
    return frame[~doubles]


def job_of(order: Order, history: History, clock: Clock, *, options: OrderOptions, notebook: Notebook) -> Job:
    """Return the job of an order."""
    rows = order.rows
    due_dates = [row["lcd_date"] for row in rows if row["lcd_date"] is not None]
    created = min((row["created_at"] for row in rows if row["created_at"] is not None), default=None)
    return Job(
        job_id=order.job_id,
        family=next((row["family_name"] for row in rows if row["family_name"]), ""),
        weight=float(_priority(order, notebook)),
        release=_release(order, history, clock, notebook),
        due=clock.end_of_day(max(due_dates)) if due_dates else options.horizon,
        known_at=clock.ceil(created) if created is not None and created > clock.as_of_row else None,
    )


def _priority(order: Order, notebook: Notebook) -> int:
    given = [row["priority"] for row in order.rows if row["is_open"] and row["priority"] is not None]
    priority = int(max(given, default=MIDDLE_PRIORITY))
    if not given:
        notebook.add("NO_PRIORITY", order.job_id, f"taken as {MIDDLE_PRIORITY}")
    elif not 1 <= priority <= 5:
        notebook.add("BAD_PRIORITY", order.job_id, f"{priority} is outside 1..5: the nearest is taken")
    return min(5, max(1, priority))


def _release(order: Order, history: History, clock: Clock, notebook: Notebook) -> int:
    """Return plan date or material of the first operation, the later; never after a start that happened."""
    first = order.rows[0]
    if first["plan_date"] is None:
        notebook.add("NO_PLAN_DATE", order.job_id, "may start now")
    release = clock.now if first["plan_date"] is None else clock.start_of_day(first["plan_date"])
    if first["material_ready_at"] is not None:
        release = max(release, clock.ceil(first["material_ready_at"]))
    row_ids = {row["job_id"] for row in order.rows}
    if any(row_id in history.done for row_id in row_ids) or not all(row["is_open"] for row in order.rows):
        release = min(release, clock.now)
    starts = history.running_starts(row_ids)
    return min([release, *map(clock.floor, starts)])
