"""Rules about who does what: nothing dropped, nothing twice, eligible machines, pins, honest reasons.

One function per rule; each yields its violations. No time arithmetic but the question whether an operation
that was left out had room.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

from shopfloor.domain.instance import Operation, Unassigned, UnassignedCode
from shopfloor.domain.open_time import BEYOND_HORIZON, WindowKind
from shopfloor.domain.plant import Machine
from shopfloor.domain.violation import PlanView, Violation


def unknown_operation(view: PlanView) -> Iterator[Violation]:
    """Every row is about an operation of the instance."""
    for operation_id in [*view.first_row, *view.unassigned]:
        if not view.is_input(operation_id):
            yield Violation("UNKNOWN_OPERATION", operation_id)


def duplicate_operation(view: PlanView) -> Iterator[Violation]:
    """No operation is scheduled twice or unassigned twice."""
    for name, rows in (("scheduled", view.schedule.operations), ("unassigned", view.schedule.unassigned)):
        for operation_id, count in Counter(row.operation_id for row in rows).items():
            if count > 1:
                yield Violation("DUPLICATE_OPERATION", operation_id, {"rows": count, "list": name})


def missing_operation(view: PlanView) -> Iterator[Violation]:
    """Scheduled + unassigned = input."""
    for operation_id in dict.fromkeys([*view.instance.operation_by_id, *view.aside]):
        if operation_id not in view.first_row and operation_id not in view.unassigned:
            yield Violation("MISSING_OPERATION", operation_id)


def scheduled_and_unassigned(view: PlanView) -> Iterator[Violation]:
    """No operation is both scheduled and unassigned."""
    for operation_id, row in view.unassigned.items():
        if operation_id in view.first_row:
            yield Violation("SCHEDULED_AND_UNASSIGNED", operation_id, {"code": str(row.code)})


def set_aside_scheduled(view: PlanView) -> Iterator[Violation]:
    """What was set aside before solving stays out of the plan."""
    for operation_id, row in view.aside.items():
        if operation_id in view.first_row:
            yield Violation("SET_ASIDE_SCHEDULED", operation_id, {"code": str(row.code)})


def unassigned_without_code(view: PlanView) -> Iterator[Violation]:
    """Every unassigned operation has a code of the list."""
    for operation_id, row in view.unassigned.items():
        if row.code not in set(UnassignedCode):
            yield Violation("UNASSIGNED_WITHOUT_CODE", operation_id, {"code": str(row.code)})


def unjustified(view: PlanView) -> Iterator[Violation]:
    """The code of an unassigned operation is true."""
    judge = _Justification(view)
    for operation_id, row in view.unassigned.items():
        operation = view.instance.operation_by_id.get(operation_id)
        if operation_id in view.first_row or row.code not in set(UnassignedCode):
            continue
        if operation_id in view.aside:
            expected = view.aside[operation_id].code
            if row.code != expected:
                yield Violation("UNJUSTIFIED", operation_id, {"code": str(row.code), "expected": expected})
        elif operation is not None and operation_id not in view.instance.commitment_by_id:
            objection = judge.objection(operation, row)
            if objection:
                yield Violation("UNJUSTIFIED", operation_id, {"code": str(row.code), "because": objection})


class _Justification:
    """Tests the reason why an operation was left out."""

    def __init__(self, view: PlanView) -> None:
        self.view = view
        self.families = (None, *sorted({operation.family for operation in view.instance.operations}))
        self.slot_free: dict[tuple[str, int], int] = {
            place: max(placed.item.end for placed in items) for place, items in view.slots.items()
        }
        self._machines: dict[tuple[str, str, int], tuple[Machine, ...]] = {}
        self._setups: dict[tuple[str, str], int] = {}

    def objection(self, operation: Operation, row: Unassigned) -> str:
        """Return why the code is not true, or ""."""
        match row.code:
            case UnassignedCode.NO_ELIGIBLE_MACHINE:
                machines = self.view.instance.eligible_machines(operation)
                return f"machine {machines[0].machine_id} is eligible" if machines else ""
            case UnassignedCode.PREDECESSOR_UNASSIGNED:
                before = operation.predecessor
                is_out = before is not None and before not in self.view.first_row
                return "" if is_out else f"predecessor {before} has a place"
            case UnassignedCode.BAD_PIN:
                has_pin = operation.operation_id in self.view.instance.pin_by_id
                return "" if has_pin else "it has no pin"
            case UnassignedCode.NO_OPEN_TIME:
                return self._room(operation)
        return "it was not set aside"

    def _room(self, operation: Operation) -> str:
        """Name a machine on which the operation fits in regular time after everything else, or ""."""
        instance = self.view.instance
        pin = instance.pin_by_id.get(operation.operation_id)
        ready = max(instance.now, instance.job_by_id[operation.job_id].release)
        if operation.predecessor is not None:
            before = self.view.first_row.get(operation.predecessor)
            if before is None:
                return ""
            ready = max(ready, before.end)
        if pin is not None and pin.start is not None:
            return ""
        for machine in self._eligible(operation):
            open_time = instance.open_time[machine.machine_id]
            setup = self._longest_setup(machine, operation.family)
            work = setup + math.ceil(operation.processing_minutes / machine.speed_factor)
            for slot in range(machine.capacity):
                start = max(ready, self.slot_free.get((machine.machine_id, slot), 0))
                search = open_time.advance if operation.is_interruptible else open_time.fits
                if search(start, work, WindowKind.REGULAR) != BEYOND_HORIZON:
                    return f"machine {machine.machine_id} has room from minute {start}"
        return ""

    def _eligible(self, operation: Operation) -> tuple[Machine, ...]:
        instance = self.view.instance
        if operation.operation_id in instance.pin_by_id:
            return instance.eligible_machines(operation)
        key = (operation.machine_type, operation.family, operation.sequence)
        if key not in self._machines:
            self._machines[key] = instance.eligible_machines(operation)
        return self._machines[key]

    def _longest_setup(self, machine: Machine, family: str) -> int:
        key = (machine.machine_id, family)
        if key not in self._setups:
            plant = self.view.instance.plant
            self._setups[key] = max(plant.setup_minutes(machine, before, family) for before in self.families)
        return self._setups[key]


def unknown_machine(view: PlanView) -> Iterator[Violation]:
    """Every machine of the plan is an active one; a commitment may be on one that left since."""
    for operation_id, item in view.first_row.items():
        commitment = view.instance.commitment_by_id.get(operation_id)
        is_fact = commitment is not None and commitment.machine_id == item.machine_id
        if view.machine(item.machine_id) is None and not is_fact:
            yield Violation("UNKNOWN_MACHINE", operation_id, {"machine": item.machine_id})


def wrong_job(view: PlanView) -> Iterator[Violation]:
    """A row names the job that its operation belongs to."""
    for placed in view.placed:
        if placed.item.job_id != placed.operation.job_id:
            found = {"job": placed.item.job_id, "expected": placed.operation.job_id}
            yield Violation("WRONG_JOB", placed.item.operation_id, found)


def wrong_machine_type(view: PlanView) -> Iterator[Violation]:
    """An operation runs in its work centre."""
    for placed in view.placed:
        if placed.is_free and placed.machine.machine_type != placed.operation.machine_type:
            found = {
                "machine": placed.machine.machine_id,
                "type": placed.machine.machine_type,
                "expected": placed.operation.machine_type,
            }
            yield Violation("WRONG_MACHINE_TYPE", placed.item.operation_id, found)


def restricted_machine(view: PlanView) -> Iterator[Violation]:
    """No restriction excludes the machine for this step of this family."""
    plant = view.instance.plant
    known: dict[tuple[str, str, int], bool] = {}
    for placed in view.placed:
        key = (placed.machine.machine_id, placed.operation.family, placed.operation.sequence)
        if key not in known:
            known[key] = plant.is_restricted(*key)
        if placed.is_free and known[key]:
            found: dict[str, str | int | float] = {"machine": key[0], "family": key[1], "sequence": key[2]}
            yield Violation("RESTRICTED_MACHINE", placed.item.operation_id, found)


def pin_violated(view: PlanView) -> Iterator[Violation]:
    """A pinned operation is where, and when, the planner wants it."""
    for operation_id, pin in view.instance.pin_by_id.items():
        placed = view.placed_by_id.get(operation_id)
        if placed is None or not placed.is_free:
            continue
        if pin.machine_id not in (None, placed.item.machine_id):
            found = {"machine": placed.item.machine_id, "pinned": pin.machine_id or ""}
            yield Violation("PIN_VIOLATED", operation_id, found)
        if pin.start not in (None, placed.item.start):
            yield Violation(
                "PIN_VIOLATED", operation_id, {"start": placed.item.start, "pinned": pin.start or 0}
            )
