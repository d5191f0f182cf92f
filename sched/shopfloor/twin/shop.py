"""The floor of a synthetic plant: machines, calendars, setups, restrictions and planned maintenance.

Draws the domain's own types; `plant_tables` turns them into rows. Knows nothing of demand or orders.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from shopfloor.domain.calendar import (
    DayWindow,
    OpenTime,
    WindowKind,
    WorkCalendar,
    expand,
    plant_default_calendar,
)
from shopfloor.domain.plant import Machine, Plant, Restriction, SetupRule
from shopfloor.twin.plant_spec import PlantSpec
from shopfloor.twin.product_mix import Family

FIXED_HOLIDAYS = ((1, 1), (5, 1), (10, 3), (12, 25), (12, 26))
"""(month, day) on which the plant is closed."""


@dataclass(frozen=True, slots=True)
class Outage:
    """A machine that is down, in naive UTC; an open end is None."""

    machine_id: str
    start: datetime
    end: datetime | None
    kind: str
    reason: str


@dataclass(frozen=True)
class Shop:
    """The floor without its orders.

    Attributes:
        calendars: Weekly patterns with exceptions by calendar_id; 'default' is always among them.
        calendar_of: Calendar each machine follows, by machine_id.
        named_calendar: Machines that name their calendar in their own row, by machine_id.
        maintenance: Planned outages, past and coming.
    """

    plant: Plant
    calendars: Mapping[str, WorkCalendar]
    calendar_of: Mapping[str, str]
    named_calendar: Mapping[str, str]
    maintenance: tuple[Outage, ...]

    def open_time(self, zone: str, *, epoch: datetime, minutes: int) -> dict[str, OpenTime]:
        """Return each machine's open stretches from the epoch on, outages not taken out."""
        expanded = {
            name: expand(calendar, zone=zone, epoch=epoch, start=0, end=minutes)
            for name, calendar in self.calendars.items()
        }
        return {machine: expanded[name] for machine, name in self.calendar_of.items()}


def draw_calendars(spec: PlantSpec, *, as_of: datetime) -> dict[str, WorkCalendar]:
    """Return the default calendar, one with Saturdays, and those of types with two shifts."""
    first = (as_of - timedelta(days=spec.history_days + spec.warm_up_days + 7)).date()
    closed = _holidays(first, as_of.date() + timedelta(days=420))
    default = plant_default_calendar()
    saturday = dict(default.weekly) | {5: (DayWindow(390, 720), *default.weekly.get(5, ()))}
    calendars = {"default": replace(default, calendar_id="default", exceptions=closed)}
    calendars["saturday"] = WorkCalendar("saturday", saturday, closed)
    for centre in spec.work_centres:
        if centre.has_two_shifts:
            calendars[centre.machine_type] = WorkCalendar(centre.machine_type, _two_shifts(), closed)
    return calendars


def draw_machines(spec: PlantSpec, rng: np.random.Generator) -> tuple[Machine, ...]:
    """Draw the machines, some of them slower than nominal."""
    machines = []
    for centre in spec.work_centres:
        for number in range(1, centre.n_machines + 1):
            is_slow = rng.random() < spec.slow_share
            speed = round(float(rng.uniform(0.80, 0.95)), 2) if is_slow else 1.0
            machines.append(
                Machine(
                    machine_id=f"{centre.machine_type}-{number:02d}",
                    machine_type=centre.machine_type,
                    setup_time_same=centre.setup_same,
                    setup_time_different=centre.setup_different,
                    speed_factor=speed,
                )
            )
    return tuple(machines)


def weekly_hours(
    spec: PlantSpec, machines: tuple[Machine, ...], calendars: Mapping[str, WorkCalendar]
) -> dict[str, float]:
    """Return the effective regular hours per week of each machine type: speed and breakdowns taken off."""
    hours = {}
    for centre in spec.work_centres:
        calendar = calendars.get(centre.machine_type, calendars["default"])
        week = sum(
            window.end_minute - window.start_minute
            for windows in calendar.weekly.values()
            for window in windows
            if window.kind == WindowKind.REGULAR
        )
        speed = sum(m.speed_factor for m in machines if m.machine_type == centre.machine_type)
        availability = centre.mtbf_h / (centre.mtbf_h + centre.mttr_h)
        hours[centre.machine_type] = speed * availability * week / 60
    return hours


