"""What crosses between the run and its solver child: frames of JSON, a schedule as plain rows.

The child's answers are data of an untrusted process: they are parsed strictly and never unpickled. Whether
the schedule is any good is the validator's business.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator, Mapping
from typing import Any

from shopfloor.domain.instance import Unassigned, UnassignedCode
from shopfloor.domain.schedule import Schedule, ScheduledOperation

LARGEST_FRAME = 64 * 1024 * 1024
_HEAD = struct.Struct(">I")


class BadFrame(ValueError):
    """What came through the pipe is not what we send."""


def send(descriptor: int, kind: str, **facts: object) -> None:
    """Write one frame."""
    body = json.dumps({"kind": kind, **facts}, allow_nan=False).encode()
    view = memoryview(_HEAD.pack(len(body)) + body)
    while view:
        view = view[os.write(descriptor, view) :]


class FrameReader:
    """Puts frames together from what a pipe delivers."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[dict[str, Any]]:
        """Yield every frame that is complete now.

        Raises:
            BadFrame: Too large, not JSON, or without a kind.
        """
        self._buffer += data
        while len(self._buffer) >= _HEAD.size:
            (length,) = _HEAD.unpack_from(self._buffer)
            if length > LARGEST_FRAME:
                raise BadFrame(f"a frame of {length} bytes")
            if len(self._buffer) < _HEAD.size + length:
                return
            body = bytes(self._buffer[_HEAD.size : _HEAD.size + length])
            del self._buffer[: _HEAD.size + length]
            yield _parse(body)


def _parse(body: bytes) -> dict[str, Any]:
    try:
        frame = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadFrame(f"not JSON: {str(error)[:100]}") from error
    if not isinstance(frame, dict) or not isinstance(frame.get("kind"), str):
        raise BadFrame("a frame without a kind")
    return frame


def schedule_rows(schedule: Schedule) -> dict[str, Any]:
    """Return the schedule as JSON-able rows."""
    return {
        "solver": schedule.solver,
        "operations": [
            [
                item.operation_id,
                item.job_id,
                item.machine_id,
                item.start,
                item.end,
                item.setup_minutes,
                item.run_minutes,
                item.level,
                item.slot,
                item.is_committed,
            ]
            for item in schedule.operations
        ],
        "unassigned": [[item.operation_id, item.code.value, item.detail] for item in schedule.unassigned],
    }


def schedule_from_rows(rows: object) -> Schedule:
    """Return the schedule that was sent.

    Raises:
        BadFrame: A field is missing or of another type.
    """
    if not isinstance(rows, Mapping):
        raise BadFrame("a plan that is not an object")
    try:
        return Schedule(
            operations=tuple(_operation(row) for row in rows["operations"]),
            unassigned=tuple(
                Unassigned(_text(row[0]), UnassignedCode(row[1]), _text(row[2])) for row in rows["unassigned"]
            ),
            solver=_text(rows["solver"]),
        )
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise BadFrame(f"a plan with a bad field: {str(error)[:100]}") from error


def _operation(row: list[object]) -> ScheduledOperation:
    if len(row) != 10 or not isinstance(row[9], bool):
        raise BadFrame(f"an operation of {len(row)} fields")
    numbers = [_whole(value) for value in row[3:9]]
    start, end, setup, run, level, slot = numbers
    return ScheduledOperation(
        operation_id=_text(row[0]),
        job_id=_text(row[1]),
        machine_id=_text(row[2]),
        start=start,
        end=end,
        setup_minutes=setup,
        run_minutes=run,
        level=level,
        slot=slot,
        is_committed=row[9],
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise BadFrame(f"text expected: {str(value)[:40]}")
    return value


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadFrame(f"whole number expected: {str(value)[:40]}")
    return value
