"""Calendars: an independent reader sees every block of work, and the bytes follow RFC 5545."""

from __future__ import annotations

import zipfile
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from zoneinfo import ZoneInfo

import pytest
from exported_plans import (
    HOSTILE,
    clock_change_export,
    empty_export,
    hostile_export,
    huge_export,
    nothing_placed_export,
    small_export,
)
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar, Event

from shopfloor.web.export_ics import calendars_zip, escaped, folded, plan_calendars
from shopfloor.web.export_ics_zone import clock_changes


def events_of(export):
    """Return the events of all calendars as an independent parser reads them, by calendar."""
    return {name: Calendar.from_ical(data).walk("VEVENT") for name, data in plan_calendars(export).items()}


@pytest.mark.parametrize(
    "make",
    [
        small_export,
        hostile_export,
        clock_change_export,
        empty_export,
        nothing_placed_export,
        lambda: huge_export(200),
    ],
)
def test_events_are_the_blocks_of_work_and_add_up_to_its_minutes(make):
    export = make()
    minutes: Counter[str] = Counter()
    for events in events_of(export).values():
        for event in events:
            minutes["all"] += (event["DTEND"].dt - event["DTSTART"].dt) // timedelta(minutes=1)
            assert event["DTSTAMP"].dt == export.instance.as_of
    planned = 0
    for item in export.schedule.operations:
        open_time = export.instance.open_time[item.machine_id]  # what runs has its minutes from the calendar
        worked = open_time.work_between(item.start, item.end, item.level)
        planned += worked if item.is_committed else item.setup_minutes + item.run_minutes
    assert minutes["all"] == planned


@pytest.mark.parametrize("make", [small_export, hostile_export, clock_change_export, empty_export])
def test_lines_end_in_crlf_and_hold_at_most_75_octets(make):
    for data in plan_calendars(make()).values():
        assert data.endswith(b"END:VCALENDAR\r\n")
        lines = data.split(b"\r\n")
        assert not [line for line in lines if b"\n" in line or b"\r" in line]
        assert max(map(len, lines)) <= 75


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=300))
def test_unfolding_and_unescaping_gives_the_text_back(text):
    line = folded("SUMMARY:" + escaped(text))
    assert all(len(part.encode()) <= 75 for part in line.split("\r\n"))
    event = f"BEGIN:VEVENT\r\nUID:1\r\nDTSTAMP:20260302T000000Z\r\n{line}\r\nEND:VEVENT\r\n"
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    wanted = "".join(sign for sign in plain if sign == "\n" or (sign >= " " and sign != "\x7f"))
    assert str(Event.from_ical(event)["SUMMARY"]) == wanted


def test_every_machine_has_a_calendar_that_names_it_and_the_zone():
    calendars = plan_calendars(small_export())
    assert list(calendars) == ["M1.ics", "M2.ics", "M3.ics"]
    calendar = Calendar.from_ical(calendars["M1.ics"])
    assert (calendar["NAME"], calendar["X-WR-TIMEZONE"]) == ("M1", "Europe/Berlin")
    summaries = [str(event["SUMMARY"]) for event in calendar.walk("VEVENT")]
    assert summaries[:2] == ["Setup for A / A-P1", "A / A-P1"]


def test_the_zone_knows_both_clock_changes():
    data = next(iter(plan_calendars(clock_change_export()).values()))
    zone = Calendar.from_ical(data).walk("VTIMEZONE")[0].to_tz()
    theirs = ZoneInfo("Europe/Berlin")
    for instant in (datetime(2026, 3, 29, 0, 59, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)):
        assert instant.astimezone(zone).utcoffset() == instant.astimezone(theirs).utcoffset()
    found = list(clock_changes(theirs, datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)))
    assert found == [datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)]


def test_an_event_keeps_its_uid_when_the_operation_moves_and_uids_are_unique():
    export = small_export()
    moved = replace(
        export,
        schedule=replace(
            export.schedule,
            operations=tuple(
                replace(item, machine_id="M3", start=item.start + 200, end=item.end + 200)
                if item.operation_id == "E-P3"
                else item
                for item in export.schedule.operations
            ),
        ),
    )
    before = [str(event["UID"]) for events in events_of(export).values() for event in events]
    after = [str(event["UID"]) for events in events_of(moved).values() for event in events]
    assert len(set(before)) == len(before)
    assert set(before) == set(after)


def test_the_same_plan_gives_the_same_bytes():
    files = plan_calendars(small_export())
    assert files == plan_calendars(small_export())
    assert calendars_zip(files) == calendars_zip(dict(reversed(files.items())))
    assert zipfile.ZipFile(BytesIO(calendars_zip(files))).namelist() == ["M1.ics", "M2.ics", "M3.ics"]


def test_a_machines_name_cannot_leave_the_folder():
    (name,) = plan_calendars(hostile_export())
    assert "/" not in name and "\\" not in name and not name.startswith(".")
    (event, *_) = next(iter(events_of(hostile_export()).values()))
    assert HOSTILE in str(event["SUMMARY"])


def test_one_machine_gives_one_calendar():
    assert list(plan_calendars(small_export(machine_id="M2"))) == ["M2.ics"]


def test_five_thousand_operations_have_their_calendars():
    export = huge_export()
    calendars = plan_calendars(export)
    assert len(calendars) == 74
    assert sum(data.count(b"BEGIN:VEVENT") for data in calendars.values()) >= 5000
