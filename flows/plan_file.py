"""An exported file is checked against the plant as it is, by the validator that judges every plan.

Nothing is solved and nothing is written: a plan is never taken over from a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shopfloor.domain.errors import RefusedInput
from shopfloor.settings import read_settings

if TYPE_CHECKING:
    from shopfloor.domain.instance import Instance
    from shopfloor.domain.violation import Violation

SHOWN_VIOLATIONS = 20
INSTANTS = {
    "start", "end", "now", "release", "next_open", "pause_at", "predecessor_end", "pinned",
    "committed_start", "committed_end",
}  # fmt: skip
"""Values of violations that are minutes of the instance when they are numbers."""


@dataclass(frozen=True)
class CheckedPlan:
    """What the validator says of a file's plan.

    Attributes:
        is_edited: Whether it is another plan than the one that was exported.
        sentences: A violation each, with plant-local times.
    """

    file: Path
    run_id: str
    is_edited: bool
    as_of: datetime
    operations: int
    unassigned: int
    violations: tuple[Violation, ...]
    sentences: tuple[str, ...]
    kpis: Mapping[str, float | None]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        names = ("file", "run_id", "is_edited", "as_of", "operations", "unassigned", "violations", "kpis")
        return {name: getattr(self, name) for name in names} | {"is_valid": not self.violations}

    def text(self) -> str:
        """Return the verdict for a terminal."""
        state = "edited since it was exported" if self.is_edited else "as it was exported"
        lines = [
            f"{self.file}: plan {self.run_id}, {state}; "
            f"{self.operations} operations, {self.unassigned} left out",
            f"checked on the plant as of {self.as_of.isoformat()}, nothing was written",
        ]
        if self.violations:
            lines.append(f"it breaks {len(self.violations)} rules:")
            lines += [f"  {sentence}" for sentence in self.sentences[:SHOWN_VIOLATIONS]]
            more = len(self.violations) - SHOWN_VIOLATIONS
            lines += [f"  and {more} more: --json has all"] if more > 0 else []
        else:
            lines.append("it breaks no rule: people can run it")
        lines += [
            "",
            *(f"{name:32} {value:12,.3f}" for name, value in self.kpis.items() if value is not None),
        ]
        return "\n".join(lines)


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
            f"the file cannot be read: {file}: {error.strerror}\nhint: shopfloor export --format json writes one"
        ) from None
    plan = read_plan_json(data)
    instance = _instance(as_of, run_id)
    schedule = plan.schedule_on(instance)
    violations = validate(instance, schedule)
    return CheckedPlan(
        file=file,
        run_id=plan.run_id,
        is_edited=plan.is_edited,
        as_of=instance.as_of,
        operations=len(schedule.operations),
        unassigned=len(schedule.unassigned),
        violations=violations,
        sentences=tuple(sentence_of(violation, instance) for violation in violations),
        kpis=compute_kpis(instance, schedule).as_dict(),
    )


def sentence_of(violation: Violation, instance: Instance) -> str:
    """Return a violation for people: its minutes since the epoch become plant-local times."""
    from flows.when import local_text

    def shown(name: str, value: str | int | float) -> str:
        if name not in INSTANTS or not isinstance(value, int):
            return str(value)
        return local_text(instance.to_datetime(value), instance.plant_tz)

    found = ", ".join(f"{name} {shown(name, value)}" for name, value in violation.values.items())
    return f"{violation.code} {violation.where}: {found}"


def _instance(as_of: str | None, run_id: str | None) -> Instance:
    if run_id is not None:
        from flows.stored_plan import load_stored_plan

        return load_stored_plan(run_id).instance
    from flows.context import instant_of
    from flows.picture import take_picture
    from flows.when import parse_instant

    settings, now = read_settings(), datetime.now(UTC)
    given = now if as_of is None else parse_instant(as_of, plant_tz=settings.plant_tz, as_of=now)
    picture = take_picture(settings, as_of=instant_of(given))
    return picture.assembled(picture.frames).instance
