"""Pins from the command: a planner fixes an operation's machine, start or position; refused when it cannot hold.

A pin is tried on the plant as it is now by the same assembly that the day uses, so what is stored will be
kept, unless the plant changes; then the day refuses it and says why.
"""

from __future__ import annotations

import getpass
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from flows.picture import Picture, take_picture
from flows.when import local_text
from shopfloor.domain.errors import RefusedInput
from shopfloor.settings import Settings, read_settings

if TYPE_CHECKING:
    import pandas as pd

    from shopfloor.data.assembly import Assembly
    from shopfloor.domain.instance import Instance


@dataclass(frozen=True, slots=True)
class PinLine:
    """One pin and how it stands.

    Attributes:
        holds: Whether the next plan keeps it; None = it asks for nothing any more.
        says: What follows from it, or why it does not hold.
    """

    operation_id: str
    machine_id: str | None
    start: datetime | None
    position: int | None
    by: str
    reason: str
    expires: datetime | None
    holds: bool | None
    says: str


@dataclass(frozen=True)
class PinList:
    """All pins that are stored."""

    pins: tuple[PinLine, ...]
    plant_tz: str

    def text(self) -> str:
        """Return the pins for a terminal."""
        if not self.pins:
            return "no pins"
        return "\n".join(_line(pin, self.plant_tz) for pin in self.pins)


@dataclass(frozen=True)
class PinDone:
    """A pin that was stored."""

    pin: PinLine
    plant_tz: str

    def text(self) -> str:
        """Return it for a terminal."""
        return _line(self.pin, self.plant_tz)


@dataclass(frozen=True, slots=True)
class PinWish:
    """A pin as asked for; instants aware UTC."""

    operation_id: str
    machine_id: str | None = None
    start: datetime | None = None
    position: int | None = None
    by: str | None = None
    reason: str = ""
    expires: datetime | None = None


def set_pin(wish: PinWish, *, as_of: datetime, settings: Settings | None = None) -> PinDone:
    """Store a pin in the place of earlier ones of its operation.

    Args:
        settings: Of the installation; None = the process's own.

    Raises:
        RefusedInput: The operation is not open or may not move, or the pin cannot hold, or another pin would
            not hold any more.
    """
    from shopfloor.data.connection import open_database
    from shopfloor.data.pins import PinRow, write_pin

    settings = settings or read_settings()
    picture = take_picture(settings, as_of=as_of)
    row = PinRow(
        operation_id=wish.operation_id,
        machine_id=wish.machine_id,
        start_time=wish.start,
        position=wish.position,
        pinned_by=wish.by or getpass.getuser(),
        reason=wish.reason,
        created_at=as_of,
        expires_at=wish.expires,
    )
    if wish.expires is not None and wish.expires <= as_of:
        raise RefusedInput(f"the pin has expired already: {local_text(wish.expires, settings.plant_tz)}")
    before = picture.assembled(picture.frames)
    _require_open(before.instance, wish.operation_id)
    pins = _with(picture, row.values())
    after = picture.assembled({**picture.frames, "schedule_pins": pins})
    _require_hold(before, after, wish.operation_id)
    write_pin(open_database(settings.database), row)
    lines = _lines(pins[pins["operation_id"] == wish.operation_id], after, picture)
    return PinDone(lines[0], settings.plant_tz)


def clear_pins(operation_id: str, *, settings: Settings | None = None) -> int:
    """Remove the pins of an operation and return how many there were.

    Raises:
        RefusedInput: It has none.
    """
    from shopfloor.data.connection import open_database
    from shopfloor.data.pins import remove_pins

    removed = remove_pins(open_database((settings or read_settings()).database), operation_id)
    if not removed:
        raise RefusedInput(f"{operation_id!r} has no pin\nhint: shopfloor pins lists them")
    return removed


def list_pins(*, as_of: datetime, settings: Settings | None = None) -> PinList:
    """Return all stored pins and whether each holds on the plant as it is now."""
    settings = settings or read_settings()
    picture = take_picture(settings, as_of=as_of)
    assembly = picture.assembled(picture.frames)
    return PinList(tuple(_lines(picture.frames["schedule_pins"], assembly, picture)), settings.plant_tz)


