"""Paired comparison of two schedulers over the same cases: ratio of sums, mean difference, intervals.

It knows nothing of schedules: numbers in, numbers out. Lower is better throughout. It does not test many
candidates at once, and an interval over a handful of cases is only as good as the cases.

References:
    Efron & Tibshirani, An Introduction to the Bootstrap (1993), ch. 13 (percentile) and 14 (BCa).
    Fleming & Wallace, How not to lie with statistics (1986): a mean of ratios is not a ratio of sums.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Statistic = Callable[[npt.NDArray[np.float64], npt.NDArray[np.float64]], npt.NDArray[np.float64]]
Method = Literal["bca", "percentile"]
N_RESAMPLES = 10_000
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """A two-sided confidence interval; `low <= high`, either may be infinite."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class PairedComparison:
    """One contestant against another on the same cases.

    Attributes:
        n: Number of pairs.
        ratio: Sum of ours / sum of theirs; below 1 is better. See `ratio_of_sums` for zero sums.
        ratio_interval: Bootstrap interval of `ratio`, cases resampled in pairs.
        difference: Mean of (ours - theirs), in the unit of the values.
        difference_interval: Bootstrap interval of `difference`.
        wins: Share of cases where ours is strictly smaller, 0..1.
        losses: Share of cases where ours is strictly larger, 0..1.
    """

    n: int
    ratio: float
    ratio_interval: Interval
    difference: float
    difference_interval: Interval
    wins: float
    losses: float

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON-able values; an infinite number becomes None."""
        values = asdict(self)
        for name in ("ratio_interval", "difference_interval"):
            values[name] = [finite_or_none(values[name]["low"]), finite_or_none(values[name]["high"])]
        return {
            key: finite_or_none(value) if isinstance(value, float) else value for key, value in values.items()
        }


def finite_or_none(value: float | None) -> float | None:
    """Return `value`, or None where JSON has no number for it."""
    return None if value is None or not math.isfinite(value) else float(value)


def ratio_of_sums(ours: Floats, theirs: Floats) -> Floats:
    """Return sum(ours) / sum(theirs) along the last axis, defined everywhere.

    Two zero sums are equal: 1.0. A zero (or negative) sum of theirs against a larger one of ours is +inf;
    ours below a sum of theirs that is not positive is 0.0: a ratio of costs cannot say more than "better"
    there.

    Args:
        ours: Costs, shape (..., cases).
        theirs: Costs of the other on the same cases, same shape.
    """
    top, bottom = np.sum(ours, axis=-1), np.sum(theirs, axis=-1)
    is_positive = bottom > 0
    usual = top / np.where(is_positive, bottom, 1.0)
    unusual = np.where(
        np.isclose(top, bottom, rtol=1e-12, atol=1e-12), 1.0, np.where(top > bottom, math.inf, 0.0)
    )
    return np.asarray(np.where(is_positive, usual, unusual), dtype=np.float64)


def mean_difference(ours: Floats, theirs: Floats) -> Floats:
    """Return mean(ours - theirs) along the last axis."""
    return np.asarray(np.mean(ours - theirs, axis=-1), dtype=np.float64)


def bootstrap_interval(
    statistic: Statistic,
    pairs: tuple[Floats, Floats],
    *,
    rng: np.random.Generator,
    method: Method = "bca",
    level: float = LEVEL,
) -> Interval:
    """Return the bootstrap interval of a paired statistic; cases are resampled, pairs stay together.

    BCa corrects the percentile interval for bias and skewness; where every resample gives the same number, or
    the correction is undefined (no spread in the jackknife), it is the percentile interval.

    Args:
        statistic: Maps two arrays of shape (..., cases) to shape (...).
        pairs: (ours, theirs), each of shape (cases,), at least one case.
        rng: Source of the resamples: the same generator state gives the same interval.
        method: `bca` (Efron & Tibshirani 1993, 14.3) or `percentile` (13.3).
        level: Coverage wanted, 0..1.
    """
    ours, theirs = pairs
    n = ours.size
    picks = rng.integers(0, n, size=(N_RESAMPLES, n))
    resampled = np.sort(statistic(ours[picks], theirs[picks]))
    tail = (1.0 - level) / 2.0
    low, high = tail, 1.0 - tail
    if method == "bca" and n > 2 and resampled[0] < resampled[-1]:
        low, high = _bca_levels(statistic, pairs, resampled, tail=tail)
    return Interval(
        _order_statistic(resampled, low, is_upper=False), _order_statistic(resampled, high, is_upper=True)
    )


def _bca_levels(
    statistic: Statistic,
    pairs: tuple[Floats, Floats],
    resampled: Floats,
    *,
    tail: float,
) -> tuple[float, float]:
    """Return the two quantile levels after bias correction and acceleration (eq. 14.10, 14.14, 14.15)."""
    ours, theirs = pairs
    normal = NormalDist()
    estimate = float(statistic(ours, theirs))
    below = (np.sum(resampled < estimate) + 0.5 * np.sum(resampled == estimate)) / resampled.size
    bias = normal.inv_cdf(float(np.clip(below, 1.0 / resampled.size, 1.0 - 1.0 / resampled.size)))
    keep = ~np.eye(ours.size, dtype=bool)
    without_one = statistic(
        np.broadcast_to(ours, keep.shape)[keep].reshape(ours.size, -1),
        np.broadcast_to(theirs, keep.shape)[keep].reshape(ours.size, -1),
    )
    if not np.all(np.isfinite(without_one)):
        return tail, 1.0 - tail
    deviation = np.mean(without_one) - without_one
    largest = float(np.max(np.abs(deviation)))
    if not 0.0 < largest < math.inf:
        return tail, 1.0 - tail
    deviation /= largest  # the acceleration has no scale; without this a square may overflow
    spread = float(np.sum(deviation**2))
    acceleration = float(np.sum(deviation**3)) / (6.0 * spread**1.5)

    def corrected(level: float) -> float:
        z = bias + normal.inv_cdf(level)
        return normal.cdf(bias + z / (1.0 - acceleration * z))

    return corrected(tail), corrected(1.0 - tail)


def _order_statistic(ordered: Floats, level: float, *, is_upper: bool) -> float:
    """Return the quantile rounded outwards; no interpolation: an infinite neighbour would make it NaN."""
    position = level * ordered.size
    index = math.ceil(position) - 1 if is_upper else math.floor(position)
    return float(ordered[min(max(index, 0), ordered.size - 1)])


def compare(
    ours: Sequence[float] | Floats,
    theirs: Sequence[float] | Floats,
    *,
    seed: int = 0,
    method: Method = "bca",
    level: float = LEVEL,
) -> PairedComparison:
    """Compare two contestants case by case.

    Args:
        ours: Cost of each case, shape (cases,), lower is better.
        theirs: Cost of the other on the same cases, same shape and order.
        seed: Of the resampling.
        method: See `bootstrap_interval`.
        level: Coverage of the intervals.

    Raises:
        ValueError: No case, different numbers of cases, or a value that is not finite.
    """
    mine, other = np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64)
    if mine.shape != other.shape or mine.ndim != 1 or mine.size == 0:
        raise ValueError(
            f"a paired comparison needs two equally long, non-empty lists: {mine.shape} and {other.shape}\n"
            "hint: score both contestants on the same cases first"
        )
    if not (np.all(np.isfinite(mine)) and np.all(np.isfinite(other))):
        raise ValueError("a cost is not a finite number\nhint: leave an unscored case out on both sides")

    def interval(statistic: Statistic) -> Interval:
        return bootstrap_interval(
            statistic, (mine, other), rng=np.random.default_rng(seed), method=method, level=level
        )

    return PairedComparison(
        n=int(mine.size),
        ratio=float(ratio_of_sums(mine, other)),
        ratio_interval=interval(ratio_of_sums),
        difference=float(mean_difference(mine, other)),
        difference_interval=interval(mean_difference),
        wins=float(np.mean(mine < other - 1e-9)),
        losses=float(np.mean(mine > other + 1e-9)),
    )


def compare_by_case(
    ours: Mapping[str, float], theirs: Mapping[str, float], *, seed: int = 0, method: Method = "bca"
) -> PairedComparison:
    """Compare on the cases that both have, in sorted order of their names.

    Raises:
        ValueError: They share no case.
    """
    shared = sorted(ours.keys() & theirs.keys())
    return compare(
        [ours[case] for case in shared], [theirs[case] for case in shared], seed=seed, method=method
    )
