"""A plant small enough to work out by hand: two mills, a saw, the plant's default calendar, Berlin time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pandas as pd

from shopfloor.data.assembly import assemble
from shopfloor.data.plan_rows import PlanRecord
from shopfloor.domain.instance import Instance
from shopfloor.domain.schedule import Schedule, ScheduledOperation

ZONE = "Europe/Berlin"
AS_OF = datetime(2026, 6, 1, 4, 30, tzinfo=UTC)
"""Monday 06:30 in Berlin: the day shift begins. Minute 270 of the instance."""

NOW = 270


def machine(machine_id: str, machine_type: str = "MILL", **columns: Any) -> dict[str, Any]:
    defaults = {"capacity": 1, "setup_time_same": 5.0, "setup_time_different": 30.0, "status": "ACTIVE"}
    return {"machine_id": machine_id, "machine_type": machine_type} | defaults | columns


def step(job_id: str, machine_type: str = "MILL", **columns: Any) -> dict[str, Any]:
    """Return a row of production_jobs: one hour, family F, priority 3, due 10 June, released 1 June."""
    defaults = {
        "family_name": "F",
        "process_order": "P" + job_id.rpartition("P")[2],
        "processing_time": 1.0,
        "priority": 3,
        "lcd_date": "2026-06-10",
        "plan_date": "2026-06-01",
        "status": "READY",
        "created_at": "2026-05-20 08:00:00",
    }
    return {"job_id": job_id, "machine_type": machine_type} | defaults | columns


def ran(
    number: int, job_id: str, machine_id: str, start: str, end: str | None = None, **columns: Any
) -> dict[str, Any]:
    """Return a row of job_schedules; times UTC."""
    row = {"schedule_id": number, "job_id": job_id, "machine_id": machine_id, "scheduled_date": start[:10]}
    return row | {"start_time": start, "end_time": end} | columns


def frames(**tables: list[dict[str, Any]]) -> dict[str, pd.DataFrame]:
    """Return frames of the named tables; machines default to M1, M2 (MILL) and S1 (SAW)."""
    default = [machine("M1"), machine("M2"), machine("S1", "SAW")]
    return {name: pd.DataFrame(rows) for name, rows in ({"machines": default} | tables).items()}


def small_frames() -> dict[str, pd.DataFrame]:
    """Return two orders of one operation each and one of two."""
    return frames(
        production_jobs=[
            step("O1_P01"),
            step("O2_P01"),
            step("O3_P01", "SAW"),
            step("O3_P02", lcd_date="2026-06-01"),
        ]
    )


def one_after_another(instance: Instance, *, first: int = NOW) -> Schedule:
    """Return a plan with every operation on the first machine that can do it, one after the other."""
    free: dict[str, int] = {}
    ends: dict[str, int] = {}
    items = []
    for operation in instance.operations:
        machine_id = instance.eligible_machines(operation)[0].machine_id
        open_time = instance.open_time[machine_id]
        ready = max(first, free.get(machine_id, first), ends.get(operation.predecessor or "", first))
        start = open_time.next_open(ready, 0)
        setup = 5 if machine_id in free else 30
        end = open_time.advance(start, setup + operation.processing_minutes, 0)
        free[machine_id] = ends[operation.operation_id] = end
        items.append(
            ScheduledOperation(
                operation_id=operation.operation_id,
                job_id=operation.job_id,
                machine_id=machine_id,
                start=start,
                end=end,
                setup_minutes=setup,
                run_minutes=operation.processing_minutes,
            )
        )
    ordered = tuple(sorted(items, key=lambda item: (item.machine_id, item.slot, item.start)))
    return Schedule(ordered, instance.set_aside, "greedy")


def record(run_key: str = "key", *, as_of: datetime = AS_OF, **fields: Any) -> PlanRecord:
    """Return a record of the small plant's plan."""
    instance = assemble(small_frames(), as_of=as_of, plant_tz=ZONE)
    schedule = one_after_another(instance, first=instance.now)
    kpis = {"weighted_tardiness": 1.5, "cohort_days_late": None}
    values = {"solver": "greedy", "snapshot_id": "s", "data_hash": "d", "seed": 0} | fields
    return PlanRecord(instance=instance, schedule=schedule, kpis=kpis, run_key=run_key, as_of=as_of, **values)
