"""The speed goals: who is compared with whom, what must be reached and what is aimed at.

No measuring here. A goal compares two meters by work per CPU second in the same round, or judges one figure.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

AIM = "aim"
MUST = "must"
MISSED = "MISSED"
SHOWN = "shown"
NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Meter:
    """A meter of a player.

    Attributes:
        player: Its name in `bench_engine.PLAYERS`.
        name: Of the meter, as its script calls it.
    """

    player: str
    name: str


@dataclass(frozen=True)
class Ratio:
    """Ours over the peer's work per CPU second; larger is better.

    Attributes:
        must, aim: None = only shown.
    """

    goal: str
    what: str
    ours: Meter
    peer: Meter
    must: float | None = None
    aim: float | None = None


_ENGINE = "engine"
_KERNEL = Meter(_ENGINE, "kernel_edd")
_STEP, _STEP_COUNT = Meter("env", "step_operations"), Meter("env", "step_steps")
_BATCH = Meter("env", "batch")

RATIOS = (
    Ratio("G1", "kernel, all features, EDD, 500x74 : simpy without features", _KERNEL,
          Meter("simpy", "edd"), 25, 60),
    Ratio("G1", "kernel, all features, EDD, 500x74 : heapq twin, same features", _KERNEL,
          Meter("heapq", "edd"), 4),
    Ratio("G1", "kernel, all features, ATCS : heapq twin, same features", Meter(_ENGINE, "kernel_atcs"),
          Meter("heapq", "atcs")),
    Ratio("G1", "kernel, all features, EDD : bare heapq without features", _KERNEL, Meter("heapq", "bare")),
    Ratio("G1", "kernel, nothing but machines, EDD : bare heapq, the same", Meter(_ENGINE, "kernel_bare"),
          Meter("heapq", "bare")),
    Ratio("G2", "one schedule, 500x74, ATCS : heapq twin, same features", Meter(_ENGINE, "schedule_factory"),
          Meter("heapq", "schedule"), 1),
    Ratio("G3", "step() with observation and mask, ta41, operations : JSSEnv", _STEP,
          Meter("jssenv", "operations"), 15, 30),
    Ratio("G3", "the same counted in steps (ours takes forced choices on the way)", _STEP_COUNT,
          Meter("jssenv", "steps"), 15, 30),
    Ratio("G4", "64 environments in arrays, ta41, operations : JSSEnv", _BATCH,
          Meter("jssenv", "operations"), 100, 300),
    Ratio("G4", "the same : Jumanji in batches of 256 on its own 20x10", _BATCH,
          Meter("jumanji", "operations"), 8, 20),
    Ratio("G6", "decision as deployed, simulation included : MaskablePPO.predict", Meter(_ENGINE, "decisions"),
          Meter("maskable", "predict"), 20, 200),
)  # fmt: skip


@dataclass(frozen=True)
class BenchRow:
    """One line of the table.

    Attributes:
        goal: `G1` ... of the performance goals, `443` for schedules per second.
        ours, peer: Both sides in words, medians; the peer's reason where it could not be measured.
        value, low, high: Median and range over the rounds, in `unit`; None = not measured.
        must, aim: As the goal says; None = no threshold.
        at_least: Larger is better.
        verdict: `aim`, `must`, `MISSED`, `shown` or `not measured`.
    """

    goal: str
    what: str
    ours: str
    peer: str
    unit: str
    value: float | None
    low: float | None
    high: float | None
    must: float | None
    aim: float | None
    at_least: bool
    verdict: str

    def text(self) -> str:
        """Return the line for a terminal."""
        sign = "≥" if self.at_least else "≤"
        numbers = "-"
        if self.value is not None and self.low is not None and self.high is not None:
            numbers = f"{_short(self.value)} {self.unit} [{_short(self.low)}, {_short(self.high)}]"
        wanted = "" if self.must is None else f"{sign} {_short(self.must)}"
        aimed = "" if self.aim is None else f"{sign} {_short(self.aim)}"
        sides = f"{self.ours}" + (f" : {self.peer}" if self.peer else "")
        return f"{self.goal:4}{self.what:72}{numbers:28}{wanted:>8}{aimed:>8}  {self.verdict:13}{sides}"


def row_of(
    goal: str,
    what: str,
    values: list[float],
    *,
    unit: str,
    must: float | None = None,
    aim: float | None = None,
    at_least: bool = True,
    ours: str = "",
    peer: str = "",
) -> BenchRow:
    """Return a judged line; no values = not measured."""
    if not values:
        return BenchRow(goal, what, ours, peer, unit, None, None, None, must, aim, at_least, NOT_MEASURED)
    middle = median(values)
    return BenchRow(
        goal, what, ours, peer, unit, middle, min(values), max(values), must, aim, at_least,
        judged(middle, must, aim, at_least=at_least),
    )  # fmt: skip


def judged(value: float, must: float | None, aim: float | None, *, at_least: bool) -> str:
    """Return the verdict on a median."""

    def reached(threshold: float) -> bool:
        return value >= threshold if at_least else value <= threshold

    if must is None:
        return SHOWN
    if aim is not None and reached(aim):
        return AIM
    return MUST if reached(must) else MISSED


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