def _with(picture: Picture, values: dict[str, object]) -> pd.DataFrame:
    """Return the pins with a new one in the place of its operation's."""
    import pandas as pd

    from shopfloor.data.frames import cast

    pins = picture.frames["schedule_pins"]
    others = pins[pins["operation_id"] != values["operation_id"]]
    number = 1 if pins.empty else int(pins["pin_id"].max()) + 1
    added = cast(pd.DataFrame([values | {"pin_id": number}]), "schedule_pins")
    return pd.concat([others, added], ignore_index=True) if len(others) else added


def _require_open(instance: Instance, operation_id: str) -> None:
    from shopfloor.data.changes import near
    from shopfloor.domain.instance import CommitmentKind

    if operation_id not in instance.operation_by_id:
        raise RefusedInput(
            f"no open operation {operation_id!r}\n{near(operation_id, instance.operation_by_id)}"
        )
    commitment = instance.commitment_by_id.get(operation_id)
    if commitment is not None and commitment.kind is not CommitmentKind.PINNED:
        raise RefusedInput(f"{operation_id} may not move: it is {commitment.kind} on {commitment.machine_id}")


def _require_hold(before: Assembly, after: Assembly, operation_id: str) -> None:
    from shopfloor.domain.instance import UnassignedCode

    was = {item.operation_id for item in before.instance.set_aside}
    for item in after.instance.set_aside:
        if item.operation_id == operation_id:
            raise RefusedInput(f"the pin of {operation_id} cannot hold, {item.detail}")
        if item.code is UnassignedCode.BAD_PIN and item.operation_id not in was:
            raise RefusedInput(
                f"with the pin of {operation_id}, another one cannot hold: {item.operation_id}, {item.detail}\n"
                f"hint: shopfloor unpin {item.operation_id} first"
            )


def _lines(pins: pd.DataFrame, assembly: Assembly, picture: Picture) -> list[PinLine]:
    from shopfloor.data.frames import rows_of
    from shopfloor.data.instants import to_utc_aware

    lines = []
    for row in sorted(rows_of(pins, "schedule_pins"), key=lambda row: row["pin_id"]):
        holds, says = _standing(row, assembly, picture)
        start, expires = (
            None if row[name] is None else to_utc_aware(row[name]) for name in ("start_time", "expires_at")
        )
        lines.append(
            PinLine(
                row["operation_id"],
                row["machine_id"],
                start,
                row["position"],
                row["pinned_by"],
                row["reason"],
                expires,
                holds,
                says,
            )
        )
    return lines


def _standing(row: dict[str, Any], assembly: Assembly, picture: Picture) -> tuple[bool | None, str]:
    """Return whether a pin holds, and what follows from it or why it does not."""
    from shopfloor.data.instants import to_utc_aware
    from shopfloor.domain.instance import UnassignedCode

    instance, name = assembly.instance, row["operation_id"]
    aside = {item.operation_id: item for item in instance.set_aside}.get(name)
    if row["expires_at"] is not None and to_utc_aware(row["expires_at"]) <= picture.as_of:
        return None, "has expired"
    if aside is not None and aside.code is UnassignedCode.BAD_PIN:
        return False, aside.detail
    if any(note.code == "PIN_WITHOUT_USE" and note.where == name for note in assembly.notes):
        return None, "the operation is not open, or runs or is frozen already"
    if aside is not None:
        return False, f"the operation has no place: {aside.code} {aside.detail}"
    commitment = instance.commitment_by_id.get(name)
    if commitment is not None:
        begin = local_text(instance.to_datetime(commitment.start), instance.plant_tz)
        gap = [
            f"; {note.where} is {note.detail}"
            for note in assembly.notes
            if note.code == "PINNED_GAP"
            and note.where == commitment.machine_id
            and row["position"] is not None
        ]
        return True, f"starts {begin}{''.join(gap)}"
    others = [
        note.where for note in assembly.notes if note.code == "PINNED_WITH" and f"that {name} " in note.detail
    ]
    return True, f"fixes {', '.join(others)} before it" if others else "holds"


def _line(pin: PinLine, plant_tz: str) -> str:
    place = pin.machine_id or "any machine"
    if pin.start is not None:
        place += f" at {local_text(pin.start, plant_tz)}"
    if pin.position is not None:
        place += f" as number {pin.position}"
    until = f" until {local_text(pin.expires, plant_tz)}" if pin.expires else ""
    mark = {True: "holds", False: "REFUSED", None: "idle"}[pin.holds]
    why = f" ({pin.reason})" if pin.reason else ""
    return f"{mark:8} {pin.operation_id} on {place}{until}, by {pin.by}{why}: {pin.says}"
