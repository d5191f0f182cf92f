"""A stored plan leaves the house as a file, and an exported file is checked against the plant as it is.

Formats are written by `shopfloor.web`; here are only files and the command's answers. Nothing is written to
the database.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shopfloor.domain.errors import RefusedInput
from shopfloor.settings import read_settings

if TYPE_CHECKING:
    from shopfloor.domain.instance import Instance
    from shopfloor.domain.violation import Violation
    from shopfloor.web.plan_export import PlanExport

FORMATS = ("csv", "xlsx", "json", "ics")
SHOWN_VIOLATIONS = 20
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


@dataclass(frozen=True)
class CheckedPlan:
    """What the validator says of a file's plan on the plant as it is."""

    file: Path
    run_id: str
    is_edited: bool
    as_of: datetime
    operations: int
    unassigned: int
    violations: tuple[Violation, ...]
    kpis: Mapping[str, float | None]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        names = ("file", "run_id", "is_edited", "as_of", "operations", "unassigned", "violations", "kpis")
        return {name: getattr(self, name) for name in names} | {"is_valid": not self.violations}

    def text(self) -> str:
        """Return the verdict for a terminal."""
        state = "edited since it was exported" if self.is_edited else "as it was exported"
        head = f"{self.file}: plan {self.run_id}, {state}; {self.operations} operations, {self.unassigned} left out"
        lines = [head, f"checked on the plant as of {self.as_of.isoformat()}, nothing was written"]
        if self.violations:
            lines.append(f"it breaks {len(self.violations)} rules:")
            lines += [f"  {violation}" for violation in self.violations[:SHOWN_VIOLATIONS]]
            more = len(self.violations) - SHOWN_VIOLATIONS
            lines += [f"  and {more} more"] if more > 0 else []
        else:
            lines.append("it breaks no rule: people can run it")
        lines += [
            "",
            *(f"{name:32} {value:12,.3f}" for name, value in self.kpis.items() if value is not None),
        ]
        return "\n".join(lines)


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


def check_plan_file(file: Path, *, as_of: str | None, run_id: str | None) -> CheckedPlan:
    """Validate an exported plan against the plant as it is, or as a stored run had it.

    Args:
        as_of: What counts as now, as typed; None = the clock.
        run_id: A stored run whose problem it is checked against; None = the plant as it is.

    Raises:
        RefusedInput: The file cannot be read as a plan.
    """
    from shopfloor.domain.kpis import compute_kpis
    from shopfloor.domain.validator import validate
    from shopfloor.web.import_json import read_plan_json

    try:
        data = file.read_bytes()
    except OSError as error:
        raise RefusedInput(
            f"the file cannot be read: {file}: {error.strerror}\nhint: check the path"
        ) from None
    plan = read_plan_json(data)
    instance = _instance_to_check(as_of, run_id)
    schedule = plan.schedule_on(instance)
    kpis = compute_kpis(instance, schedule).as_dict()
    return CheckedPlan(
        file, plan.run_id, plan.is_edited, instance.as_of, len(schedule.operations),
        len(schedule.unassigned), validate(instance, schedule), kpis,
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


def _instance_to_check(as_of: str | None, run_id: str | None) -> Instance:
    if run_id is not None:
        from flows.stored_plan import load_stored_plan

        return load_stored_plan(run_id).instance
    from flows.context import instant_of
    from flows.when import parse_instant

    now = datetime.now(UTC)
    given = None if as_of is None else parse_instant(as_of, plant_tz=read_settings().plant_tz, as_of=now)
    return current_instance(instant_of(given))


def current_instance(as_of: datetime) -> Instance:
    """Return the problem of this moment, from one consistent snapshot that is not kept."""
    import tempfile

    from expectations.facts import RunFacts
    from expectations.run import run_expectations
    from shopfloor.data.assembly import AssemblyOptions, assemble
    from shopfloor.data.connection import open_readonly
    from shopfloor.data.snapshot import extract

    settings = read_settings()
    with tempfile.TemporaryDirectory() as folder:
        snapshot = extract(
            open_readonly(settings.database), root=Path(folder), as_of=as_of, column_map=settings.column_map
        )
        frames = snapshot.frames()
    facts = RunFacts(as_of, snapshot.snapshot_id, settings.processing_time_unit)
    judged = run_expectations(frames, docs_dir=None, run_name=snapshot.snapshot_id, facts=facts)
    options = AssemblyOptions(
        freeze_hours=settings.freeze_hours,
        processing_time_unit=settings.processing_time_unit,
        quarantined=judged.quarantined_operations,
    )
    return assemble(judged.planning_frames, as_of=as_of, plant_tz=settings.plant_tz, options=options)
