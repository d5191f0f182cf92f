"""A stored plan leaves the house as a file.

Formats are written by `shopfloor.web`; here are only files and the command's answer. Nothing is written to the
database.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shopfloor.domain.errors import RefusedInput

if TYPE_CHECKING:
    from shopfloor.web.plan_export import PlanExport

FORMATS = ("csv", "xlsx", "json", "ics")
STDOUT = Path("-")


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        path: File or folder; `-` = standard output, and then `content` is what goes there.
    """

    run_id: str
    format: str
    path: Path
    operations: int
    unassigned: int
    size: int
    content: bytes = b""

    def as_dict(self) -> dict[str, Any]:
        """Return the facts without the content."""
        return {
            "run_id": self.run_id, "format": self.format, "path": self.path,
            "operations": self.operations, "unassigned": self.unassigned, "bytes": self.size,
        }  # fmt: skip

    def text(self) -> str:
        """Return the facts for a terminal."""
        return (
            f"{self.path}: plan {self.run_id}, {self.operations} operations, "
            f"{self.unassigned} left out, {self.size:,} bytes"
        )


def export_plan(
    *, file_format: str, run_id: str | None, machine_id: str | None, output: Path | None
) -> Exported:
    """Write a stored plan in one of `FORMATS`.

    Args:
        run_id: A stored run; None = the plan in force.
        machine_id: Only what is on this machine; None = all.
        output: File to write, a folder for calendars, `-` for standard output; None = named after the run.

    Raises:
        RefusedInput: No such plan, machine or format, or a target that does not fit the format.
    """
    if file_format not in FORMATS:
        raise RefusedInput(f"no such format: {file_format!r}\nhint: {' | '.join(FORMATS)}")
    export = _plan_to_export(run_id, machine_id)
    if file_format == "ics":
        files = _calendars(export)
        path = output or Path(f"plan-{export.run_id}-calendars.zip")
        content, size = _write_calendars(files, path)
    else:
        content = _WRITERS[file_format](export)
        size = len(content)
        path = output or Path(f"plan-{export.run_id}.{file_format}")
        if path != STDOUT:
            write_whole(path, content)
    return Exported(
        export.run_id, file_format, path, len(export.items), len(export.left_out), size,
        content if path == STDOUT else b"",
    )  # fmt: skip


def write_whole(path: Path, content: bytes) -> None:
    """Write a file in one step: a reader sees the old one or the new one.

    Raises:
        RefusedInput: The place cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        raise RefusedInput(
            f"the file cannot be written: {path}: {error.strerror}\nhint: choose --output"
        ) from None


def _plan_to_export(run_id: str | None, machine_id: str | None) -> PlanExport:
    from flows.stored_plan import load_stored_plan, places_in
    from shopfloor.domain.plan_changes import compare_plans
    from shopfloor.web.plan_export import PlanExport

    plan = load_stored_plan(run_id)
    other = plan.previous_run_id
    places = None if other is None else places_in(other, plan.instance)
    export = PlanExport(
        plan.instance,
        plan.schedule,
        run_id=plan.run_id,
        statuses={row.operation_id: row.status for row in plan.rows.operations},
        changes=None if places is None else compare_plans(plan.instance, plan.schedule, places),
        before_name=other or "",
        machine_id=machine_id,
    )
    known = {machine.machine_id for machine in plan.instance.plant.machines} | set(plan.schedule.by_machine)
    if machine_id is not None and machine_id not in known:
        raise RefusedInput(
            f"the plan knows no such machine: {machine_id!r}\nhint: {_near(machine_id, known)}"
        )
    return export


def _near(name: str, known: set[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, sorted(known), n=3, cutoff=0.4)
    return (
        f"did you mean {' or '.join(near)}?"
        if near
        else f"there are {len(known)}, e.g. {min(known, default='')}"
    )


def _csv(export: PlanExport) -> bytes:
    from shopfloor.web.export_csv import plan_csv

    return plan_csv(export)


def _json(export: PlanExport) -> bytes:
    from shopfloor.domain.kpis import compute_kpis
    from shopfloor.web.export_json import plan_json

    return plan_json(export, compute_kpis(export.instance, export.schedule))


def _xlsx(export: PlanExport) -> bytes:
    from shopfloor.domain.kpis import compute_kpis
    from shopfloor.web.export_xlsx import plan_xlsx

    return plan_xlsx(export, compute_kpis(export.instance, export.schedule))


_WRITERS: Mapping[str, Callable[[PlanExport], bytes]] = {"csv": _csv, "json": _json, "xlsx": _xlsx}


def _calendars(export: PlanExport) -> dict[str, bytes]:
    from shopfloor.web.export_ics import plan_calendars

    return plan_calendars(export)


def _write_calendars(files: dict[str, bytes], path: Path) -> tuple[bytes, int]:
    """Write a ZIP, one `.ics` file or a folder of them, by the name of the target."""
    from shopfloor.web.export_ics import calendars_zip

    suffix = path.suffix.lower()
    if path == STDOUT or suffix == ".ics":
        if len(files) != 1:
            raise RefusedInput(
                f"{len(files)} machines do not fit into one calendar: {path}\n"
                "hint: --machine M, or a folder or .zip as --output"
            )
        content = next(iter(files.values()))
        if path != STDOUT:
            write_whole(path, content)
        return content, len(content)
    if suffix == ".zip":
        content = calendars_zip(files)
        write_whole(path, content)
        return b"", len(content)
    for name, content in files.items():
        write_whole(path / name, content)
    return b"", sum(len(content) for content in files.values())
