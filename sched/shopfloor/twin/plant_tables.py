"""Rows of the eight plant tables for a simulated plant: what its ERP would hold at `as_of`.

Only copies and formats; nothing is drawn here but which optional columns the plant keeps filled.
"""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from shopfloor.data.frames import cast
from shopfloor.data.tables import PLANT_TABLES
from shopfloor.domain.schedule import ScheduledOperation
from shopfloor.twin.history import History, release_minute
from shopfloor.twin.orders import Order
from shopfloor.twin.plant_spec import PlantSpec
from shopfloor.twin.shop import Shop

Rows = list[dict[str, Any]]


def plant_frames(
    spec: PlantSpec, shop: Shop, orders: tuple[Order, ...], *, history: History, rng: np.random.Generator
) -> dict[str, pd.DataFrame]:
    """Return the plant tables; orders that were done before the history began are left out."""
    known = tuple(order for order in orders if _is_in_history(spec, order, history))
    rows = {
        "machines": _machine_rows(shop, known, history, rng),
        "production_jobs": _job_rows(spec, known, history),
        "job_schedules": _schedule_rows(spec, known, history),
        "machine_calendars": _calendar_rows(shop),
        "calendar_exceptions": _exception_rows(shop),
        "machine_downtime": _downtime_rows(spec, shop, history),
        "setup_rules": _setup_rows(shop),
        "machine_restrictions": _restriction_rows(shop),
    }
    return {
        name: cast(pd.DataFrame(rows[name], columns=[column.name for column in table.columns]), name)
        for name, table in PLANT_TABLES.items()
    }


def _is_in_history(spec: PlantSpec, order: Order, history: History) -> bool:
    begin = history.now - spec.history_days * 1440
    if order.is_cancelled:
        return order.created_at >= history.instant(begin)
    last = history.executed(order.job_id(len(order.hours) - 1))
    return last is None or last.end > begin


def _machine_rows(shop: Shop, orders: tuple[Order, ...], history: History, rng: np.random.Generator) -> Rows:
    families = sorted({order.family.name for order in orders})
    rows = []
    for machine in shop.plant.machines:
        done = [i for i in history.schedule.by_machine.get(machine.machine_id, ()) if i.start < history.now]
        drawn = families[int(rng.integers(len(families)))]
        family = history.instance.operation_by_id[done[-1].operation_id].family if done else drawn
        rows.append(
            {
                "machine_id": machine.machine_id,
                "machine_type": machine.machine_type,
                "capacity": machine.capacity,
                "setup_time_same": float(machine.setup_time_same),
                "setup_time_different": float(machine.setup_time_different),
                "status": "ACTIVE",
                "calendar_id": shop.named_calendar.get(machine.machine_id),
                "speed_factor": machine.speed_factor,
                "current_setup_family": family,
            }
        )
    return rows


def _job_rows(spec: PlantSpec, orders: tuple[Order, ...], history: History) -> Rows:
    rows = []
    for order in orders:
        is_released = release_minute(order, epoch=history.instance.epoch, zone=spec.plant_tz) <= history.now
        is_ready = is_released
        for step, hours in enumerate(order.hours):
            item = history.executed(order.job_id(step))
            is_done = item is not None and item.end <= history.now
            rows.append(
                {
                    "job_id": order.job_id(step),
                    "order_id": order.order_id,
                    "family_name": order.family.name,
                    "process_order": f"P{step + 1:02d}",
                    "processing_time": hours,
                    "priority": order.priority,
                    "lcd_date": order.lcd_date,
                    "plan_date": order.plan_date,
                    "machine_type": order.family.steps[step].machine_type,
                    "status": _status(order, item, is_done=is_done, is_ready=is_ready),
                    "created_at": order.created_at,
                    "quantity": order.quantity,
                    "lot_size": None,
                    "material_ready_at": order.material_ready_at,
                    "actual_start": None if item is None else history.instant(item.start),
                    "remaining_minutes": None,
                    "is_interruptible": not order.is_rigid[step],
                }
            )
            is_ready = is_done
    return rows


def _status(order: Order, item: ScheduledOperation | None, *, is_done: bool, is_ready: bool) -> str:
    if order.is_cancelled:
        return "CANCELLED"
    if item is not None:
        return "COMPLETED" if is_done else "IN_PROGRESS"
    return "READY" if is_ready else "PENDING"


def _schedule_rows(spec: PlantSpec, orders: tuple[Order, ...], history: History) -> Rows:
    zone = ZoneInfo(spec.plant_tz)
    items = [history.executed(order.job_id(step)) for order in orders for step in range(len(order.hours))]
    started = sorted((i for i in items if i is not None), key=lambda i: (i.start, i.operation_id))
    rows = []
    for number, item in enumerate(started, start=1):
        start = history.instant(item.start)
        is_running = item.end > history.now
        rows.append(
            {
                "schedule_id": number,
                "job_id": item.operation_id,
                "machine_id": item.machine_id,
                "scheduled_date": start.replace(tzinfo=UTC).astimezone(zone).date(),
                "start_time": start,
                "end_time": None if is_running else history.instant(item.end),
                "setup_minutes": float(item.setup_minutes),
                "processing_time": None if is_running else round(item.run_minutes / 60, 4),
                "overtime_minutes": float(history.overtime_minutes(item)),
            }
        )
    return rows


def _calendar_rows(shop: Shop) -> Rows:
    return [
        {
            "calendar_id": name,
            "weekday": weekday,
            "start_time": _clock(window.start_minute),
            "end_time": _clock(window.end_minute),
            "kind": window.kind.name.lower(),
        }
        for name, calendar in sorted(shop.calendars.items())
        for weekday, windows in sorted(calendar.weekly.items())
        for window in windows
    ]


def _exception_rows(shop: Shop) -> Rows:
    keys = [
        (name, day)
        for name, calendar in sorted(shop.calendars.items())
        for day in sorted(calendar.exceptions)
    ]
    return [
        {
            "exception_id": number,
            "calendar_id": name,
            "exception_date": day,
            "start_time": None,
            "end_time": None,
            "kind": None,
            "reason": "public holiday",
        }
        for number, (name, day) in enumerate(keys, start=1)
    ]


def _downtime_rows(spec: PlantSpec, shop: Shop, history: History) -> Rows:
    begin = history.instant(history.now) - timedelta(days=spec.history_days)
    outages = [o for o in (*shop.maintenance, *history.breakdowns) if o.start >= begin]
    return [
        {
            "downtime_id": number,
            "machine_id": outage.machine_id,
            "start_time": outage.start,
            "end_time": outage.end,
            "kind": outage.kind,
            "reason": outage.reason,
        }
        for number, outage in enumerate(sorted(outages, key=lambda o: (o.start, o.machine_id)), start=1)
    ]


def _setup_rows(shop: Shop) -> Rows:
    return [
        {
            "rule_id": number,
            "machine_type": rule.machine_type,
            "from_family": rule.from_family,
            "to_family": rule.to_family,
            "minutes": float(rule.minutes),
        }
        for number, rule in enumerate(shop.plant.setup_rules, start=1)
    ]


def _restriction_rows(shop: Shop) -> Rows:
    return [
        {
            "restriction_id": number,
            "machine_id": rule.machine_id,
            "family_name": rule.family,
            "process_order": None,
            "reason": "tooling",
        }
        for number, rule in enumerate(shop.plant.restrictions, start=1)
    ]


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
