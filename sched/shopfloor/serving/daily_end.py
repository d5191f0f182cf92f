"""The end of a day, good or bad: KPIs, alerts, the lease given back, the exit code.

Nothing here makes a day fail that has succeeded; and a day that failed leaves one incident, in the database
or, when that is what failed, in a file.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from shopfloor.data.connection import reading
from shopfloor.data.incidents import Incident, record_incidents
from shopfloor.data.instants import database_now
from shopfloor.data.kpi_rows import record_kpis
from shopfloor.data.leases import release
from shopfloor.data.outbox import queue_message
from shopfloor.data.plans import Run
from shopfloor.data.writeback import WriteOutcome
from shopfloor.domain.errors import DatabaseUnavailable
from shopfloor.serving.alerts import AlertReport, flush_outbox, messages_of
from shopfloor.serving.daily import Day
from shopfloor.serving.exit_codes import ExitCode
from shopfloor.serving.failures import incident_of, meaning_of
from shopfloor.serving.ladder import LadderResult
from shopfloor.serving.local_incidents import keep_locally
from shopfloor.serving.rungs import Rung
from shopfloor.settings import Settings

if TYPE_CHECKING:
    import sqlalchemy as sa

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DayReport:
    """How the day ended.

    Attributes:
        run_id: Of the plan that was written or found; None = the plan in force stayed.
        status: `written`, `already_there` or `kept`.
    """

    exit_code: ExitCode
    status: str
    run_id: str | None
    alerts: AlertReport


def close_day(
    day: Day,
    *,
    outcome: WriteOutcome | None = None,
    result: LadderResult | None = None,
    done: Run | None = None,
) -> DayReport:
    """Store the day's KPIs, send what waits, give the lease back; nothing here fails the day.

    Args:
        outcome: What was written; None = the plan in force stayed.
        done: The earlier run of the same request, when there was nothing to do.
    """
    run_id = outcome.run_id if outcome else done.run_id if done else None
    if result is not None and outcome is not None and outcome.status == "written":
        _keep_kpis(day, result, outcome.run_id)
    alerts = flush_outbox(day.engine, day.settings.alert_urls)
    _give_back(day)
    status = "already_there" if done else outcome.status if outcome else "kept"
    code = _code(outcome, result, done)
    log.info("day_closed status=%s run_id=%s exit_code=%d", status, run_id, code)
    return DayReport(code, status, run_id, alerts)


def end_badly(
    error: BaseException, *, settings: Settings, as_of: datetime, day: Day | None = None,
    engine: sa.Engine | None = None,
) -> ExitCode:  # fmt: skip
    """Leave one incident for an error that ended the day, give the lease back, and say the exit code.

    Args:
        day: None when the day never opened; then `engine` (if it exists) takes the incident.
    """
    meaning, incident = meaning_of(error), incident_of(error)
    writer = day.engine if day is not None else engine
    log.error(
        "day_ended_badly code=%s exit_code=%d cause=%s", incident.code, meaning.exit_code, incident.summary
    )
    before = day.incidents if day is not None else ()
    try:
        if writer is None:
            raise DatabaseUnavailable("there is no connection")
        tell(writer, (*before, incident), as_of=as_of)
    except Exception as failure:
        log.warning("incident_kept_locally code=%s cause=%s", incident.code, type(failure).__name__)
        for found in (*before, incident):
            keep_locally(settings.home_dir, found, as_of=as_of, at=datetime.now(UTC))
    else:
        flush_outbox(writer, settings.alert_urls)
    if day is not None:
        _give_back(day)
    return meaning.exit_code


def tell(engine: sa.Engine, incidents: Sequence[Incident], *, as_of: datetime) -> None:
    """Store incidents outside of a write-back and queue their alerts."""
    with reading(engine) as connection:
        now = database_now(connection)
    record_incidents(engine, incidents, as_of=as_of, at=now)
    for message in messages_of(incidents):
        queue_message(engine, message)


def _keep_kpis(day: Day, result: LadderResult, run_id: str) -> None:
    local_day = day.as_of.astimezone(ZoneInfo(day.settings.plant_tz)).date()
    try:
        for source, kpis in (("plan", result.kpis), ("greedy", result.greedy_kpis)):
            if kpis is not None:
                record_kpis(day.engine, local_day, kpis.as_dict(), source=source, run_id=run_id)
    except Exception as error:
        log.warning("kpis_not_kept cause=%s", error)


def _give_back(day: Day) -> None:
    try:
        release(day.engine, day.lease)
    except Exception as error:
        log.warning("lease_not_given_back cause=%s", type(error).__name__)


def _code(outcome: WriteOutcome | None, result: LadderResult | None, done: Run | None) -> ExitCode:
    """Return 0 when the champion made the plan, 10 when a fallback did, 11 when the plan in force stayed."""
    if done is not None:
        return ExitCode.CHAMPION if done.model_version else ExitCode.FALLBACK
    if outcome is None:
        return ExitCode.LAST_GOOD
    is_champions = result is not None and result.rung is Rung.CHAMPION
    return ExitCode.CHAMPION if is_champions else ExitCode.FALLBACK
