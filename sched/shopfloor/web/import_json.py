"""An exported plan is read again: every field is checked, nothing is believed.

The plan comes back in minutes of any instance; whether it is a good one, or still possible, is the validator's
to say.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from shopfloor.domain.errors import RefusedInput
from shopfloor.domain.fingerprint import schedule_fingerprint
from shopfloor.domain.instance import Instance, Unassigned, UnassignedCode
from shopfloor.domain.schedule import Schedule, ScheduledOperation
from shopfloor.web.export_json import FORMAT, VERSION

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class PlanFile:
    """What an exported file says.

    Attributes:
        epoch: Instant of minute 0 of `schedule`, UTC.
        schedule: The plan, as exported or as edited since.
        fingerprint: Of the plan as it was exported.
    """

    run_id: str
    plant_tz: str
    epoch: datetime
    schedule: Schedule
    fingerprint: str

    @property
    def is_edited(self) -> bool:
        """Whether the plan is not the one that was exported."""
        return schedule_fingerprint(self.schedule) != self.fingerprint

    def schedule_on(self, instance: Instance) -> Schedule:
        """Return the plan in minutes of another instance."""
        shift = (self.epoch - instance.epoch) // MINUTE
        moved = tuple(_shifted(item, shift) for item in self.schedule.operations)
        return Schedule(moved, self.schedule.unassigned, self.schedule.solver)


def read_plan_json(data: bytes) -> PlanFile:
    """Return the plan of an exported file.

    Raises:
        RefusedInput: It is no plan file, of another version, of one machine only, or a field is wrong.
    """
    top = _parse(data)
    if top.get("format") != FORMAT:
        raise _refused("format", top.get("format"), f"{FORMAT!r}")
    if top.get("version") != VERSION:
        raise _refused("version", top.get("version"), f"{VERSION}")
    if top.get("machine_id") is not None:
        raise RefusedInput(
            f"the file holds one machine only: {top['machine_id']!r}\nhint: export without --machine"
        )
    epoch = _instant(top, "epoch", "epoch")
    rows = [
        _operation(row, f"operations[{index}]", epoch) for index, row in enumerate(_list(top, "operations"))
    ]
    left_out = [_left_out(row, f"unassigned[{index}]") for index, row in enumerate(_list(top, "unassigned"))]
    ordered = sorted(rows, key=lambda item: (item.machine_id, item.slot, item.start))
    schedule = Schedule(tuple(ordered), tuple(left_out), _text(top, "solver", "solver"))
    return PlanFile(
        _text(top, "run_id", "run_id"),
        _text(top, "plant_tz", "plant_tz"),
        epoch,
        schedule,
        _text(top, "fingerprint", "fingerprint"),
    )


def _parse(data: bytes) -> dict[str, Any]:
    try:
        top = json.loads(data.decode("utf-8-sig"))
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise RefusedInput(
            f"not a plan file, the JSON cannot be read: {error}\nhint: shopfloor export --format json"
        ) from None
    if not isinstance(top, dict):
        raise _refused("file", type(top).__name__, "an object")
    return top


def _operation(row: Any, where: str, epoch: datetime) -> ScheduledOperation:
    fields = _object(row, where)
    start, end = (_instant(fields, name, where) for name in ("start", "end"))
    return ScheduledOperation(
        operation_id=_text(fields, "operation_id", where),
        job_id=_text(fields, "job_id", where),
        machine_id=_text(fields, "machine_id", where),
        start=(start - epoch) // MINUTE,
        end=(end - epoch) // MINUTE,
        setup_minutes=_whole(fields, "setup_minutes", where),
        run_minutes=_whole(fields, "run_minutes", where),
        level=_whole(fields, "level", where),
        slot=_whole(fields, "slot", where),
        is_committed=_truth(fields, "is_committed", where),
    )


def _left_out(row: Any, where: str) -> Unassigned:
    fields = _object(row, where)
    code = _text(fields, "code", where)
    if code not in UnassignedCode.__members__:
        raise _refused(f"{where}.code", code, " | ".join(UnassignedCode.__members__))
    return Unassigned(
        _text(fields, "operation_id", where), UnassignedCode(code), _text(fields, "detail", where)
    )


def _shifted(item: ScheduledOperation, minutes: int) -> ScheduledOperation:
    return replace(item, start=item.start + minutes, end=item.end + minutes)


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _refused(where, value, "an object")
    return value


def _list(fields: dict[str, Any], name: str) -> list[Any]:
    value = fields.get(name)
    if not isinstance(value, list):
        raise _refused(name, value, "a list")
    return value


def _text(fields: dict[str, Any], name: str, where: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise _refused(_place(where, name), value, "a text")
    return value


def _whole(fields: dict[str, Any], name: str, where: str) -> int:
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
        raise _refused(_place(where, name), value, "a whole number from 0")
    return value


def _truth(fields: dict[str, Any], name: str, where: str) -> bool:
    value = fields.get(name)
    if not isinstance(value, bool):
        raise _refused(_place(where, name), value, "true or false")
    return value


def _instant(fields: dict[str, Any], name: str, where: str) -> datetime:
    text = _text(fields, name, where)
    try:
        instant = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise _refused(_place(where, name), text, "a time like 2026-06-01T07:30:00+02:00") from None
    if datetime.fromisoformat(text).tzinfo is None or instant.second or instant.microsecond:
        raise _refused(_place(where, name), text, "a whole minute with its offset from UTC")
    return instant


def _place(where: str, name: str) -> str:
    return name if where == name else f"{where}.{name}"


def _refused(where: str, value: object, wanted: str) -> RefusedInput:
    return RefusedInput(
        f"not a plan that can be read, {where} is {value!r:.80}\nhint: {wanted}; see docs/plan-export.md"
    )
