"""A plan: who does what, where and when, and what was left out. No judgement: that is the validator's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from shopfloor.domain.instance import Unassigned


@dataclass(frozen=True, slots=True)
class ScheduledOperation:
    """One operation on one machine slot.

    Attributes:
        start: Start minute of its setup (of its run when it needs none).
        end: End minute, closed time in between included.
        setup_minutes: Work minutes of setup at the beginning.
        run_minutes: Work minutes of processing after it (speed factor applied).
        level: Overtime level, 0 regular, 1 + overtime, 2 + night.
        slot: Slot of the machine, 0-based.
        is_committed: In progress or frozen: a constant of the run.
    """

    operation_id: str
    job_id: str
    machine_id: str
    start: int
    end: int
    setup_minutes: int
    run_minutes: int
    level: int = 0
    slot: int = 0
    is_committed: bool = False

    @property
    def uses_overtime(self) -> bool:
        """Whether it may work through overtime windows."""
        return self.level > 0


@dataclass(frozen=True)
class Schedule:
    """A complete answer: scheduled + unassigned = input.

    Attributes:
        operations: Sorted by (machine_id, slot, start).
        unassigned: Every input operation that has no place, with its code.
        solver: Who made it, for example `greedy`, `rule:ATCS`, `policy`.
    """

    operations: tuple[ScheduledOperation, ...]
    unassigned: tuple[Unassigned, ...]
    solver: str

    @cached_property
    def by_operation(self) -> Mapping[str, ScheduledOperation]:
        return {item.operation_id: item for item in self.operations}

    @cached_property
    def by_machine(self) -> Mapping[str, tuple[ScheduledOperation, ...]]:
        """Operations of each machine in order of start."""
        rows: dict[str, list[ScheduledOperation]] = {}
        for item in self.operations:
            rows.setdefault(item.machine_id, []).append(item)
        return {
            machine: tuple(sorted(items, key=lambda o: (o.start, o.end))) for machine, items in rows.items()
        }