def draw_shop(
    spec: PlantSpec,
    machines: tuple[Machine, ...],
    families: tuple[Family, ...],
    *,
    rng: np.random.Generator,
    as_of: datetime,
) -> Shop:
    """Draw everything on the floor but the machines and the products.

    Args:
        as_of: Naive UTC.
    """
    calendars = draw_calendars(spec, as_of=as_of)
    default_machines = [m.machine_id for m in machines if m.machine_type not in calendars]
    named = {default_machines[int(rng.integers(len(default_machines)))]: "saturday"}
    calendar_of = {
        m.machine_id: named.get(m.machine_id, m.machine_type if m.machine_type in calendars else "default")
        for m in machines
    }
    plant = Plant(
        machines=machines,
        setup_rules=_draw_setup_rules(spec, families, rng),
        restrictions=_draw_restrictions(spec, machines, families, rng),
    )
    maintenance = _draw_maintenance(spec, machines, rng, as_of)
    return Shop(plant, calendars, calendar_of, named, maintenance)


def local_midnight(day: date, zone: str) -> datetime:
    """Return the aware UTC instant at which a plant-local day begins."""
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def _two_shifts() -> dict[int, tuple[DayWindow, ...]]:
    day = (
        DayWindow(360, 840),
        DayWindow(840, 1320),
        DayWindow(1320, 1440, WindowKind.OVERTIME),
    )
    early = DayWindow(0, 120, WindowKind.NIGHT)
    return {weekday: (early, *day) if weekday > 0 else day for weekday in range(5)} | {5: (early,)}


def _holidays(first: date, last: date) -> dict[date, tuple[DayWindow, ...]]:
    days = {
        date(year, month, day): ()
        for year in range(first.year, last.year + 1)
        for month, day in FIXED_HOLIDAYS
    }
    return {day: windows for day, windows in days.items() if first <= day <= last}


def _draw_restrictions(
    spec: PlantSpec, machines: tuple[Machine, ...], families: tuple[Family, ...], rng: np.random.Generator
) -> tuple[Restriction, ...]:
    """Exclude up to half of the machines of a type for some families; a machine always remains."""
    restrictions = []
    for family in families:
        for machine_type in sorted({step.machine_type for step in family.steps}):
            of_type = [m.machine_id for m in machines if m.machine_type == machine_type]
            if rng.random() >= spec.restricted_share or len(of_type) < 2:
                continue
            count = int(rng.integers(1, max(2, len(of_type) // 2 + 1)))
            excluded = sorted(rng.choice(of_type, size=count, replace=False).tolist())
            restrictions += [Restriction(machine_id, family.name) for machine_id in excluded]
    return tuple(restrictions)


def _draw_setup_rules(
    spec: PlantSpec, families: tuple[Family, ...], rng: np.random.Generator
) -> tuple[SetupRule, ...]:
    """Draw a few hard changeovers into single families and easy ones between pairs of families."""
    names = [family.name for family in families]
    rules = []
    for centre in spec.work_centres:
        if rng.random() >= spec.setup_rule_share:
            continue
        hard = names[int(rng.integers(len(names)))]
        rules.append(SetupRule(2 * centre.setup_different, to_family=hard, machine_type=centre.machine_type))
        for _ in range(max(2, len(names) // 10)):
            pair = rng.choice(names, size=2, replace=False).tolist()
            minutes = (centre.setup_same + centre.setup_different) // 2
            rules.append(SetupRule(minutes, pair[0], pair[1], centre.machine_type))
    return tuple(rules)


def _draw_maintenance(
    spec: PlantSpec, machines: tuple[Machine, ...], rng: np.random.Generator, as_of: datetime
) -> tuple[Outage, ...]:
    """Draw planned maintenance of 2 to 8 hours: at the same rate in the past and in the next four weeks."""
    start = as_of - timedelta(days=spec.history_days)
    days = spec.history_days + 28
    outages = []
    for machine in machines:
        for _ in range(int(rng.poisson(spec.maintenance_share * days / 28))):
            day = local_midnight((start + timedelta(days=int(rng.integers(1, days)))).date(), spec.plant_tz)
            begin = (day + timedelta(minutes=30 * int(rng.integers(14, 26)))).replace(tzinfo=None)
            end = begin + timedelta(minutes=30 * int(rng.integers(4, 17)))
            if begin > as_of or end <= as_of:
                outages.append(Outage(machine.machine_id, begin, end, "planned", "maintenance"))
    return tuple(sorted(_without_overlaps(outages), key=lambda outage: (outage.start, outage.machine_id)))


def _without_overlaps(outages: list[Outage]) -> list[Outage]:
    kept: list[Outage] = []
    for outage in sorted(outages, key=lambda item: (item.machine_id, item.start)):
        last = kept[-1] if kept else None
        is_same = last is not None and last.machine_id == outage.machine_id
        if last is None or last.end is None or not is_same or outage.start >= last.end + timedelta(hours=1):
            kept.append(outage)
    return kept
