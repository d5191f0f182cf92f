"""Run a flow with Prefect where its server answers, without it where it does not: the same body either way."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.services import is_answering
from shopfloor.settings import read_settings

if TYPE_CHECKING:
    from flows.artifacts import Listener
    from flows.reports import DailyReport, MonitorReport, WeeklyReport

log = logging.getLogger(__name__)


def run_weekly(
    *,
    preset: str | None,
    seed: int | None,
    as_of: datetime | None,
    is_fresh: bool = False,
    preset_file: Path | None = None,
    listen: Listener | None = None,
) -> WeeklyReport:
    """Run the weekly cycle now; `listen` hears of its progress."""
    from flows.artifacts import listening
    from flows.weekly import weekly_cycle

    parameters = {
        "preset": preset,
        "seed": seed,
        "as_of": as_of,
        "is_fresh": is_fresh,
        "preset_file": preset_file,
    }
    with listening(listen):
        report: WeeklyReport = run_flow(weekly_cycle, parameters)
    return report


@dataclass(frozen=True)
class DailyOptions:
    """Settings of one daily run in the place of the installation's; None = the installation's.

    The names are those of `Settings`.
    """

    seed: int | None = None
    freeze_hours: float | None = None
    deadline_s: float | None = None
    objective: str | None = None
    search_workers: int | None = None
    search_iterations: int | None = None
    max_moved: int | None = None


def run_daily(
    *,
    as_of: datetime | None = None,
    options: DailyOptions = DailyOptions(),
    accept_volume: bool = False,
    listen: Listener | None = None,
) -> DailyReport:
    """Make today's plan now; `listen` hears of the search's progress."""
    from flows.artifacts import listening
    from flows.daily import daily_schedule

    parameters = {"as_of": as_of, "accept_volume": accept_volume, **asdict(options)}
    with listening(listen):
        report: DailyReport = run_flow(daily_schedule, parameters)
    return report


def run_monitor(*, as_of: datetime | None, end_of_day: bool) -> MonitorReport:
    """Compare plan and actuals now."""
    from flows.monitor import monitor_plan

    report: MonitorReport = run_flow(monitor_plan, {"as_of": as_of, "end_of_day": end_of_day})
    return report


def run_flow(flow: Any, parameters: Mapping[str, Any]) -> Any:
    """Call `flow` through Prefect when `PREFECT_API_URL` answers, else its plain body."""
    url = read_settings().prefect_api_url
    if url and is_answering(f"{url.rstrip('/')}/health"):
        return flow(**parameters)
    if url:
        log.warning("prefect_down url=%s: the flow runs without it", url)
    body: Callable[..., Any] = flow.fn
    return body(**parameters)
