"""Plans to export in tests: small with everything in it, hostile names, both clock changes, empty, huge."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from builders import (
    busy_instance,
    left_out,
    placed,
    serial_schedule,
    tiny_instance,
    tiny_job,
    tiny_machine,
    tiny_operation,
    tiny_plant,
    tiny_schedule,
)
from tiny_plan import tiny_answer, tiny_problem

from shopfloor.domain.plan_changes import Place, compare_plans
from shopfloor.web.plan_export import PlanExport

HOSTILE = '=HYPERLINK("http://x";A1)\n\\,;\'ä€𝄞'


def small_export(**fields: object) -> PlanExport:
    """Return the tiny plan of `tiny_plan`: running, frozen and pinned operations, setups, three left out."""
    instance = replace(tiny_problem(), plant_tz="Europe/Berlin")
    return PlanExport(instance, tiny_answer(instance), run_id="R1", **fields)


def compared_export() -> PlanExport:
    """Return the tiny plan against one in which A-P1 was elsewhere, B-P1 later and E-P3 not there."""
    export = small_export()
    places = {
        item.operation_id: Place(item.machine_id, item.slot, item.start, item.end, item.job_id)
        for item in export.schedule.operations
        if item.operation_id != "E-P3"
    }
    places["A-P1"] = Place("M2", 0, 480, 560, "A")
    places["B-P1"] = Place("M1", 0, 700, 780, "B")
    changes = compare_plans(export.instance, export.schedule, places)
    return replace(export, changes=changes, before_name="R0")


def hostile_export() -> PlanExport:
    """Return a plan whose ids are formulas, separators, line ends and characters of four bytes."""
    machine = f"../{HOSTILE}"
    instance = tiny_instance(
        [tiny_operation(f"{HOSTILE}-P1", family=HOSTILE)],
        jobs=[tiny_job(HOSTILE, family=HOSTILE, due=30)],
        plant=tiny_plant([tiny_machine(machine)]),
    )
    return PlanExport(
        instance, tiny_schedule([placed(instance, f"{HOSTILE}-P1", machine, start=0)]), run_id="R1"
    )


def clock_change_export() -> PlanExport:
    """Return a plan around the autumn change in Berlin: 02:30 happens twice, at 00:30 and at 01:30 UTC."""
    from datetime import UTC, datetime

    instance = tiny_instance([tiny_operation(f"{name}-P1", minutes=30) for name in "AB"])
    midnight = datetime(2026, 10, 25, tzinfo=UTC)
    instance = replace(instance, epoch=midnight, as_of=midnight, plant_tz="Europe/Berlin")
    items = [placed(instance, "A-P1", "M1", start=30), placed(instance, "B-P1", "M1", start=90)]
    return PlanExport(instance, tiny_schedule(items), run_id="R1")


def empty_export() -> PlanExport:
    """Return a plan of nothing."""
    return PlanExport(tiny_instance(), tiny_schedule([]))


def nothing_placed_export() -> PlanExport:
    """Return a plan in which every operation was left out."""
    instance = tiny_instance([tiny_operation("A-P1"), tiny_operation("A-P2", predecessor="A-P1")])
    rows = [left_out("A-P1", "NO_OPEN_TIME"), left_out("A-P2", "PREDECESSOR_UNASSIGNED")]
    return PlanExport(instance, tiny_schedule([], unassigned=rows))


@lru_cache(maxsize=2)
def huge_export(n_operations: int = 5000) -> PlanExport:
    """Return a plan of a size that no plant has asked for yet."""
    instance = busy_instance(n_operations)
    return PlanExport(instance, serial_schedule(instance, level=1), run_id="R1")
