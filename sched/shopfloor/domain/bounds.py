"""Earliest completions: when each job would be done if it had the shop to itself.

What is late even then no scheduler can win back; KPIs subtract it. This is a bound for plans in regular time:
a plan that works overtime may beat it. Nothing here queues, sequences or chooses.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from shopfloor.domain.instance import Instance, Operation
from shopfloor.domain.open_time import BEYOND_HORIZON
from shopfloor.domain.plant import Machine

REGULAR_LEVEL = 0


class EarliestStep(NamedTuple):
    """One operation of a job that has the shop to itself.

    Attributes:
        machine: Where it ends first; None when it is committed or cannot be done.
        end: End minute; the end of the horizon when it cannot be done.
        setup_minutes: Smallest setup there.
        run_minutes: Work there, speed factor applied.
    """

    machine: Machine | None
    end: int
    setup_minutes: int = 0
    run_minutes: int = 0


def horizon_end(instance: Instance) -> int:
    """Return the minute at which the instance's knowledge ends: last open minute or last commitment."""
    ends = [int(open_time.ends[-1]) for open_time in instance.open_time.values() if len(open_time.ends)]
    ends += [commitment.end for commitment in instance.commitments]
    return max([instance.now, *ends])


def run_minutes(operation: Operation, machine: Machine) -> int:
    """Return the work minutes of `operation` on `machine`, rounded up to the minute."""
    return math.ceil(operation.processing_minutes / machine.speed_factor - 1e-9)


def earliest_completions(instance: Instance) -> dict[str, int]:
    """Return the earliest possible completion minute of each job that has operations, by job_id.

    Alone in the shop: the route in order, every operation on the eligible machine that ends it first, in
    regular time, with the smallest setup that any sequence could give; start pins, machine pins and
    commitments as they are. A job with an operation that cannot be done at all gets the end of the horizon.
    """
    return completions_of(instance, earliest_steps(instance))


def earliest_steps(instance: Instance) -> dict[str, EarliestStep]:
    """Return how each operation runs in `earliest_completions`, by operation_id."""
    return _Alone(instance).steps()


def completions_of(instance: Instance, steps: Mapping[str, EarliestStep]) -> dict[str, int]:
    """Return the last end of each job's steps, by job_id."""
    completion: dict[str, int] = {}
    for operation in instance.operations:
        end = steps[operation.operation_id].end
        completion[operation.job_id] = max(completion.get(operation.job_id, end), end)
    return completion


class _Alone:
    """The shop with one job at a time; remembers eligible machines and smallest setups."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.horizon = horizon_end(instance)
        self.aside = {item.operation_id for item in instance.set_aside}
        self.families = sorted({operation.family for operation in instance.operations})
        self._machines: dict[tuple[str, str, int], tuple[Machine, ...]] = {}
        self._setups: dict[tuple[str, int, int, str], int] = {}

    def steps(self) -> dict[str, EarliestStep]:
        steps: dict[str, EarliestStep] = {}
        for operation in self.instance.operations:
            steps[operation.operation_id] = self.step_of(operation, steps)
        return steps

    def step_of(self, operation: Operation, steps: Mapping[str, EarliestStep]) -> EarliestStep:
        commitment = self.instance.commitment_by_id.get(operation.operation_id)
        if commitment is not None:
            return EarliestStep(None, commitment.end)
        if operation.operation_id in self.aside:
            return EarliestStep(None, self.horizon)
        if operation.predecessor is not None:
            ready = steps[operation.predecessor].end
        else:
            ready = self.instance.job_by_id[operation.job_id].release
        pin = self.instance.pin_by_id.get(operation.operation_id)
        if pin is not None and pin.start is not None:
            ready = max(ready, pin.start)
        ready = max(ready, self.instance.now)
        best = EarliestStep(None, self.horizon)
        for machine in self._eligible(operation):
            setup = self._smallest_setup(machine, operation.family)
            run = run_minutes(operation, machine)
            end = self._end_on(machine, operation, ready, setup + run)
            if end != BEYOND_HORIZON and (best.machine is None or end < best.end):
                best = EarliestStep(machine, end, setup, run)
        return best

    def _end_on(self, machine: Machine, operation: Operation, ready: int, work: int) -> int:
        open_time = self.instance.open_time[machine.machine_id]
        if operation.is_interruptible:
            return open_time.advance(ready, work, REGULAR_LEVEL)
        start = open_time.fits(ready, work, REGULAR_LEVEL)
        return start + work if start != BEYOND_HORIZON else BEYOND_HORIZON

    def _eligible(self, operation: Operation) -> tuple[Machine, ...]:
        if operation.operation_id in self.instance.pin_by_id:
            return self.instance.eligible_machines(operation)
        key = (operation.machine_type, operation.family, operation.sequence)
        if key not in self._machines:
            self._machines[key] = self.instance.eligible_machines(operation)
        return self._machines[key]

    def _smallest_setup(self, machine: Machine, family: str) -> int:
        plant = self.instance.plant
        key = (machine.machine_type, machine.setup_time_same, machine.setup_time_different, family)
        if key not in self._setups:
            self._setups[key] = min(plant.setup_minutes(machine, name, family) for name in self.families)
        return min(self._setups[key], plant.setup_minutes(machine, machine.current_setup_family, family))
