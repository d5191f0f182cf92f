"""An instance becomes flat arrays: once per instance, before any kernel runs.

No scheduling decision is taken here; the tables are made by the `compile_*` modules.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shopfloor.domain.instance import Instance
from shopfloor.engine.compile_calendars import calendar_stretch, horizon_of, open_calendars
from shopfloor.engine.compile_operations import (
    greedy_order,
    group_table,
    job_table,
    operation_table,
    successors,
    work_table,
)
from shopfloor.engine.compile_positions import Positions
from shopfloor.engine.compile_reservations import reservation_table
from shopfloor.engine.compile_shop import centre_tables, machine_table, setup_cube, slot_table
from shopfloor.engine.layout import Problem

__all__ = ["Compiled", "Problem", "Slot", "compile_instance"]


@dataclass(frozen=True, slots=True)
class Slot:
    """One slot of a machine: `slot` counts from 0 within the machine."""

    machine_id: str
    slot: int


@dataclass(frozen=True, eq=False)
class Compiled:
    """An instance with its arrays and the ids that its positions stand for.

    Attributes:
        problem: The arrays.
        instance: What they were made from.
        operation_ids: Id of each operation row.
        job_ids: Id of each job row.
        slots: Machine and slot number of each slot row.
        work_centres: Machine type of each work-centre row.
    """

    problem: Problem
    instance: Instance
    operation_ids: tuple[str, ...]
    job_ids: tuple[str, ...]
    slots: tuple[Slot, ...]
    work_centres: tuple[str, ...]

    @property
    def n_operations(self) -> int:
        """Operations, committed ones included."""
        return len(self.operation_ids)


def compile_instance(instance: Instance) -> Compiled:
    """Return the arrays of an instance.

    Args:
        instance: Checked by its own constructor.
    """
    positions = Positions(instance)
    calendars = open_calendars(instance)
    op, elig, mean = operation_table(positions)
    reservation = reservation_table(positions, op, elig, calendars)
    group, first_group = group_table(op, elig, len(positions.centre_of))
    succ_off, succ = successors(op)
    slot = slot_table(positions, reservation)
    wc, wc_mean = centre_tables(positions, op, slot, first_group, mean)
    weights = np.array([job.weight for job in instance.jobs], dtype=np.float64)
    mean_weight = max(1e-9, float(weights.mean())) if len(weights) else 1.0
    problem = Problem(
        op=op,
        op_work=work_table(op, mean),
        succ_off=succ_off,
        succ=succ,
        elig=elig,
        job=job_table(positions, op),
        job_weight=weights,
        slot=slot,
        machine=machine_table(positions),
        wc=wc,
        wc_mean=wc_mean,
        group=group,
        setup=setup_cube(positions),
        reservation=reservation,
        greedy_order=greedy_order(instance),
        constant=np.array([instance.now, horizon_of(instance), len(positions.families)], dtype=np.int64),
        stretch=np.array([calendar_stretch(instance, calendars), mean_weight]),
        **calendars._asdict(),
    )
    return Compiled(
        problem=problem,
        instance=instance,
        operation_ids=tuple(positions.row_of),
        job_ids=tuple(positions.job_of),
        slots=tuple(Slot(machine_id, number) for machine_id, number in positions.slot_of),
        work_centres=instance.plant.machine_types,
    )
