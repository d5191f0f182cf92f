"""Where each id stands in the arrays: rows of operations, jobs, slots, work centres and families.

Only counting and sorting; what the rows hold is written by the other `compile_*` modules.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from shopfloor.domain.instance import Instance
from shopfloor.domain.plant import Plant


@dataclass(frozen=True, eq=False)
class Positions:
    """The rows of one instance."""

    instance: Instance

    @property
    def plant(self) -> Plant:
        return self.instance.plant

    @cached_property
    def centre_of(self) -> dict[str, int]:
        """Row of each machine type."""
        return {name: index for index, name in enumerate(self.plant.machine_types)}

    @cached_property
    def families(self) -> list[str]:
        """Families of the operations and of what machines are set up for, sorted."""
        families = {operation.family for operation in self.instance.operations}
        current = {machine.current_setup_family for machine in self.plant.machines}
        return sorted(families | {name for name in current if name is not None})

    @cached_property
    def family_of(self) -> dict[str, int]:
        """Row of each family."""
        return {name: index for index, name in enumerate(self.families)}

    @cached_property
    def row_of(self) -> dict[str, int]:
        """Row of each operation_id."""
        return {operation.operation_id: i for i, operation in enumerate(self.instance.operations)}

    @cached_property
    def job_of(self) -> dict[str, int]:
        """Row of each job_id."""
        return {job.job_id: i for i, job in enumerate(self.instance.jobs)}

    @cached_property
    def slot_of(self) -> dict[tuple[str, int], int]:
        """Row of each (machine_id, slot); slots of one work centre are neighbours."""
        machines = sorted(self.plant.machines, key=lambda machine: self.centre_of[machine.machine_type])
        places = [(machine.machine_id, slot) for machine in machines for slot in range(machine.capacity)]
        return {place: row for row, place in enumerate(places)}

    @cached_property
    def machine_of_slot(self) -> list[int]:
        """Machine row of each slot row."""
        return [self.plant.machine_index[machine_id] for machine_id, _ in self.slot_of]
