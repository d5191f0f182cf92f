"""What the validator hands from rule to rule and to its caller: violations, and the plan as rules look at it.

Nothing here judges. A row that refers to something unknown is reported by the rule about that and kept from
the others, so that one fault has one code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from shopfloor.domain.instance import Commitment, CommitmentKind, Instance, Operation, Unassigned
from shopfloor.domain.open_time import OpenTime, WindowKind
from shopfloor.domain.plant import Machine
from shopfloor.domain.schedule import Schedule, ScheduledOperation

LEVELS = range(max(WindowKind) + 1)


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule.

    Attributes:
        code: Stable name of the rule, upper case.
        where: Id of the operation it is about.
        values: What was found and what was expected.
    """

    code: str
    where: str
    values: Mapping[str, str | int | float] = field(default_factory=dict)

    def __str__(self) -> str:
        found = ", ".join(f"{name} {value}" for name, value in self.values.items())
        return f"{self.code} {self.where}: {found}"


@dataclass(frozen=True, slots=True)
class Placed:
    """A scheduled operation with what the instance says about it.

    Attributes:
        item: The plan's row.
        commitment: Its commitment, None when a solver was free to place it.
    """

    item: ScheduledOperation
    operation: Operation
    machine: Machine
    open_time: OpenTime
    commitment: Commitment | None

    @property
    def is_free(self) -> bool:
        """Whether a solver chose its place."""
        return self.commitment is None

    def has_begun(self, now: int) -> bool:
        """Tell whether it is a fact of the past: in progress, or committed to a start before now."""
        commitment = self.commitment
        return commitment is not None and (
            commitment.kind is CommitmentKind.IN_PROGRESS or commitment.start < now
        )


class PlanView:
    """An instance and a schedule, indexed for the rules.

    Attributes:
        placed: The first row of each known operation on a known machine with a sane level and interval.
        unassigned: Unassigned rows by operation_id, the first of each.
    """

    def __init__(self, instance: Instance, schedule: Schedule) -> None:
        self.instance = instance
        self.schedule = schedule
        self.now = instance.now
        self.aside = {item.operation_id: item for item in instance.set_aside}
        self.first_row: dict[str, ScheduledOperation] = {}
        for item in schedule.operations:
            self.first_row.setdefault(item.operation_id, item)
        self.unassigned: dict[str, Unassigned] = {}
        for row in schedule.unassigned:
            self.unassigned.setdefault(row.operation_id, row)
        self.placed = tuple(
            found for item in self.first_row.values() if (found := self._placed(item)) is not None
        )

    def is_input(self, operation_id: str) -> bool:
        """Tell whether the instance knows the operation."""
        return operation_id in self.instance.operation_by_id or operation_id in self.aside

    def machine(self, machine_id: str) -> Machine | None:
        """Return the machine, or None when the plant has no such active machine."""
        index = self.instance.plant.machine_index.get(machine_id)
        return None if index is None else self.instance.plant.machines[index]

    @cached_property
    def placed_by_id(self) -> Mapping[str, Placed]:
        """Placed operations by operation_id."""
        return {placed.item.operation_id: placed for placed in self.placed}

    @cached_property
    def slots(self) -> Mapping[tuple[str, int], list[Placed]]:
        """Placed operations of each machine slot, in order of start."""
        rows: dict[tuple[str, int], list[Placed]] = {}
        for placed in self.placed:
            rows.setdefault((placed.item.machine_id, placed.item.slot), []).append(placed)
        for items in rows.values():
            items.sort(key=lambda placed: (placed.item.start, placed.item.end))
        return rows

    def _placed(self, item: ScheduledOperation) -> Placed | None:
        operation = self.instance.operation_by_id.get(item.operation_id)
        machine = self.machine(item.machine_id)
        open_time = self.instance.open_time.get(item.machine_id)
        if operation is None or machine is None or open_time is None:
            return None
        if item.level not in LEVELS or item.start >= item.end:
            return None
        commitment = self.instance.commitment_by_id.get(item.operation_id)
        return Placed(item, operation, machine, open_time, commitment)
