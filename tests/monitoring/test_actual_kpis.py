"""What the shop really achieved, worked out by hand from a handful of actuals."""

from datetime import UTC, datetime

import pandas as pd
import pytest

from shopfloor.data.frames import cast
from shopfloor.monitoring.actual_kpis import actual_kpis

JUNE = (datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 6, 8, tzinfo=UTC))


def frames(*actuals: tuple[str, str | None]) -> dict[str, pd.DataFrame]:
    jobs = pd.DataFrame(
        {
            "job_id": ["A_P01", "A_P02", "B_P01", "C_P01"],
            "order_id": ["A", "A", "B", None],
            "priority": [5, 5, 1, 2],
            "lcd_date": pd.to_datetime(["2026-06-02", "2026-06-02", "2026-06-05", "2026-06-05"]),
            "status": ["COMPLETED", "COMPLETED", "COMPLETED", "READY"],
        }
    )
    ran = pd.DataFrame(
        {
            "schedule_id": range(len(actuals)),
            "job_id": [job for job, _ in actuals],
            "start_time": pd.Timestamp("2026-06-01 06:00"),
            "end_time": pd.to_datetime([end for _, end in actuals]),
            "setup_minutes": 30.0,
            "overtime_minutes": 60.0,
        }
    )
    return {"production_jobs": cast(jobs, "production_jobs"), "job_schedules": cast(ran, "job_schedules")}


def kpis(*actuals: tuple[str, str | None]) -> dict[str, float]:
    return actual_kpis(frames(*actuals), start=JUNE[0], end=JUNE[1], plant_tz="Europe/Berlin")


def test_an_order_is_late_from_the_end_of_its_local_due_day() -> None:
    # 2026-06-02 ends at 22:00 UTC in Berlin; A's last operation ends 24 h later, B's well before its due day's end.
    found = kpis(("A_P01", "2026-06-01 10:00"), ("A_P02", "2026-06-03 22:00"), ("B_P01", "2026-06-04 10:00"))
    assert found["n_jobs"] == 2
    assert found["weighted_tardiness"] == pytest.approx(5.0)
    assert found["mean_tardiness_days"] == pytest.approx(0.5)
    assert found["avg_days_late"] == pytest.approx(1.0)
    assert found["on_time_rate"] == pytest.approx(0.5)
    assert found["setup_hours"] == pytest.approx(1.5)
    assert found["overtime_hours"] == pytest.approx(3.0)


def test_an_order_with_a_running_operation_is_not_completed() -> None:
    assert kpis(("A_P01", "2026-06-01 10:00"), ("A_P02", None))["n_jobs"] == 0


def test_an_order_without_an_order_id_is_named_by_its_job_id() -> None:
    assert kpis(("C_P01", "2026-06-05 10:00"))["on_time_rate"] == 1.0
