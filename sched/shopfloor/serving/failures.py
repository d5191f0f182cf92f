"""What an error means for a run: its exit code and its incident.

One table, so that every way to fail is named and tested. It handles nothing: `daily.end_badly` does.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass

from shopfloor.data.incidents import Incident
from shopfloor.domain import errors
from shopfloor.serving.exit_codes import ExitCode

SPACE_ERRNOS = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EFBIG)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an error stands for."""

    code: str
    severity: str
    exit_code: ExitCode


_TABLE: tuple[tuple[type[BaseException], Meaning], ...] = (
    (errors.LeaseHeld, Meaning("DUPLICATE_RUN", "info", ExitCode.LEASE_HELD)),
    (errors.LeaseLost, Meaning("LEASE_LOST", "warning", ExitCode.LEASE_LOST)),
    (errors.RefusedInput, Meaning("INPUT_REFUSED", "critical", ExitCode.REFUSED)),
    (errors.InvalidInstance, Meaning("INPUT_REFUSED", "critical", ExitCode.REFUSED)),
    (errors.InvalidPlant, Meaning("INPUT_REFUSED", "critical", ExitCode.REFUSED)),
    (errors.NothingToRollBack, Meaning("NOTHING_TO_ROLL_BACK", "info", ExitCode.REFUSED)),
    (errors.PromotionHeld, Meaning("PROMOTION_HELD", "info", ExitCode.REFUSED)),
    (errors.StalePromotion, Meaning("STALE_PROMOTION", "warning", ExitCode.LEASE_LOST)),
    (errors.InvalidSettings, Meaning("SETTINGS", "critical", ExitCode.CONFIG)),
    (errors.SchemaMismatch, Meaning("SCHEMA_OR_RIGHTS", "critical", ExitCode.CONFIG)),
    (errors.CommitUnknown, Meaning("COMMIT_UNKNOWN", "critical", ExitCode.INTERNAL)),
    (errors.DatabaseUnavailable, Meaning("DB_DOWN", "critical", ExitCode.LAST_GOOD)),
    (errors.SnapshotCorrupt, Meaning("SNAPSHOT_CORRUPT", "error", ExitCode.LAST_GOOD)),
    (errors.InvalidPlan, Meaning("PLAN_INVALID", "critical", ExitCode.INTERNAL)),
    (PermissionError, Meaning("SCHEMA_OR_RIGHTS", "critical", ExitCode.CONFIG)),
)
_STORAGE = Meaning("STORAGE", "critical", ExitCode.STORAGE)
_UNKNOWN = Meaning("RUN_FAILED", "critical", ExitCode.INTERNAL)


def meaning_of(error: BaseException) -> Meaning:
    """Return what an error stands for; an unknown one is a defect of ours."""
    if isinstance(error, errors.DatabaseUnavailable) and ": SPACE:" in str(error):
        return _STORAGE
    for kind, meaning in _TABLE:
        if isinstance(error, kind):
            return meaning
    if isinstance(error, OSError) and error.errno in SPACE_ERRNOS:
        return _STORAGE
    return _UNKNOWN


def incident_of(error: BaseException) -> Incident:
    """Return the incident that an error leaves; its summary is the first line of the message."""
    meaning = meaning_of(error)
    text = str(error).strip().splitlines()
    summary = text[0] if text else type(error).__name__
    context = {"error": type(error).__name__, "exit_code": int(meaning.exit_code)}
    return Incident(meaning.code, meaning.severity, summary, context)
