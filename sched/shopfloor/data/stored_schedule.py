"""A stored plan as the domain's schedule again, on the instance that it was made for."""

from __future__ import annotations

from datetime import UTC

from shopfloor.data.plans import PlanRows
from shopfloor.domain.instance import Instance, Unassigned, UnassignedCode
from shopfloor.domain.schedule import Schedule, ScheduledOperation


def schedule_of(plan: PlanRows, instance: Instance) -> Schedule:
    """Return the stored plan; its times become minutes of `instance`.

    Args:
        instance: Assembled from the snapshot of the plan's run.
    """
    operations = tuple(
        ScheduledOperation(
            operation_id=row.operation_id,
            job_id=row.job_id,
            machine_id=row.machine_id,
            start=instance.to_minute(row.start_time.replace(tzinfo=UTC)),
            end=instance.to_minute(row.end_time.replace(tzinfo=UTC)),
            setup_minutes=row.setup_minutes,
            run_minutes=row.run_minutes,
            level=row.overtime_level,
            slot=row.slot,
            is_committed=row.is_committed,
        )
        for row in plan.operations
    )
    unassigned = tuple(
        Unassigned(str(row["operation_id"]), UnassignedCode(row["code"]), str(row["detail"]))
        for row in plan.unassigned
    )
    return Schedule(operations, unassigned, plan.run.solver)
