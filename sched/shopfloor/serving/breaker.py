"""A breaker on the champion: three bad runs in five, and it is left alone for some runs, then tried once.

Daily runs are separate processes, so the state is a value that is stored between them (`data.rollout`). It
decides whether the champion may run; what counts as bad is the ladder's to say.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

WINDOW = 5
TOO_MANY = 3
OPEN_RUNS = 5


class BreakerPosition(StrEnum):
    """closed: the champion runs; open: it does not; half_open: one try decides."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class Breaker:
    """State between two runs.

    Attributes:
        position: Where it stands.
        runs_left: Runs that it stays open.
        recent: Last champion runs, oldest first: True = bad; at most five.
    """

    position: BreakerPosition = BreakerPosition.CLOSED
    runs_left: int = 0
    recent: tuple[bool, ...] = ()

    @property
    def lets_champion_run(self) -> bool:
        """Whether the next run may try the champion."""
        return self.position is not BreakerPosition.OPEN


def after_champion_run(breaker: Breaker, *, is_bad: bool) -> Breaker:
    """Return the state after a run that tried the champion."""
    if breaker.position is BreakerPosition.HALF_OPEN:
        return _opened() if is_bad else Breaker()
    recent = (*breaker.recent, is_bad)[-WINDOW:]
    return _opened() if sum(recent) >= TOO_MANY else replace(breaker, recent=recent)


def after_run_without_champion(breaker: Breaker) -> Breaker:
    """Return the state after a run that left the champion alone; an open breaker counts down."""
    if breaker.position is not BreakerPosition.OPEN:
        return breaker
    left = breaker.runs_left - 1
    return Breaker(BreakerPosition.HALF_OPEN) if left <= 0 else replace(breaker, runs_left=left)


def after_promotion() -> Breaker:
    """Return the state for another champion: the old one's failures are not held against it."""
    return Breaker()


def to_text(recent: tuple[bool, ...]) -> str:
    """Return the stored form, oldest first: 0 good, 1 bad."""
    return "".join("1" if bad else "0" for bad in recent)


def from_text(text: str) -> tuple[bool, ...]:
    """Return what `to_text` stored; other characters are ignored."""
    return tuple(letter == "1" for letter in text if letter in "01")[-WINDOW:]


def _opened() -> Breaker:
    return Breaker(BreakerPosition.OPEN, OPEN_RUNS)
