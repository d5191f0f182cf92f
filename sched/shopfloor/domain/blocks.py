"""Blocks: the open pieces of setup and run that a planned operation consists of, between breaks.

Setup comes first and is attached to its operation; both need open time of the operation's level. Nothing is
judged here: a commitment that contradicts the calendar (overrun into the night, a breakdown behind it) is a
fact and becomes one solid block.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from shopfloor.domain.instance import Instance
from shopfloor.domain.open_time import BEYOND_HORIZON, OpenTime, WindowKind
from shopfloor.domain.schedule import ScheduledOperation

Activity = Literal["setup", "run"]


@dataclass(frozen=True, slots=True)
class Block:
    """A pause-free piece of work of one activity in one kind of window.

    Attributes:
        start: First minute.
        end: First minute after it.
    """

    operation_id: str
    machine_id: str
    activity: Activity
    kind: WindowKind
    start: int
    end: int

    @property
    def minutes(self) -> int:
        """Work minutes."""
        return self.end - self.start


def blocks_of(instance: Instance, item: ScheduledOperation) -> tuple[Block, ...]:
    """Return the blocks of one scheduled operation, in order of time.

    Their minutes add up to setup + run for every operation that fits its machine's open time.
    """
    open_time = instance.open_time.get(item.machine_id)
    switch = _end_of_setup(open_time, item)
    pieces: list[Block] = []
    for activity, start, end in (("setup", item.start, switch), ("run", switch, item.end)):
        if open_time is not None:
            for begin, finish, kind in open_time.pieces(start, end, item.level):
                pieces.append(_block(item, activity, kind, begin, finish))
    if pieces:
        return tuple(pieces)
    solid = (("setup", item.start, switch), ("run", switch, item.end))
    return tuple(_block(item, a, WindowKind.REGULAR, b, e) for a, b, e in solid if b < e)


def _end_of_setup(open_time: OpenTime | None, item: ScheduledOperation) -> int:
    if item.setup_minutes <= 0:
        return item.start
    if open_time is None:
        return min(item.end, item.start + item.setup_minutes)
    end = open_time.advance(item.start, item.setup_minutes, item.level)
    return item.end if end == BEYOND_HORIZON else min(item.end, end)


def _block(item: ScheduledOperation, activity: str, kind: WindowKind, start: int, end: int) -> Block:
    name: Activity = "setup" if activity == "setup" else "run"
    return Block(item.operation_id, item.machine_id, name, kind, start, end)
