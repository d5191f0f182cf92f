"""One problem to solve: plant, jobs, operations and the state at `as_of`.

All times are integer minutes since `epoch`. Nothing here is a decision: committed operations are facts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property

from shopfloor.domain.calendar import OpenTime
from shopfloor.domain.errors import InvalidInstance
from shopfloor.domain.plant import Machine, Plant

FOR_EXPLANATIONS = "for_explanations"
"""Metadata of a field that says nothing new to a solver: fingerprints leave it out."""


@dataclass(frozen=True, slots=True)
class Job:
    """One production order to be finished.

    Attributes:
        job_id: The plant's order id.
        family: Product family.
        weight: Cost of a day of tardiness, > 0; from the plant's priority, 5 = most urgent.
        release: Earliest start of its first operation, minute (plan date and material, whichever is later).
        due: Due minute (end of the due day); completion at `due` is on time.
        known_at: Minute from which a scheduler may know of it; None = known already.
    """

    job_id: str
    family: str
    weight: float
    release: int
    due: int
    known_at: int | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """One open step of one lot of a job.

    Attributes:
        operation_id: The plant's row id, with `#k` appended for lot k when a job is split.
        job_id: Its job.
        family: Setup family.
        sequence: Number after `P` in the process order.
        machine_type: Work centre it needs.
        processing_minutes: Work without setup at speed 1.0, >= 1; remaining work when in progress.
        predecessor: operation_id of the open operation that must end first; None = ready at release.
        is_interruptible: Pauses over closed time; otherwise setup and run fit in one open stretch.
        lot: Lot number, 1-based; 1 when the job is not split.
    """

    operation_id: str
    job_id: str
    family: str
    sequence: int
    machine_type: str
    processing_minutes: int
    predecessor: str | None = None
    is_interruptible: bool = True
    lot: int = 1


class CommitmentKind(StrEnum):
    """Why an operation may not move."""

    IN_PROGRESS = "in_progress"
    FROZEN = "frozen"
    PINNED = "pinned"


@dataclass(frozen=True, slots=True)
class Commitment:
    """An operation whose machine, times and level are constants of this run.

    Attributes:
        start: Start minute (of its setup, if any); may lie before the instance's `now`.
        end: End minute, breaks included.
        setup_minutes: Setup inside [start, end), work minutes.
        level: Overtime level, 0 regular, 1 + overtime, 2 + night.
        slot: Slot of the machine, 0-based.
    """

    operation_id: str
    machine_id: str
    start: int
    end: int
    kind: CommitmentKind
    setup_minutes: int = 0
    level: int = 0
    slot: int = 0


@dataclass(frozen=True, slots=True)
class Pin:
    """A planner's wish that every solver honours or refuses before solving.

    Attributes:
        machine_id: Machine to use; None = any eligible.
        start: Start minute; None = free. A start pin names its machine too.
    """

    operation_id: str
    machine_id: str | None = None
    start: int | None = None
    by: str = ""
    reason: str = ""


class UnassignedCode(StrEnum):
    """Why an operation has no place in the plan."""

    NO_ELIGIBLE_MACHINE = "NO_ELIGIBLE_MACHINE"
    NO_OPEN_TIME = "NO_OPEN_TIME"
    MISSING_ROUTE = "MISSING_ROUTE"
    PREDECESSOR_UNASSIGNED = "PREDECESSOR_UNASSIGNED"
    QUARANTINED = "QUARANTINED"
    BAD_PIN = "BAD_PIN"


@dataclass(frozen=True, slots=True)
class Unassigned:
    """An operation left out of the plan, and why."""

    operation_id: str
    code: UnassignedCode
    detail: str = ""


@dataclass(frozen=True, slots=True)
class PlannedStart:
    """Where the active plan has an operation: the yardstick for moved operations."""

    machine_id: str
    start: int


@dataclass(frozen=True)
class Instance:
    """Everything that a solver may know.

    Attributes:
        epoch: UTC instant of minute 0 (midnight UTC of the day of `as_of`).
        as_of: UTC instant of now.
        plant_tz: IANA zone of the plant.
        plant: Active machines, setups, restrictions.
        open_time: Open stretches of each machine by machine_id, downtime taken out, over the whole horizon.
        jobs: Open jobs.
        operations: Open operations, committed ones included, predecessors before successors.
        commitments: In-progress and frozen operations, and those that a pin leaves no choice for: constants.
        pins: Planner's pins.
        set_aside: Operations known to be impossible before solving; they count as input and stay unassigned.
        active_plan: The plan in force, by operation_id.
        freeze_until: Minute before which nothing of the active plan moves; <= now means no frozen horizon.
        downtime: Open stretches that downtime took out of `open_time`, by machine_id; machines that lose none
            are left out. For explanations only: a solver reads `open_time`.
    """

    epoch: datetime
    as_of: datetime
    plant_tz: str
    plant: Plant
    open_time: Mapping[str, OpenTime]
    jobs: tuple[Job, ...]
    operations: tuple[Operation, ...]
    commitments: tuple[Commitment, ...] = ()
    pins: tuple[Pin, ...] = ()
    set_aside: tuple[Unassigned, ...] = ()
    active_plan: Mapping[str, PlannedStart] = field(default_factory=dict)
    freeze_until: int = 0
    downtime: Mapping[str, OpenTime] = field(default_factory=dict, metadata={FOR_EXPLANATIONS: True})

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for operation in self.operations:
            if operation.operation_id in seen:
                raise InvalidInstance(f"operation appears twice: {operation.operation_id!r}")
            if operation.predecessor is not None and operation.predecessor not in seen:
                raise InvalidInstance(
                    f"operation {operation.operation_id!r} comes before its predecessor "
                    f"{operation.predecessor!r}"
                )
            if operation.job_id not in self.job_by_id:
                raise InvalidInstance(
                    f"operation {operation.operation_id!r} belongs to no job: {operation.job_id!r}"
                )
            seen.add(operation.operation_id)

    @cached_property
    def now(self) -> int:
        """Minute of `as_of`."""
        return self.to_minute(self.as_of)

    @cached_property
    def job_by_id(self) -> Mapping[str, Job]:
        return {job.job_id: job for job in self.jobs}

    @cached_property
    def operation_by_id(self) -> Mapping[str, Operation]:
        return {operation.operation_id: operation for operation in self.operations}

    @cached_property
    def commitment_by_id(self) -> Mapping[str, Commitment]:
        return {commitment.operation_id: commitment for commitment in self.commitments}

    @cached_property
    def pin_by_id(self) -> Mapping[str, Pin]:
        return {pin.operation_id: pin for pin in self.pins}

    def eligible_machines(self, operation: Operation) -> tuple[Machine, ...]:
        """Return the active machines of its type, less restrictions and a machine pin."""
        pin = self.pin_by_id.get(operation.operation_id)
        return tuple(
            machine
            for machine in self.plant.machines
            if machine.machine_type == operation.machine_type
            and not self.plant.is_restricted(machine.machine_id, operation.family, operation.sequence)
            and (pin is None or pin.machine_id in (None, machine.machine_id))
        )

    def to_minute(self, instant: datetime) -> int:
        """Return the minute of an aware instant, rounded down."""
        return int((instant - self.epoch) // timedelta(minutes=1))

    def to_datetime(self, minute: int) -> datetime:
        """Return the UTC instant of a minute."""
        return self.epoch + timedelta(minutes=minute)
