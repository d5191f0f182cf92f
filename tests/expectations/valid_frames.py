"""A plant whose tables break no rule, as a database driver returns them: plain values in object columns.

Sixty machines of three types, twenty finished orders and 320 open ones of three operations each. Nothing is
random, so that a corruption can take an order of its own by number.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pandas as pd


def utc(*parts: int) -> datetime:
    """Return a naive UTC instant, as rows hold it."""
    return datetime(*parts)  # noqa: DTZ001


AS_OF = utc(2026, 6, 1, 4, 0)
TYPES = ("SAW", "MILL", "TEST")
N_PER_TYPE = 20
N_DONE = 20
N_ORDERS = 340
FAMILIES = ("F1", "F2", "F3", "F4")
RUNNING = range(21, 26)
"""Open orders whose first operation runs, on SAW-11 to SAW-15."""

Frames = dict[str, pd.DataFrame]


def job_id(order: int, step: int) -> str:
    return f"O{order:03d}_P{step:02d}"


def valid_frames() -> Frames:
    """Return the eight tables."""
    rows = {
        "machines": [_machine(kind, number) for kind in TYPES for number in range(1, N_PER_TYPE + 1)],
        "production_jobs": [_job(order, step) for order in range(1, N_ORDERS + 1) for step in (1, 2, 3)],
        "job_schedules": _actuals(),
        "machine_calendars": _calendars(),
        "calendar_exceptions": [_holiday(number) for number in range(1, 21)],
        "machine_downtime": [_downtime(number) for number in range(1, 21)],
        "setup_rules": [_setup(number) for number in range(1, 21)],
        "machine_restrictions": [_restriction(number) for number in range(1, 21)],
    }
    return {table: pd.DataFrame(content, dtype=object) for table, content in rows.items()}


def _machine(kind: str, number: int) -> dict[str, Any]:
    return {
        "machine_id": f"{kind}-{number:02d}",
        "machine_type": kind,
        "capacity": 1,
        "setup_time_same": 15.0,
        "setup_time_different": 60.0,
        "status": "ACTIVE",
        "calendar_id": None,
        "speed_factor": None,
        "current_setup_family": "F1",
    }


def _job(order: int, step: int) -> dict[str, Any]:
    priority = 1 + order % 5
    plan = date(2026, 5, 1) + timedelta(days=order % 30)
    status = "COMPLETED" if order <= N_DONE else "READY" if step == 1 else "PENDING"
    return {
        "job_id": job_id(order, step),
        "order_id": f"O{order:03d}",
        "family_name": FAMILIES[order % 4],
        "process_order": f"P{step:02d}",
        "processing_time": 1.5 + 0.25 * (order % 7),
        "priority": priority,
        "lcd_date": plan + timedelta(days=40 - 4 * priority),
        "plan_date": plan,
        "machine_type": TYPES[step - 1],
        "status": "IN_PROGRESS" if order in RUNNING and step == 1 else status,
        "created_at": utc(2026, 4, 20, 8, 0) + timedelta(days=order % 30),
        "quantity": 10,
        "lot_size": None,
        "material_ready_at": None,
        "actual_start": None,
        "remaining_minutes": None,
        "is_interruptible": True,
    }


def _actuals() -> list[dict[str, Any]]:
    done = [(order, step) for order in range(1, N_DONE + 1) for step in (1, 2, 3)]
    rows = []
    for number, (order, step) in enumerate(done, start=1):
        start = utc(2026, 5, 1, 6, 0) + timedelta(days=order, hours=3 * step)
        rows.append(_actual(number, job_id(order, step), f"{TYPES[step - 1]}-01", start, timedelta(hours=2)))
    for order in RUNNING:
        rows.append(
            _actual(
                len(rows) + 1, job_id(order, 1), f"SAW-{order - 10:02d}", AS_OF - timedelta(hours=1), None
            )
        )
    return rows


def _actual(number: int, job: str, machine: str, start: datetime, lasts: timedelta | None) -> dict[str, Any]:
    return {
        "schedule_id": number,
        "job_id": job,
        "machine_id": machine,
        "scheduled_date": start.date(),
        "start_time": start,
        "end_time": None if lasts is None else start + lasts,
        "setup_minutes": 15.0,
        "processing_time": None if lasts is None else lasts.total_seconds() / 3600 - 0.25,
        "overtime_minutes": 0.0,
    }


def _calendars() -> list[dict[str, Any]]:
    windows = (
        ("06:30", "12:00", "regular"),
        ("13:00", "17:30", "regular"),
        ("17:30", "22:00", "overtime"),
        ("22:00", "24:00", "night"),
    )
    return [
        {"calendar_id": name, "weekday": day, "start_time": start, "end_time": end, "kind": kind}
        for name in ("default", "MILL")
        for day in range(5)
        for start, end, kind in windows
    ]


def _holiday(number: int) -> dict[str, Any]:
    day = date(2026, 7, 1) + timedelta(days=number)
    return {
        "exception_id": number, "calendar_id": "default", "exception_date": day,
        "start_time": None, "end_time": None, "kind": None, "reason": "holiday",
    }  # fmt: skip


def _downtime(number: int) -> dict[str, Any]:
    start = utc(2026, 5, 1, 8, 0) + timedelta(days=number)
    return {
        "downtime_id": number, "machine_id": f"TEST-{number:02d}", "start_time": start,
        "end_time": start + timedelta(hours=4), "kind": "breakdown", "reason": None,
    }  # fmt: skip


def _setup(number: int) -> dict[str, Any]:
    pairs = [(left, right) for left in FAMILIES for right in FAMILIES]
    first, second = pairs[number % 16]
    return {
        "rule_id": number, "machine_type": TYPES[number % 3], "from_family": first,
        "to_family": second, "minutes": 45.0,
    }  # fmt: skip


def _restriction(number: int) -> dict[str, Any]:
    return {
        "restriction_id": number, "machine_id": f"MILL-{number:02d}", "family_name": FAMILIES[number % 3],
        "process_order": None, "reason": "tooling",
    }  # fmt: skip
