"""The plan as calendars: one iCalendar file per machine, one event per pause-free block of setup or run.

Times are UTC, because a local time in the repeated hour of a clock change cannot be told from the first one;
each calendar names the plant's zone. The same plan gives the same bytes: an event's UID comes from its
operation and block, so that a calendar program moves an event instead of adding one, and DTSTAMP is `as_of`.

References:
    RFC 5545 (3.1 folding and CRLF, 3.3.11 escapes, 3.8.4.7 UID); RFC 7986 (NAME).
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from shopfloor.domain.blocks import Block
from shopfloor.domain.schedule import ScheduledOperation
from shopfloor.web.export_csv import level_name
from shopfloor.web.export_ics_zone import zone_lines
from shopfloor.web.plan_export import PlanExport, due_text

MAX_OCTETS = 75
FIXED = {"approved", "confirmed", "in_progress"}
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


def plan_calendars(export: PlanExport) -> dict[str, bytes]:
    """Return file name -> calendar, one for each machine of the plant and of the plan, idle ones too."""
    machines = [machine.machine_id for machine in export.instance.plant.machines]
    known = dict.fromkeys([*machines, *(item.machine_id for item in export.items)])
    chosen = [name for name in known if export.machine_id in (None, name)]
    by_machine: dict[str, list[ScheduledOperation]] = {name: [] for name in chosen}
    for item in export.items:
        by_machine[item.machine_id].append(item)
    names = _file_names(chosen)
    return {names[name]: machine_calendar(export, name, items) for name, items in by_machine.items()}


def calendars_zip(files: dict[str, bytes]) -> bytes:
    """Return the files as one ZIP archive; the same files give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, date_time=ZIP_EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, files[name])
    return buffer.getvalue()


def machine_calendar(export: PlanExport, machine_id: str, items: Iterable[ScheduledOperation]) -> bytes:
    """Return the calendar of one machine.

    Args:
        items: Its operations.
    """
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//shopfloor//plan export//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        f"NAME:{escaped(machine_id)}",
        f"X-WR-CALNAME:{escaped(machine_id)}",
        f"X-WR-TIMEZONE:{escaped(export.instance.plant_tz)}",
        *zone_lines(export.zone, *_span(export)),
    ]
    for item in items:
        lines += _events(export, item)
    lines.append("END:VCALENDAR")
    return "".join(folded(line) + "\r\n" for line in lines).encode("utf-8")


def escaped(text: str) -> str:
    """Return a TEXT value: backslash, semicolon, comma and line ends escaped, other controls left out."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    for sign, written in (("\\", "\\\\"), (";", "\\;"), (",", "\\,"), ("\n", "\\n")):
        plain = plain.replace(sign, written)
    return "".join(sign for sign in plain if sign >= " " and sign != "\x7f")


def folded(line: str) -> str:
    """Return a content line in pieces of at most 75 octets, no character cut in two."""
    pieces, piece, octets = [], "", 0
    for sign in line:
        size = len(sign.encode("utf-8"))
        if octets + size > MAX_OCTETS:
            pieces.append(piece)
            piece, octets = " ", 1
        piece += sign
        octets += size
    return "\r\n".join([*pieces, piece])


def _events(export: PlanExport, item: ScheduledOperation) -> Iterator[str]:
    operation = export.instance.operation_by_id.get(item.operation_id)
    job = export.instance.job_by_id.get(item.job_id)
    late, status = export.job_end.get(item.job_id), export.status_of(item)
    notes = [f"job {item.job_id}", f"operation {item.operation_id}"]
    if operation is not None:
        notes.append(f"family {operation.family}")
    if job is not None:
        notes.append(f"due {due_text(export.local(job.due))}")
        if late is not None and late > job.due:
            notes.append(f"job is {late - job.due} min late")
    notes += [f"level {level_name(item.level)}", f"status {status}"]
    blocks = _merged(export.blocks(item))
    counts = {"setup": 0, "run": 0}
    for activity, start, end in blocks:
        counts[activity] += 1
        part = f"{activity} {counts[activity]}"
        what = "Setup for " if activity == "setup" else ""
        yield from (
            "BEGIN:VEVENT",
            f"UID:{uid_of(item.operation_id, part)}",
            f"DTSTAMP:{_utc(export.instance.as_of)}",
            f"DTSTART:{_utc(export.instance.to_datetime(start))}",
            f"DTEND:{_utc(export.instance.to_datetime(end))}",
            f"SUMMARY:{escaped(f'{what}{item.job_id} / {item.operation_id}')}",
            f"DESCRIPTION:{escaped(chr(10).join([*notes, f'{part} of {len(blocks)} blocks']))}",
            f"LOCATION:{escaped(f'{item.machine_id}, slot {item.slot + 1}')}",
            f"CATEGORIES:{activity.upper()}",
            f"STATUS:{'CONFIRMED' if item.is_committed or status in FIXED else 'TENTATIVE'}",
            "END:VEVENT",
        )


def uid_of(operation_id: str, part: str) -> str:
    """Return the UID of one block: the same in every export of every plan that has it."""
    return hashlib.sha256(f"{operation_id}\0{part}".encode()).hexdigest()[:32] + "@shopfloor"


def _merged(blocks: Iterable[Block]) -> list[tuple[str, int, int]]:
    """Join blocks of one activity that touch: regular time that goes on as overtime is no pause."""
    rows: list[tuple[str, int, int]] = []
    for block in blocks:
        if rows and rows[-1][0] == block.activity and rows[-1][2] == block.start:
            rows[-1] = (block.activity, rows[-1][1], block.end)
        else:
            rows.append((block.activity, block.start, block.end))
    return rows


def _span(export: PlanExport) -> tuple[datetime, datetime]:
    starts = [item.start for item in export.items]
    ends = [item.end for item in export.items]
    first, last = min([export.instance.now, *starts]), max([export.instance.now, *ends])
    return export.instance.to_datetime(first), export.instance.to_datetime(last)


def _utc(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _file_names(machine_ids: Iterable[str]) -> dict[str, str]:
    """Return a safe file name for each machine, distinct also where upper and lower case are one."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for machine_id in machine_ids:
        plain = re.sub(r"[^A-Za-z0-9_-]+", "_", machine_id)[:60]
        if plain != machine_id or not plain or plain.lower() in taken:
            plain += "-" + hashlib.sha256(machine_id.encode()).hexdigest()[:8]
        taken.add(plain.lower())
        names[machine_id] = f"{plain}.ics"
    return names
