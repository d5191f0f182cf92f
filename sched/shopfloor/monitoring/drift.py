"""Data drift against the champion's training data, with thresholds calibrated at the sample size at hand.

Fixed thresholds on PSI or Wasserstein alarm on 80-100 % of days without drift at n = 50. So each feature's
distance is compared with those of bootstrap samples of the reference of the same size, drawn by whole orders,
and the p-values are corrected over the features. What cannot be judged is `unknown`, never `stable`.
It draws nothing and raises no incident.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shopfloor.monitoring.drift_features import (
    CATEGORICAL,
    CLUSTER,
    CREATED,
    EXECUTED,
    NUMERIC,
    DriftFeatures,
    drift_features,
)

CURRENT_DAYS = 14.0
REFERENCE_DAYS = 90.0
MIN_ROWS = 50
N_BINS = 64

Verdict = Literal["stable", "drift", "unknown"]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class DriftConfig:
    """When to alarm.

    Attributes:
        alpha: Family-wise rate of false alarms per check.
        min_effect: Distances below this are no drift however certain: Wasserstein in standard deviations of
            the reference, Jensen-Shannon in 0..1.
        max_null_gain: Largest growth of a feature's share of missing values.
        n_bootstrap: Samples per feature; with 8 features and alpha 0.01, Holm needs p below 0.00125.
    """

    alpha: float = 0.01
    min_effect: float = 0.10
    max_null_gain: float = 0.10
    n_bootstrap: int = 1999


@dataclass(frozen=True)
class ColumnDrift:
    """One feature's answer.

    Attributes:
        statistic: `wasserstein` (in reference standard deviations) or `jensenshannon`.
        distance: Between reference and current.
        threshold: 95 % quantile of the distance without drift at this sample size.
        p_value: Share of samples without drift that are at least as far; NaN when not judged.
        status: stable, drift or unknown.
        reason: Why unknown, or what moved.
    """

    column: str
    statistic: str
    n_reference: int
    n_current: int
    null_share_reference: float
    null_share_current: float
    distance: float
    threshold: float
    p_value: float
    status: Verdict
    reason: str = ""


@dataclass(frozen=True)
class DriftReport:
    """The whole answer: drift if any feature drifted, else unknown if any could not be judged."""

    verdict: Verdict
    columns: tuple[ColumnDrift, ...]
    as_of: datetime

    @property
    def drifted(self) -> tuple[str, ...]:
        """Features that drifted."""
        return tuple(column.column for column in self.columns if column.status == "drift")

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        parts = [f"{c.column}: {c.reason}" for c in self.columns if c.status != "stable"]
        return (
            f"{self.verdict}: {'; '.join(parts)}"
            if parts
            else f"{self.verdict}: {len(self.columns)} features"
        )

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def check_drift(
    reference: Mapping[str, pd.DataFrame],
    current: Mapping[str, pd.DataFrame],
    *,
    reference_as_of: datetime,
    as_of: datetime,
    seed: int = 0,
    config: DriftConfig | None = None,
) -> DriftReport:
    """Compare the last two weeks with the last 90 days of the champion's training data.

    Args:
        reference: Frames of the champion's training snapshot.
        current: Frames of today's snapshot.
        seed: Of the bootstrap.

    References:
        Holm (1979), Sequentially rejective multiple test procedure. Efron & Tibshirani (1993), ch. 8:
        the unit that is resampled is the unit that is independent, here the order.
    """
    then = drift_features(reference, as_of=reference_as_of, days=REFERENCE_DAYS)
    now = drift_features(current, as_of=as_of, days=CURRENT_DAYS)
    return compare_features(then, now, as_of=as_of, seed=seed, config=config or DriftConfig())


def compare_features(
    then: DriftFeatures, now: DriftFeatures, *, as_of: datetime, seed: int, config: DriftConfig
) -> DriftReport:
    """Compare two windows feature by feature."""
    rng = np.random.default_rng(seed)
    judged = [
        _judge(name, then.column(name), now.column(name), rng, config) for name in (*CREATED, *EXECUTED)
    ]
    columns = _holm(judged, config)
    states = {column.status for column in columns}
    verdict: Verdict = "drift" if "drift" in states else "unknown" if "unknown" in states else "stable"
    return DriftReport(verdict, columns, as_of)


def _judge(
    name: str, then: pd.DataFrame, now: pd.DataFrame, rng: np.random.Generator, config: DriftConfig
) -> ColumnDrift:
    statistic = "wasserstein" if name in NUMERIC else "jensenshannon"
    problem, nulls = _pre_check(name, then, now, config)
    blank = ColumnDrift(
        column=name,
        statistic=statistic,
        n_reference=len(then),
        n_current=len(now),
        null_share_reference=nulls[0],
        null_share_current=nulls[1],
        distance=float("nan"),
        threshold=float("nan"),
        p_value=float("nan"),
        status="stable",
    )
    if problem is not None:
        status: Verdict = (
            "drift" if nulls[1] - nulls[0] > config.max_null_gain and nulls[1] < 1 else "unknown"
        )
        return replace(blank, status=status, reason=problem)
    counts_then, counts_now, widths = _counts_per_order(name, then, now)
    distance = float(_distance(counts_then.sum(0)[None], counts_now.sum(0)[None], widths)[0])
    without = _distances_without_drift(counts_then, len(counts_now), widths, rng, config.n_bootstrap)
    p_value = (1 + int((without >= distance).sum())) / (1 + len(without))
    return replace(blank, distance=distance, threshold=float(np.quantile(without, 0.95)), p_value=p_value)


def _pre_check(
    name: str, then: pd.DataFrame, now: pd.DataFrame, config: DriftConfig
) -> tuple[str | None, tuple[float, float]]:
    """Return why a feature cannot be compared, and its shares of missing values."""
    if name not in then or name not in now:
        return f"the column is missing in the {'reference' if name not in then else 'current'} data", (
            0.0,
            0.0,
        )
    nulls = (_null_share(then[name]), _null_share(now[name]))
    if nulls[1] - nulls[0] > config.max_null_gain:
        return f"missing values went from {nulls[0]:.0%} to {nulls[1]:.0%}", nulls
    for label, frame in (("reference", then), ("current", now)):
        n_valid = len(frame) - int(_is_null(frame[name]).sum())
        if n_valid < MIN_ROWS:
            return f"the {label} data has too few values: {n_valid} of {MIN_ROWS}", nulls
    return None, nulls


def _is_null(column: pd.Series) -> pd.Series:
    if column.name in NUMERIC:
        values = pd.to_numeric(column, errors="coerce").astype("float64")
        return pd.Series(~np.isfinite(values.to_numpy()), index=column.index)
    return column.isna()


def _null_share(column: pd.Series) -> float:
    return float(_is_null(column).mean()) if len(column) else 1.0


def _counts_per_order(
    name: str, then: pd.DataFrame, now: pd.DataFrame
) -> tuple[Floats, Floats, Floats | None]:
    """Return counts per (order, bin) of both windows, and the bins' widths (None: categories)."""
    valid_then, valid_now = then[~_is_null(then[name])], now[~_is_null(now[name])]
    widths: Floats | None = None
    if name in NUMERIC:
        old = valid_then[name].astype("float64").to_numpy()
        new = valid_now[name].astype("float64").to_numpy()
        scale = float(old.std()) or max(1.0, abs(float(old.mean())))
        inner = np.unique(np.quantile(old, np.linspace(0, 1, N_BINS + 1)))
        edges = np.unique(
            np.concatenate([[min(old.min(), new.min())], inner, np.quantile(new, np.linspace(0, 1, 9))])
        )
        codes = (np.searchsorted(edges, old, side="right") - 1, np.searchsorted(edges, new, side="right") - 1)
        n_bins = len(edges)
        widths = np.diff(edges) / scale
    else:
        labels = pd.Index(pd.unique(pd.concat([valid_then[name], valid_now[name]]).astype(str)))
        codes = (
            labels.get_indexer(valid_then[name].astype(str)),
            labels.get_indexer(valid_now[name].astype(str)),
        )
        n_bins = len(labels)
    return (
        _tabulate(valid_then[CLUSTER], codes[0], n_bins),
        _tabulate(valid_now[CLUSTER], codes[1], n_bins),
        widths,
    )


