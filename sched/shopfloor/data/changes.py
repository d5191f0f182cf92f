"""Changes to a plant that nobody has made yet: a rush order, a machine down, another priority.

Each is a pure function from frames to frames that writes the row the plant itself would write, so the
assembly treats it like any other. No database is touched, and the frames that come in stay as they are.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from difflib import get_close_matches
from statistics import median
from typing import Any

import pandas as pd

from shopfloor.data.assembly_orders import PROCESS_SUFFIX
from shopfloor.data.assembly_plant import sequence_of
from shopfloor.data.frames import cast, empty_frame, rows_of
from shopfloor.data.instants import to_utc_naive
from shopfloor.domain.errors import RefusedInput

Frames = Mapping[str, pd.DataFrame]
RUSH_PREFIX = "RUSH"
SHOWN = 5


@dataclass(frozen=True, slots=True)
class RushOrder:
    """An order that may come.

    Attributes:
        family: Of which the plant has made something before.
        quantity: Pieces, >= 1.
        due: Plant-local day at whose end it is due.
        priority: 1..5, 5 = most urgent.
    """

    family: str
    quantity: int
    due: date
    priority: int = 5

    def __post_init__(self) -> None:
        if self.quantity < 1:
            raise RefusedInput(f"a rush order of {self.family} needs pieces: quantity {self.quantity}")
        _check_priority(self.priority)


@dataclass(frozen=True, slots=True)
class RouteStep:
    """One step of a family's usual route; `hours` is for the whole order."""

    process_order: str
    machine_type: str
    hours: float
    is_interruptible: bool


@dataclass(frozen=True)
class AddedOrder:
    """Frames with one order more, and how it is made.

    Attributes:
        job_id: Its order id, new to the plant.
        seen: Orders that took this route.
    """

    frames: dict[str, pd.DataFrame]
    job_id: str
    route: tuple[RouteStep, ...]
    seen: int


def add_rush_order(frames: Frames, rush: RushOrder, *, as_of: datetime, plan_date: date) -> AddedOrder:
    """Return the frames with a rush order in them, released now.

    The route is the one that most orders of the family took (of equals the latest); a step's time is the
    median of its hours per piece times the quantity, or the median of its hours where no quantity is known.

    Args:
        as_of: Instant at which the order becomes known.
        plan_date: Plant-local today.

    Raises:
        RefusedInput: The plant has never made that family.
    """
    jobs = cast(frames["production_jobs"], "production_jobs")
    orders = _orders(jobs)
    routes = [(order_id, rows) for order_id, rows in orders.items() if _family(rows) == rush.family]
    if not routes:
        families = jobs["family_name"].dropna().unique()
        raise RefusedInput(f"no order of family {rush.family!r}\n{near(rush.family, families)}")
    chosen, seen = _usual_route([rows for _, rows in routes])
    route = tuple(_step(rows, rush.quantity) for rows in chosen)
    order_id = _new_id(orders)
    new = [
        {
            "job_id": f"{order_id}_{step.process_order}",
            "order_id": order_id,
            "family_name": rush.family,
            "process_order": step.process_order,
            "processing_time": step.hours,
            "priority": rush.priority,
            "lcd_date": rush.due,
            "plan_date": plan_date,
            "machine_type": step.machine_type,
            "status": "READY" if number == 0 else "PENDING",
            "created_at": to_utc_naive(as_of),
            "quantity": rush.quantity,
            "is_interruptible": step.is_interruptible,
        }
        for number, step in enumerate(route)
    ]
    added = cast(pd.DataFrame(new), "production_jobs")
    return AddedOrder(
        {**frames, "production_jobs": pd.concat([jobs, added], ignore_index=True)}, order_id, route, seen
    )


def close_machine(
    frames: Frames, machine_id: str, *, start: datetime, end: datetime
) -> dict[str, pd.DataFrame]:
    """Return the frames with planned downtime of a machine in [start, end).

    Raises:
        RefusedInput: The machine is unknown or not active, or the downtime ends before it begins.
    """
    machines = cast(frames["machines"], "machines")
    is_active = machines["status"].str.strip().str.upper() == "ACTIVE"
    active = machines.loc[is_active, "machine_id"]
    if machine_id not in set(active):
        raise RefusedInput(f"no active machine {machine_id!r}\n{near(machine_id, active)}")
    if end <= start:
        raise RefusedInput(
            f"downtime of {machine_id} ends before it begins: {start.isoformat()} to {end.isoformat()}"
        )
    downtime = cast(frames.get("machine_downtime", empty_frame("machine_downtime")), "machine_downtime")
    known = downtime["downtime_id"].dropna()
    row = {
        "downtime_id": int(known.max()) + 1 if len(known) else 1,
        "machine_id": machine_id,
        "start_time": to_utc_naive(start),
        "end_time": to_utc_naive(end),
        "kind": "planned",
        "reason": "what-if",
    }
    added = cast(pd.DataFrame([row]), "machine_downtime")
    return {**frames, "machine_downtime": pd.concat([downtime, added], ignore_index=True)}


