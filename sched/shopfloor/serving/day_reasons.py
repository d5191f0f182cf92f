"""Why the day's jobs are late, as rows to store with the plan. A fault here never costs the plan.

Codes and arguments are stored; whoever shows them makes the sentences (`domain.explain_words`).
"""

from __future__ import annotations

import logging

from shopfloor.data.incidents import Incident
from shopfloor.data.plan_rows import LateReason
from shopfloor.domain.explain import explain_late
from shopfloor.domain.instance import Instance
from shopfloor.domain.schedule import Schedule

log = logging.getLogger(__name__)


def day_reasons(
    instance: Instance, schedule: Schedule
) -> tuple[tuple[LateReason, ...], tuple[Incident, ...]]:
    """Return the causes of every late job, the costliest job and the largest cause first.

    Returns:
        The rows, and an incident when they could not be made: then there are none.
    """
    try:
        reports = explain_late(instance, schedule)
    except Exception as error:  # the plan stands, with or without its explanation
        log.exception("explanation_failed")
        summary = f"why jobs are late could not be worked out: {type(error).__name__}: {error}"
        return (), (Incident("EXPLAIN_ERROR", "warning", summary[:400]),)
    rows = tuple(
        LateReason(
            job_id=report.job_id,
            cause=part.cause.value,
            minutes=part.minutes,
            blockers=tuple(blocker.job_id for blocker in part.blockers),
        )
        for report in reports
        for part in report.causes
    )
    return rows, ()