def _tabulate(orders: pd.Series, codes: NDArray[np.intp], n_bins: int) -> Floats:
    groups, _ = pd.factorize(orders.astype(str))
    counts = np.zeros((int(groups.max(initial=-1)) + 1, n_bins))
    np.add.at(counts, (groups, codes), 1.0)
    return counts


def _distances_without_drift(
    counts: Floats, n_orders: int, widths: Floats | None, rng: np.random.Generator, n_samples: int
) -> Floats:
    """Return distances between pairs of samples of the reference: of its own and of the current size."""
    n_reference = len(counts)
    even = np.full(n_reference, 1.0 / n_reference)
    then = rng.multinomial(n_reference, even, size=n_samples).astype(np.float64) @ counts
    now = rng.multinomial(max(1, n_orders), even, size=n_samples).astype(np.float64) @ counts
    return _distance(then, now, widths)


def _distance(then: Floats, now: Floats, widths: Floats | None) -> Floats:
    """Return the distance of each pair of count rows, shape (pairs,)."""
    p = then / np.maximum(then.sum(1, keepdims=True), 1.0)
    q = now / np.maximum(now.sum(1, keepdims=True), 1.0)
    if widths is not None:
        gaps = np.abs(np.cumsum(p, axis=1) - np.cumsum(q, axis=1))[:, :-1]
        return np.asarray(gaps @ widths)
    middle = (p + q) / 2
    return np.sqrt(np.maximum(0.0, (_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2))


def _relative_entropy(p: Floats, q: Floats) -> Floats:
    ratio = np.divide(p, q, out=np.ones_like(p), where=(p > 0) & (q > 0))
    return np.asarray((p * np.log2(ratio)).sum(1))


def _holm(columns: list[ColumnDrift], config: DriftConfig) -> tuple[ColumnDrift, ...]:
    """Mark the features whose p-values survive Holm's correction and whose effect matters."""
    tested = sorted((c for c in columns if c.status == "stable"), key=lambda c: c.p_value)
    drifted: set[str] = set()
    for rank, column in enumerate(tested):
        if column.p_value > config.alpha / (len(tested) - rank):
            break
        if column.distance >= config.min_effect:
            drifted.add(column.column)
    return tuple(replace(c, status="drift", reason=_moved(c)) if c.column in drifted else c for c in columns)


def _moved(column: ColumnDrift) -> str:
    usual = f"{column.threshold:.2f} is usual at most"
    kind = "mix moved" if column.column in CATEGORICAL else "distribution moved"
    return f"{kind} by {column.distance:.2f} ({column.statistic}; {usual}, p={column.p_value:.4f})"
