"""Drift is found when it is there, not found when it is not, and never called stable when nobody can tell."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from shopfloor.data.frames import empty_frame
from shopfloor.monitoring.drift import (
    CURRENT_DAYS,
    REFERENCE_DAYS,
    DriftConfig,
    DriftReport,
    check_drift,
    compare_features,
)
from shopfloor.monitoring.drift_features import DriftFeatures, drift_features
from shopfloor.monitoring.drift_report import render_drift
from shopfloor.twin.generate import generate_plant
from shopfloor.twin.plant_spec import DEFAULT_AS_OF, DEFAULT_SPEC

REFERENCE_AS_OF = DEFAULT_AS_OF - timedelta(days=CURRENT_DAYS)
Frames = dict[str, pd.DataFrame]


@cache
def plant(seed: int = 0) -> Frames:
    return generate_plant(DEFAULT_SPEC, seed=seed)


def check(current: Frames, *, seed: int = 0) -> DriftReport:
    return check_drift(plant(), current, reference_as_of=REFERENCE_AS_OF, as_of=DEFAULT_AS_OF, seed=seed)


def recent(frames: Frames) -> pd.Series:
    """Return which operations were created in the current window."""
    return frames["production_jobs"]["created_at"] > pd.Timestamp(REFERENCE_AS_OF)


def with_jobs(change: Callable[[pd.DataFrame, pd.Series], pd.DataFrame]) -> Frames:
    """Return the plant with its recent operations changed."""
    frames = dict(plant())
    frames["production_jobs"] = change(frames["production_jobs"].copy(), recent(frames))
    return frames


def slower(jobs: pd.DataFrame, is_recent: pd.Series) -> pd.DataFrame:
    jobs.loc[is_recent, "processing_time"] *= 1.5
    return jobs


def half_null(jobs: pd.DataFrame, is_recent: pd.Series) -> pd.DataFrame:
    jobs.loc[is_recent & (np.arange(len(jobs)) % 2 == 0), "processing_time"] = np.nan
    return jobs


def test_the_same_plant_two_weeks_later_is_stable() -> None:
    report = check(plant())
    assert report.verdict == "stable", report.sentence
    assert {column.status for column in report.columns} == {"stable"}


def test_planned_work_that_grows_by_half_is_drift() -> None:
    report = check(with_jobs(slower))
    assert report.verdict == "drift"
    assert "processing_time" in report.drifted


def test_realised_work_that_grows_by_half_is_drift() -> None:
    frames = dict(plant())
    ran = frames["job_schedules"].copy()
    ran.loc[ran["end_time"] > pd.Timestamp(REFERENCE_AS_OF), "processing_time"] *= 1.5
    frames["job_schedules"] = ran
    assert "duration_ratio" in check(frames).drifted


def test_a_machine_type_that_gets_no_work_any_more_is_drift() -> None:
    report = check(with_jobs(lambda jobs, is_recent: jobs[~(is_recent & (jobs["machine_type"] == "MILL"))]))
    assert "machine_type" in report.drifted


def test_missing_values_in_half_of_the_rows_are_drift_although_the_rest_looks_alike() -> None:
    report = check(with_jobs(half_null))
    column = next(column for column in report.columns if column.column == "processing_time")
    assert column.status == "drift"
    assert "missing values went from 0% to" in column.reason


def test_a_missing_column_is_unknown_and_not_stable() -> None:
    report = check(with_jobs(lambda jobs, _: jobs.drop(columns="priority")))
    assert report.verdict == "unknown"
    assert "priority: the column is missing in the current data" in report.sentence


def test_too_few_rows_are_unknown_and_not_stable() -> None:
    report = check(with_jobs(lambda jobs, is_recent: jobs[~is_recent | (is_recent.cumsum() <= 40)]))
    column = next(column for column in report.columns if column.column == "priority")
    assert column.status == "unknown"
    assert column.reason == "the current data has too few values: 40 of 50"


def test_empty_tables_are_unknown() -> None:
    empty = {name: empty_frame(name) for name in ("production_jobs", "job_schedules")}
    report = check(empty)
    assert report.verdict == "unknown"
    assert {column.status for column in report.columns} == {"unknown"}


def test_infinite_values_count_as_missing() -> None:
    def infinite(jobs: pd.DataFrame, is_recent: pd.Series) -> pd.DataFrame:
        jobs.loc[is_recent, "processing_time"] = np.inf
        return jobs

    report = check(with_jobs(infinite))
    column = next(column for column in report.columns if column.column == "processing_time")
    assert column.null_share_current == 1.0
    assert column.status != "stable"


def test_the_same_seed_gives_the_same_answer() -> None:
    assert check(plant(), seed=7) == check(plant(), seed=7)


def test_a_report_is_two_pages_that_open_with_the_network_off(tmp_path: Path) -> None:
    then = drift_features(plant(), as_of=REFERENCE_AS_OF, days=REFERENCE_DAYS)
    current = with_jobs(slower)
    now = drift_features(current, as_of=DEFAULT_AS_OF, days=CURRENT_DAYS)
    page = render_drift(check(current), then, now, tmp_path / "drift.html")
    details = tmp_path / "drift-distributions.html"
    assert "Data drift: <span class='drift'>" in page.read_text(encoding="utf-8")
    assert details.name in page.read_text(encoding="utf-8")
    foreign = re.compile(
        r"<(?:script|link|img|iframe)[^<>]*\s(?:src|href)\s*=\s*[\"']?\s*(?:https?:)?//", re.I
    )
    for written in (page, details):
        assert not foreign.search(written.read_text(encoding="utf-8")), written


def test_a_report_about_nothing_is_still_a_page(tmp_path: Path) -> None:
    empty = {name: empty_frame(name) for name in ("production_jobs", "job_schedules")}
    then = drift_features(plant(), as_of=REFERENCE_AS_OF, days=REFERENCE_DAYS)
    now = drift_features(empty, as_of=DEFAULT_AS_OF, days=CURRENT_DAYS)
    page = render_drift(check(empty), then, now, tmp_path / "drift.html")
    text = page.read_text(encoding="utf-8")
    assert "unknown" in text
    assert "Evidently could not draw: no feature passed the pre-checks" in text


@pytest.mark.slow
def test_a_hundred_days_without_drift_raise_at_most_five_alarms() -> None:
    then = drift_features(plant(), as_of=REFERENCE_AS_OF, days=REFERENCE_DAYS)
    now = drift_features(plant(), as_of=DEFAULT_AS_OF, days=CURRENT_DAYS)
    alarms = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        current = DriftFeatures(
            resampled(then.created, now.created, rng), resampled(then.executed, now.executed, rng), 14
        )
        report = compare_features(then, current, as_of=DEFAULT_AS_OF, seed=seed, config=DriftConfig())
        alarms += report.verdict == "drift"
    assert alarms <= 5


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 11))
def test_the_history_of_a_plant_that_does_not_change_is_stable(seed: int) -> None:
    frames = plant(seed)
    report = check_drift(frames, frames, reference_as_of=REFERENCE_AS_OF, as_of=DEFAULT_AS_OF, seed=seed)
    assert report.verdict == "stable", report.sentence


def resampled(reference: pd.DataFrame, like: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Draw whole orders of the reference, as many as the current window has."""
    orders = dict(tuple(reference.dropna(subset=["order"]).groupby("order")))
    names = list(orders)
    drawn = rng.integers(len(names), size=like["order"].nunique())
    return pd.concat(
        [orders[names[index]].assign(order=str(number)) for number, index in enumerate(drawn)],
        ignore_index=True,
    )
