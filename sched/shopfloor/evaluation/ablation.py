"""What each part of the method is worth: ablations and baselines against the full method, with intervals.

Every contestant is compared on the same training seeds, the same held-out cases and the same noise. Two
things vary, the training's seed and the case, so both are resampled: an interval over cases alone would call
one lucky training a finding. Numbers in, numbers out; nothing is trained or played here.

References:
    Owen, The pigeonhole bootstrap (2007), Annals of Applied Statistics 1(2), section 2.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from shopfloor.envs.score import USUAL, EpisodeKpis, ScoreWeights, score
from shopfloor.evaluation.contestant import TUNED
from shopfloor.evaluation.statistics import LEVEL, N_RESAMPLES, Interval, finite_or_none, ratio_of_sums

Floats = npt.NDArray[np.float64]
Ending = Literal["kept", "last"]
KINDS: Final = ("static", "dynamic")
PRIMARY: Final = "avoidable_weighted_tardiness"
SHOWN: Final = ("on_time_rate", "mean_tardiness_days", "makespan_days")


@dataclass(frozen=True, slots=True)
class AblationRow:
    """One contestant on one case, after one training.

    Attributes:
        contestant: Ablation or baseline.
        seed: Of the training; a baseline has the same figures for all, unless it was tuned.
        kind: `static` (calm) or `dynamic` (disturbed).
        ending: `kept`: the best weights on validation, what the method delivers; `last`: after the last
            update. A baseline is `kept`.
        kpis: Of the plan, by name.
        episode: Figures that the score is made of.
    """

    contestant: str
    seed: int
    case: str
    kind: str
    ending: Ending
    kpis: Mapping[str, float]
    episode: EpisodeKpis
    n_violations: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return asdict(self) | {"kpis": dict(self.kpis), "episode": self.episode._asdict()}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> AblationRow:
        """Return what `as_dict` was made from."""
        return cls(**{**stored, "episode": EpisodeKpis(**stored["episode"])})


@dataclass(frozen=True, slots=True)
class Effect:
    """Cost over the full method's, of sums over seeds and cases, with its 95 % interval; below 1 = better."""

    ratio: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves 1 out."""
        return self.low > 1.0 or self.high < 1.0

    def text(self) -> str:
        """Return `1.034 [1.010, 1.062]`."""
        return f"{self.ratio:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True)
class AblationLine:
    """One line of the table.

    Attributes:
        meaning: What is different.
        calm, disturbed: Of the kept weights against the full method's kept weights.
        calm_last, disturbed_last: Of the last weights against the full method's last; None for a baseline.
        score: Weighted score over all cases; the best tuned rule has 1.
        n_violations: Rules that its plans broke; 0 is the only good number.
    """

    contestant: str
    meaning: str
    n_seeds: int
    calm: Effect | None
    disturbed: Effect | None
    calm_last: Effect | None
    disturbed_last: Effect | None
    score: float
    on_time_rate: float
    mean_tardiness_days: float
    makespan_days: float
    n_violations: int


@dataclass(frozen=True)
class AblationTable:
    """The whole answer."""

    title: str
    n_cases: int
    seeds: tuple[int, ...]
    lines: tuple[AblationLine, ...]

    def text(self) -> str:
        """Return the table for a terminal."""
        head = (
            f"{'contestant':20}{'calm, ratio to full':>24}{'disturbed':>24}{'disturbed, last':>24}"
            f"{'score':>8}{'on time':>9}{'tard. d':>9}"
        )
        rows = [
            f"{line.contestant:20}{_cell(line.calm):>24}{_cell(line.disturbed):>24}"
            f"{_cell(line.disturbed_last):>24}"
            f"{line.score:8.3f}{line.on_time_rate:9.1%}{line.mean_tardiness_days:9.2f}"
            for line in self.lines
        ]
        seeds = f"{len(self.seeds)} training seeds, {self.n_cases} held-out cases"
        note = (
            "avoidable weighted tardiness over the full method's, 95 % over seeds and cases; below 1 = better"
        )
        return "\n".join([f"{self.title}: {seeds}", note, head, *rows])

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values; an infinite number is None."""
        return {
            "title": self.title,
            "n_cases": self.n_cases,
            "seeds": list(self.seeds),
            "lines": [_plain(asdict(line)) for line in self.lines],
        }

    def csv(self) -> str:
        """Return the table as CSV, one line per contestant."""
        out = io.StringIO()
        names = ("ratio", "low", "high")
        effects = ("calm", "disturbed", "calm_last", "disturbed_last")
        plain = ("score", *SHOWN, "n_violations")
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(
            ["contestant", "meaning", "n_seeds", *(f"{e}_{n}" for e in effects for n in names), *plain]
        )
        for line in self.lines:
            cells: list[object] = [line.contestant, line.meaning, line.n_seeds]
            for effect in (getattr(line, name) for name in effects):
                cells += ["", "", ""] if effect is None else [f"{getattr(effect, n):.6g}" for n in names]
            writer.writerow([*cells, *(f"{getattr(line, name):.6g}" for name in plain)])
        return out.getvalue()


