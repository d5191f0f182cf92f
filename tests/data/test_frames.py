"""Frames have exact dtypes, whatever they are made from, and nothing unreadable vanishes."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopfloor.data.column_map import read_column_map
from shopfloor.data.frames import FRAME_DTYPES, cast, cast_reporting, empty_frame, rows_of
from shopfloor.data.tables import metadata
from shopfloor.domain.errors import SchemaMismatch


@pytest.mark.parametrize("table", sorted(metadata.tables))
def test_an_empty_frame_has_the_tables_dtypes(table: str):
    for frame in (empty_frame(table), cast(pd.DataFrame(), table), cast(pd.DataFrame({"x": [1]}), table)):
        assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == dict(FRAME_DTYPES[table])


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "job_id": st.text(min_size=1, max_size=8),
                "priority": st.none() | st.integers(-5, 10) | st.just("high") | st.floats(allow_nan=True),
                "processing_time": st.none() | st.floats() | st.just("abc"),
                "lcd_date": st.none() | st.dates() | st.sampled_from(["0000-00-00", "2026-06-01", "soon"]),
                "created_at": st.none() | st.datetimes(pd.Timestamp(1900, 1, 1), pd.Timestamp(2200, 1, 1)),
                "is_interruptible": st.none() | st.booleans() | st.integers(0, 3),
            }
        ),
        max_size=6,
    )
)
def test_casting_gives_exact_dtypes_and_casting_again_changes_nothing(rows: list[dict]):
    frame, unreadable = cast_reporting(pd.DataFrame(rows, dtype=object), "production_jobs")
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == dict(FRAME_DTYPES["production_jobs"])
    assert len(frame) == len(rows)
    pd.testing.assert_frame_equal(cast(frame, "production_jobs"), frame)
    again = cast(pd.DataFrame(rows_of(frame, "production_jobs")), "production_jobs")
    pd.testing.assert_frame_equal(again, frame)
    assert sum(row["priority"] == "high" for row in rows) == sum(
        value.value == "high" for value in unreadable
    )


def test_a_clock_time_of_a_time_column_reads_as_hours_and_minutes():
    frame = cast(
        pd.DataFrame({"start_time": [dt.timedelta(hours=6, minutes=30)], "end_time": [dt.time(22, 0)]}),
        "machine_calendars",
    )
    assert frame.loc[0, ["start_time", "end_time"]].tolist() == ["06:30", "22:00"]


def test_an_aware_time_is_kept_as_utc():
    moment = pd.Timestamp("2026-06-01 06:30", tz="Europe/Berlin")
    frame = cast(pd.DataFrame({"created_at": [moment]}), "production_jobs")
    assert frame["created_at"].tolist() == [pd.Timestamp("2026-06-01 04:30")]


@pytest.mark.parametrize(
    "text",
    [
        '[nothing]\nx = "y"\n',
        '[machines]\nx = "y"\n',
        '[machines]\na = "status"\nb = "status"\n',
        "[machines\n",
    ],
)
def test_a_column_map_that_cannot_be_right_is_refused(tmp_path, text: str):
    path = tmp_path / "columns.toml"
    path.write_text(text)
    with pytest.raises(SchemaMismatch):
        read_column_map(path)
    assert read_column_map(None) == {}
