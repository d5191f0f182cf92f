"""Open time of each machine: its calendar expanded over the horizon, downtime taken out and kept beside it.

A breakdown that is open at `as_of` is closed by the mean repair time of its machine type, and a note says so;
its true end, if the data has one by now, is not used.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

import pandas as pd

from shopfloor.data.assembly_clock import Clock
from shopfloor.data.assembly_notes import Notebook
from shopfloor.data.frames import rows_of
from shopfloor.domain.calendar import DayWindow, WorkCalendar, expand, plant_default_calendar
from shopfloor.domain.errors import InvalidCalendar
from shopfloor.domain.open_time import OpenTime, WindowKind
from shopfloor.domain.plant import Machine, Plant

DEFAULT_CALENDAR = "default"
REPAIR_MINUTES_WITHOUT_HISTORY = 240
"""Assumed repair time when no breakdown of the plant has ended yet."""

_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::\d{2}(?:\.\d+)?)?")


class MachineTime(NamedTuple):
    """When machines can work, by machine_id.

    Attributes:
        open_time: Open stretches, downtime taken out.
        downtime: Open stretches that downtime took; machines that lose none are left out.
    """

    open_time: dict[str, OpenTime]
    downtime: dict[str, OpenTime]


def build_open_time(
    frames: Mapping[str, pd.DataFrame],
    plant: Plant,
    *,
    clock: Clock,
    span: tuple[int, int],
    busy_since: Mapping[str, int],
    notebook: Notebook,
) -> MachineTime:
    """Return the open stretches of each machine over `span`, and those that downtime took.

    Args:
        busy_since: Start of the first running operation per machine. Past downtime before it, and on other
            machines all past downtime, is left out: machines without downtime share one calendar.

    Raises:
        InvalidCalendar: A window or an exception is impossible.
    """
    calendars = _calendars(frames)
    named = _named_calendars(frames["machines"])
    closures = _closures(frames["machine_downtime"], plant, clock, notebook)
    expanded: dict[str, OpenTime] = {}
    result = MachineTime({}, {})
    for machine in plant.machines:
        calendar = _calendar_of(machine, named, calendars, notebook)
        if calendar.calendar_id not in expanded:
            expanded[calendar.calendar_id] = expand(
                calendar, zone=clock.plant_tz, epoch=clock.epoch, start=span[0], end=span[1]
            )
        since = busy_since.get(machine.machine_id, clock.now)
        closed = [item for item in closures.get(machine.machine_id, ()) if item[1] > since]
        base = expanded[calendar.calendar_id]
        result.open_time[machine.machine_id] = base.without(closed) if closed else base
        lost = base.within(closed) if closed else None
        if lost is not None and len(lost.starts):
            result.downtime[machine.machine_id] = lost
    return result


def _calendar_of(
    machine: Machine,
    named: Mapping[str, str],
    calendars: Mapping[str, WorkCalendar],
    notebook: Notebook,
) -> WorkCalendar:
    """Return the calendar it names; else its type's; else 'default'; else the plant's own."""
    wanted = named.get(machine.machine_id)
    if wanted is not None and wanted not in calendars:
        notebook.add("UNKNOWN_CALENDAR", machine.machine_id, f"calendar {wanted!r} has no rows")
    for name in (wanted, machine.machine_type, DEFAULT_CALENDAR):
        if name is not None and name in calendars:
            return calendars[name]
    raise AssertionError("the default calendar is always there")


def _named_calendars(machines: pd.DataFrame) -> dict[str, str]:
    rows = machines.dropna(subset=["calendar_id"])
    return dict(zip(rows["machine_id"], rows["calendar_id"], strict=True))


def _calendars(frames: Mapping[str, pd.DataFrame]) -> dict[str, WorkCalendar]:
    weekly: dict[str, dict[int, list[DayWindow]]] = defaultdict(lambda: defaultdict(list))
    for row in rows_of(frames["machine_calendars"], "machine_calendars"):
        name, weekday = str(row["calendar_id"]), row["weekday"]
        if weekday is None or not 0 <= weekday <= 6:
            raise InvalidCalendar(
                f"calendar {name!r} has no such weekday: {weekday}\nhint: 0 is Monday, 6 Sunday"
            )
        weekly[name][weekday].append(_window(row, name))
    exceptions = _exceptions(frames["calendar_exceptions"])
    calendars = {
        name: WorkCalendar(
            name, {day: tuple(windows) for day, windows in days.items()}, exceptions.get(name, {})
        )
        for name, days in weekly.items()
    }
    if DEFAULT_CALENDAR not in calendars:
        own = plant_default_calendar()
        calendars[DEFAULT_CALENDAR] = WorkCalendar(
            DEFAULT_CALENDAR, own.weekly, exceptions.get(DEFAULT_CALENDAR, {})
        )
    return calendars


def _exceptions(frame: pd.DataFrame) -> dict[str, dict[date, tuple[DayWindow, ...]]]:
    """Return per calendar the windows of its exceptional dates; a row without times closes the day."""
    windows: dict[str, dict[date, list[DayWindow]]] = defaultdict(lambda: defaultdict(list))
    for row in rows_of(frame, "calendar_exceptions"):
        if row["exception_date"] is None:
            continue
        name = str(row["calendar_id"])
        opened = windows[name][row["exception_date"]]
        if row["start_time"]:
            opened.append(_window(row, name))
    return {name: {day: tuple(opened) for day, opened in days.items()} for name, days in windows.items()}


def _window(row: Mapping[str, object], calendar_id: str) -> DayWindow:
    start, end = _minute_of_day(row["start_time"], calendar_id), _minute_of_day(row["end_time"], calendar_id)
    kind = str(row["kind"] or "regular").strip().upper()
    if kind not in WindowKind.__members__:
        raise InvalidCalendar(
            f"calendar {calendar_id!r} has a window of unknown kind: {kind.lower()!r}\n"
            "hint: regular, overtime or night"
        )
    try:
        return DayWindow(start, end or 1440, WindowKind[kind])
    except InvalidCalendar as error:
        raise InvalidCalendar(f"calendar {calendar_id!r}: {error}") from error


def _minute_of_day(text: object, calendar_id: str) -> int:
    match = _CLOCK.fullmatch(str(text).strip())
    if match is None:
        raise InvalidCalendar(f"calendar {calendar_id!r} has no clock time: {text!r}\nhint: HH:MM")
    return int(match.group(1)) * 60 + int(match.group(2))


def _closures(
    downtime: pd.DataFrame, plant: Plant, clock: Clock, notebook: Notebook
) -> dict[str, list[tuple[int, int]]]:
    """Return the closed intervals per machine, in minutes."""
    type_of = {machine.machine_id: machine.machine_type for machine in plant.machines}
    repair = _mean_repair_minutes(downtime, type_of, clock)
    closures: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for row in rows_of(downtime, "machine_downtime"):
        machine_id, start, end = row["machine_id"], row["start_time"], row["end_time"]
        if machine_id not in type_of or start is None:
            continue
        is_breakdown = (row["kind"] or "breakdown").strip().lower() != "planned"
        if is_breakdown and start > clock.as_of_row:
            continue
        begin = clock.floor(start)
        if end is None or (is_breakdown and end > clock.as_of_row):
            minutes = repair.get(type_of[machine_id], repair[""])
            finish = max(clock.now, begin) + minutes
            notebook.add("OPEN_BREAKDOWN", machine_id, f"taken to last {minutes} more minutes")
        else:
            finish = clock.ceil(end)
        if finish > begin:
            closures[machine_id].append((begin, finish))
    return closures


def _mean_repair_minutes(downtime: pd.DataFrame, type_of: Mapping[str, str], clock: Clock) -> dict[str, int]:
    """Return the mean minutes of ended breakdowns per machine type; key "" is the whole plant."""
    now = pd.Timestamp(clock.as_of_row)
    ended = downtime[(downtime["kind"].str.lower() != "planned") & (downtime["end_time"] <= now)]
    minutes = (ended["end_time"] - ended["start_time"]).dt.total_seconds() / 60
    minutes = minutes[minutes > 0]
    if minutes.empty:
        return {"": REPAIR_MINUTES_WITHOUT_HISTORY}
    by_type = minutes.groupby(ended["machine_id"].map(type_of)).mean()
    means = {str(name): max(1, round(float(value))) for name, value in by_type.items()}
    return means | {"": max(1, round(float(minutes.mean())))}