def ablation_table(
    rows: Sequence[AblationRow],
    meanings: Mapping[str, str],
    *,
    full: str,
    title: str,
    weights: ScoreWeights = USUAL,
) -> AblationTable:
    """Return the table of all contestants that rows are there for, in the order of `meanings`.

    Args:
        rows: Of any number of cells; a contestant is compared on the seeds that it shares with `full`.
        meanings: What each contestant is.
        full: Name of the full method.
        weights: Of the score.

    Raises:
        ValueError: There is no row of the full method.
    """
    if not any(row.contestant == full for row in rows):
        raise ValueError(
            f"no row of the full method: {full!r}\nhint: train it first, all else is measured against it"
        )
    seeds = tuple(sorted({row.seed for row in rows if row.contestant == full}))
    cases = {row.case for row in rows if row.contestant == full}
    reference = _best_tuned(rows) or full
    lines = []
    for name in meanings:
        mine = [row for row in rows if row.contestant == name and row.ending == "kept" and row.seed in seeds]
        if mine:
            theirs = {(row.seed, row.case): row.episode for row in rows if _is(row, reference)}
            lines.append(_line(name, meanings[name], rows, full, _score(mine, theirs, weights)))
    return AblationTable(title, len(cases), seeds, tuple(lines))


def two_way_interval(ours: Floats, theirs: Floats, *, seed: int = 0) -> Interval:
    """Return the 95 % interval of a ratio of sums when seeds and cases are both resampled.

    Args:
        ours: Costs, shape (seeds, cases).
        theirs: Costs of the other in the same cells, same shape.
        seed: Of the resampling.
    """
    rng = np.random.default_rng(seed)
    n_seeds, n_cases = ours.shape
    of_seeds = rng.multinomial(n_seeds, np.full(n_seeds, 1 / n_seeds), size=N_RESAMPLES).astype(float)
    of_cases = rng.multinomial(n_cases, np.full(n_cases, 1 / n_cases), size=N_RESAMPLES).astype(float)
    top = np.einsum("rs,sc,rc->r", of_seeds, ours, of_cases, optimize=True)
    bottom = np.einsum("rs,sc,rc->r", of_seeds, theirs, of_cases, optimize=True)
    ratios = np.sort(ratio_of_sums(top[:, None], bottom[:, None]))
    tail = int((1.0 - LEVEL) / 2.0 * N_RESAMPLES)
    return Interval(float(ratios[tail]), float(ratios[N_RESAMPLES - 1 - tail]))


def effect(
    rows: Sequence[AblationRow], contestant: str, full: str, *, kind: str, ending: Ending
) -> Effect | None:
    """Return one contestant's cost over the full method's; None where they share no cell.

    A cell is one training seed and one case.
    """
    mine, theirs = (_costs(rows, name, kind, ending) for name in (contestant, full))
    seeds = sorted({seed for seed, _ in mine} & {seed for seed, _ in theirs})
    cases = sorted({case for _, case in mine} & {case for _, case in theirs})
    if not seeds or not cases:
        return None
    ours, other = (
        np.array([[table[seed, case] for case in cases] for seed in seeds]) for table in (mine, theirs)
    )
    interval = two_way_interval(ours, other)
    return Effect(float(ratio_of_sums(ours.ravel(), other.ravel())), interval.low, interval.high)


def _line(name: str, meaning: str, rows: Sequence[AblationRow], full: str, total: float) -> AblationLine:
    mine = [row for row in rows if row.contestant == name]
    kept = [row for row in mine if row.ending == "kept"]
    static, dynamic = KINDS
    return AblationLine(
        name,
        meaning,
        len({row.seed for row in mine}),
        effect(rows, name, full, kind=static, ending="kept"),
        effect(rows, name, full, kind=dynamic, ending="kept"),
        effect(rows, name, full, kind=static, ending="last"),
        effect(rows, name, full, kind=dynamic, ending="last"),
        total,
        n_violations=sum(row.n_violations for row in mine),
        **{kpi: fmean(row.kpis[kpi] for row in kept) for kpi in SHOWN},
    )


def _costs(
    rows: Sequence[AblationRow], contestant: str, kind: str, ending: Ending
) -> dict[tuple[int, str], float]:
    return {
        (row.seed, row.case): row.kpis[PRIMARY]
        for row in rows
        if row.contestant == contestant and row.kind == kind and row.ending == ending
    }


def _is(row: AblationRow, contestant: str) -> bool:
    return row.contestant == contestant and row.ending == "kept"


def _best_tuned(rows: Sequence[AblationRow]) -> str | None:
    totals: dict[str, float] = {}
    for row in rows:
        if row.contestant.startswith(TUNED):
            totals[row.contestant] = totals.get(row.contestant, 0.0) + row.kpis[PRIMARY]
    return min(totals, key=lambda name: totals[name]) if totals else None


def _score(
    mine: Sequence[AblationRow], theirs: Mapping[tuple[int, str], EpisodeKpis], weights: ScoreWeights
) -> float:
    pairs = [(row.episode, theirs[row.seed, row.case]) for row in mine if (row.seed, row.case) in theirs]
    return score([ours for ours, _ in pairs], [other for _, other in pairs], weights) if pairs else np.nan


def _cell(found: Effect | None) -> str:
    return "–" if found is None else found.text()


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return finite_or_none(value) if isinstance(value, float) else value