def change_priority(frames: Frames, job_id: str, priority: int) -> dict[str, pd.DataFrame]:
    """Return the frames with another priority of one order.

    Raises:
        RefusedInput: There is no such order, or the priority is not 1..5.
    """
    _check_priority(priority)
    jobs = cast(frames["production_jobs"], "production_jobs")
    order_ids = _order_ids(jobs)
    is_it = order_ids == job_id
    if not is_it.any():
        raise RefusedInput(f"no job {job_id!r}\n{near(job_id, order_ids.unique())}")
    changed = jobs["priority"].where(~is_it, priority)
    return {**frames, "production_jobs": jobs.assign(priority=changed)}


def near(name: str, known: Iterable[Any]) -> str:
    """Return the hint line that names what may have been meant."""
    names = sorted({str(item) for item in known})
    folded = {item.casefold(): item for item in names}
    found = [folded[item] for item in get_close_matches(name.casefold(), folded, n=SHOWN, cutoff=0.6)]
    if found:
        return f"hint: did you mean {', '.join(found)}?"
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"hint: there are {', '.join(names[:SHOWN])}{more}" if names else "hint: there is none at all"


def _check_priority(priority: int) -> None:
    if not 1 <= priority <= 5:
        raise RefusedInput(f"priority is not 1..5: {priority}\nhint: 5 is the most urgent")


def _order_ids(jobs: pd.DataFrame) -> pd.Series:
    return jobs["order_id"].fillna(jobs["job_id"].str.replace(PROCESS_SUFFIX, r"\1", regex=True))


def _orders(jobs: pd.DataFrame) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of each order along its route."""
    orders: dict[str, list[dict[str, Any]]] = {}
    for row, order_id in zip(rows_of(jobs, "production_jobs"), _order_ids(jobs), strict=True):
        orders.setdefault(str(order_id), []).append(row)
    for rows in orders.values():
        rows.sort(key=lambda row: (sequence_of(row["process_order"]) or 0, str(row["job_id"])))
    return orders


def _family(rows: list[dict[str, Any]]) -> str | None:
    return next((row["family_name"] for row in rows if row["family_name"]), None)


def _usual_route(orders: list[list[dict[str, Any]]]) -> tuple[list[list[dict[str, Any]]], int]:
    """Return, per step of the most usual route, the rows of the orders that took it, and their number."""
    whole = [rows for rows in orders if all(_is_whole(row) for row in rows)] or orders
    routes = Counter(_route(rows) for rows in whole)
    latest = {route: number for number, route in enumerate(map(_route, whole))}
    best = max(routes, key=lambda route: (routes[route], latest[route]))
    taken = [rows for rows in whole if _route(rows) == best]
    return [list(step) for step in zip(*taken, strict=True)], len(taken)


def _route(rows: list[dict[str, Any]]) -> tuple[tuple[str, str], ...]:
    return tuple((str(row["process_order"]), str(row["machine_type"])) for row in rows)


def _is_whole(row: dict[str, Any]) -> bool:
    hours = row["processing_time"]
    is_timed = hours is not None and math.isfinite(hours) and hours > 0
    return bool(is_timed and row["machine_type"] and sequence_of(row["process_order"]) is not None)


def _step(rows: list[dict[str, Any]], quantity: int) -> RouteStep:
    timed = [row for row in rows if row["processing_time"]]
    per_piece = [row["processing_time"] / row["quantity"] for row in timed if row["quantity"]]
    if per_piece:
        hours = median(per_piece) * quantity
    else:
        hours = median([row["processing_time"] for row in timed]) if timed else 0.0
    return RouteStep(
        process_order=str(rows[-1]["process_order"]),
        machine_type=str(rows[-1]["machine_type"]),
        hours=hours,
        is_interruptible=rows[-1]["is_interruptible"] is not False,
    )


def _new_id(orders: Mapping[str, object]) -> str:
    number = 1
    while f"{RUSH_PREFIX}{number}" in orders:
        number += 1
    return f"{RUSH_PREFIX}{number}"
