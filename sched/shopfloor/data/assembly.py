"""Frames become an instance: the one place where rows turn into machines, jobs, operations and their state.

It reads only what was known at `as_of`, and it drops nothing: an operation that cannot be planned is set
aside with a code. It decides nothing that a solver may decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from shopfloor.data.assembly_calendar import build_open_time
from shopfloor.data.assembly_clock import Clock
from shopfloor.data.assembly_frozen import commit_frozen
from shopfloor.data.assembly_history import read_history
from shopfloor.data.assembly_notes import Note, Notebook
from shopfloor.data.assembly_operations import add_operations, set_aside_successors
from shopfloor.data.assembly_orders import OrderOptions, Orders, job_of, open_orders
from shopfloor.data.assembly_pins import pins_in_force
from shopfloor.data.assembly_plant import build_plant
from shopfloor.data.assembly_state import Shop, commit_running, plan_rows_known_at
from shopfloor.data.frames import SNAPSHOT_TABLES, cast, empty_frame
from shopfloor.domain.errors import InvalidInstance
from shopfloor.domain.instance import Instance, PlannedStart, UnassignedCode

MINUTES_PER_DAY = 1440
MINUTES_PER_UNIT: Mapping[str, float] = {"hours": 60.0, "minutes": 1.0}


@dataclass(frozen=True)
class AssemblyOptions:
    """How frames become an instance.

    Attributes:
        freeze_hours: What the active plan starts within this time stays; 0 = only confirmed rows are frozen.
        horizon_days: Days after `as_of` for which calendars are expanded.
        processing_time_unit: `hours` or `minutes`.
        include_unknown: Also take jobs created after `as_of`, with `known_at` set: for replays.
        quarantined: Ids of rows or lots that validation set aside.
    """

    freeze_hours: float = 0.0
    horizon_days: int = 400
    processing_time_unit: str = "hours"
    include_unknown: bool = False
    quarantined: tuple[str, ...] = ()


@dataclass(frozen=True)
class Assembly:
    """An instance and what had to be assumed for it."""

    instance: Instance
    notes: tuple[Note, ...]


def assemble(
    frames: Mapping[str, pd.DataFrame],
    *,
    as_of: datetime,
    plant_tz: str,
    options: AssemblyOptions | None = None,
) -> Instance:
    """Return the problem to solve at `as_of`; see `assemble_with_notes`."""
    return assemble_with_notes(frames, as_of=as_of, plant_tz=plant_tz, options=options).instance


def assemble_with_notes(
    frames: Mapping[str, pd.DataFrame],
    *,
    as_of: datetime,
    plant_tz: str,
    options: AssemblyOptions | None = None,
) -> Assembly:
    """Return the problem to solve at `as_of`, now or in the past, and the notes of its assembly.

    Args:
        frames: Table -> rows, as of `Snapshot.frames()` or a generator; a missing table is empty.
        as_of: What is known and when now is; a naive one is UTC.
        plant_tz: IANA zone of the plant.

    Raises:
        InvalidCalendar: A calendar window is impossible.
        InvalidPlant: A machine contradicts itself.
        InvalidInstance: The options are.
    """
    chosen = options or AssemblyOptions()
    if chosen.processing_time_unit not in MINUTES_PER_UNIT:
        raise InvalidInstance(
            f"unknown unit of processing_time: {chosen.processing_time_unit!r}\nhint: hours or minutes"
        )
    tables = {
        name: cast(frames[name], name) if name in frames else empty_frame(name) for name in SNAPSHOT_TABLES
    }
    return _Assembler(tables, Clock.at(as_of, plant_tz), chosen).run()


class _Assembler:
    """The steps of one assembly, in order."""

    def __init__(self, tables: Mapping[str, pd.DataFrame], clock: Clock, options: AssemblyOptions) -> None:
        self.tables = tables
        self.clock = clock
        self.options = options
        self.notebook = Notebook()
        self.history = read_history(tables["job_schedules"], clock)

    def run(self) -> Assembly:
        orders = self._orders()
        shop = self._shop()
        running = commit_running(orders, self.history, shop, clock=self.clock, notebook=self.notebook)
        self._set_aside_what_no_machine_can_do(orders, shop, {item.operation_id for item in running})
        freeze_until = self.clock.now + round(self.options.freeze_hours * 60)
        set_aside_successors(orders, frozenset(item.operation_id for item in running))
        frozen = commit_frozen(
            orders, running, shop, clock=self.clock, notebook=self.notebook, freeze_until=freeze_until
        )
        held = {item.operation_id: item for item in [*running, *frozen]}
        pinned = pins_in_force(
            self.tables["schedule_pins"], orders, held, shop, clock=self.clock, notebook=self.notebook
        )
        held |= {item.operation_id: item for item in pinned.commitments}
        set_aside_successors(orders, frozenset(held))
        open_ids = {operation.operation_id for operation in orders.operations}
        instance = Instance(
            epoch=self.clock.epoch,
            as_of=self.clock.as_of,
            plant_tz=self.clock.plant_tz,
            plant=shop.plant,
            open_time={
                name: open_time.without(pinned.closed[name]) if name in pinned.closed else open_time
                for name, open_time in shop.open_time.items()
            },
            downtime=shop.downtime,
            jobs=tuple(orders.jobs),
            operations=tuple(orders.operations),
            commitments=tuple(held.values()),
            pins=tuple(pin for pin in pinned.pins if pin.operation_id not in orders.aside),
            set_aside=tuple(orders.aside[name] for name in sorted(orders.aside)),
            active_plan={
                name: PlannedStart(str(row["machine_id"]), self.clock.floor(row["start_time"]))  # type: ignore[arg-type]
                for name, row in shop.plan_rows.items()
                if name in open_ids
            },
            freeze_until=freeze_until,
        )
        return Assembly(instance, tuple(self.notebook.notes))

    def _orders(self) -> Orders:
        options = OrderOptions(
            minutes_per_unit=MINUTES_PER_UNIT[self.options.processing_time_unit],
            include_unknown=self.options.include_unknown,
            quarantined=frozenset(self.options.quarantined),
            horizon=self._span()[1],
        )
        orders = Orders()
        found = open_orders(
            self.tables["production_jobs"],
            self.history,
            self.clock,
            include_unknown=options.include_unknown,
            notebook=self.notebook,
        )
        for order in found:
            job = job_of(order, self.history, self.clock, options=options, notebook=self.notebook)
            orders.jobs.append(job)
            add_operations(orders, order, self.history, options=options)
        return orders

    def _shop(self) -> Shop:
        plant = build_plant(self.tables, self.history, self.notebook)
        time = build_open_time(
            self.tables,
            plant,
            clock=self.clock,
            span=self._span(),
            busy_since=self._busy_since(),
            notebook=self.notebook,
        )
        plan_rows = plan_rows_known_at(self.tables["scheduled_jobs"], self.clock)
        return Shop(plant, time.open_time, plan_rows, time.downtime)

    def _busy_since(self) -> dict[str, int]:
        """Return the first start of what runs on each machine."""
        since: dict[str, int] = {}
        for running in self.history.running.values():
            start = self.clock.floor(running.started)
            since[running.machine_id] = min(start, since.get(running.machine_id, start))
        return since

    def _span(self) -> tuple[int, int]:
        """Return the minutes over which calendars are expanded: a day before the first start of what runs."""
        first = min([0, *self._busy_since().values()]) // MINUTES_PER_DAY - 1
        return max(first, -60) * MINUTES_PER_DAY, self.clock.now + self.options.horizon_days * MINUTES_PER_DAY

    def _set_aside_what_no_machine_can_do(self, orders: Orders, shop: Shop, running: set[str]) -> None:
        closed = {
            name
            for name, open_time in shop.open_time.items()
            if not len(open_time.ends) or open_time.ends[-1] <= self.clock.now
        }
        answers: dict[tuple[str, str, int], tuple[UnassignedCode, str] | None] = {}
        for operation in orders.operations:
            if operation.operation_id in running or operation.operation_id in orders.aside:
                continue
            step = (operation.machine_type, operation.family, operation.sequence)
            if step not in answers:
                answers[step] = self._why_no_machine(shop, step, closed)
            answer = answers[step]
            if answer is not None:
                orders.set_aside(operation.operation_id, *answer)

    def _why_no_machine(
        self, shop: Shop, step: tuple[str, str, int], closed: set[str]
    ) -> tuple[UnassignedCode, str] | None:
        machine_type, family, sequence = step
        eligible = [
            machine.machine_id
            for machine in shop.plant.machines
            if machine.machine_type == machine_type
            and not shop.plant.is_restricted(machine.machine_id, family, sequence)
        ]
        if not eligible:
            return (
                UnassignedCode.NO_ELIGIBLE_MACHINE,
                f"no active machine for {machine_type}, {family}, step {sequence}",
            )
        if closed.issuperset(eligible):
            return (
                UnassignedCode.NO_OPEN_TIME,
                f"no open time in {self.options.horizon_days} days: {', '.join(eligible)}",
            )
        return None
