"""Empty the outbox: tell people, at least once, without ever holding up or failing a run.

Messages were queued in the transaction that they tell about; here they are sent through apprise and marked.
A sink that is slow or down costs a bounded time, and the message waits for the next run.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shopfloor.data.incidents import Incident
from shopfloor.data.outbox import Message, PendingMessage, mark_failed, mark_sent, pending

if TYPE_CHECKING:
    import sqlalchemy as sa

log = logging.getLogger(__name__)

LOUD = ("error", "critical")


@dataclass(frozen=True)
class AlertLimits:
    """How long telling people may take.

    Attributes:
        message_s: Seconds per message.
        total_s: Seconds in all; what is left waits for the next run.
    """

    message_s: float = 2.0
    total_s: float = 6.0


@dataclass(frozen=True)
class AlertReport:
    """What became of the messages; `waiting` go out with a later run."""

    sent: int
    failed: int
    waiting: int


def messages_of(incidents: Sequence[Incident]) -> tuple[Message, ...]:
    """Return the messages that incidents are worth: errors and worse, one per code."""
    loud: dict[str, Incident] = {}
    for incident in incidents:
        if incident.severity in LOUD:
            loud.setdefault(incident.code, incident)
    return tuple(
        Message(
            dedupe_key=f"incident:{incident.code}",
            title=f"shopfloor {incident.severity}: {incident.code}",
            body=incident.summary,
        )
        for incident in loud.values()
    )


def flush_outbox(engine: sa.Engine, urls: Sequence[str], *, limits: AlertLimits | None = None) -> AlertReport:
    """Send what waits; never raises.

    Args:
        engine: Holds the outbox.
        urls: apprise URLs; none = messages wait until somebody sets one.
    """
    limits = limits or AlertLimits()
    try:
        waiting = pending(engine)
        if not urls or not waiting:
            return AlertReport(0, 0, len(waiting))
        return _send_all(engine, tuple(urls), waiting, limits)
    except Exception as error:
        log.warning("alerts_failed cause=%s", error)
        return AlertReport(0, 0, 0)


def _send_all(
    engine: sa.Engine, urls: tuple[str, ...], waiting: Sequence[PendingMessage], limits: AlertLimits
) -> AlertReport:
    sent = failed = 0
    stop_at = time.monotonic() + limits.total_s
    for message in waiting:
        left = stop_at - time.monotonic()
        if left <= 0:
            break
        problem = _send(urls, message, min(left, limits.message_s))
        if problem is None:
            mark_sent(engine, message.message_id)
            sent += 1
        else:
            mark_failed(engine, message.message_id, error=problem)
            failed += 1
    if failed:
        log.warning("alerts_waiting failed=%d", failed)
    return AlertReport(sent, failed, len(waiting) - sent)


def _send(urls: tuple[str, ...], message: PendingMessage, timeout_s: float) -> str | None:
    """Return None when it went out, else why not; never with the address, it may hold a password."""
    outcome: list[str | None] = []

    def notify() -> None:
        try:
            outcome.append(_notify(urls, message))
        except Exception as error:
            outcome.append(type(error).__name__)

    # a thread that may outlive us: the sink's own time-outs are not ours to trust
    thread = threading.Thread(target=notify, daemon=True)
    thread.start()
    thread.join(timeout_s)
    return outcome[0] if outcome else f"no answer within {timeout_s:.1f} s"


def _notify(urls: tuple[str, ...], message: PendingMessage) -> str | None:
    import apprise

    sink = apprise.Apprise()
    for url in urls:
        if not sink.add(url):
            return "an alert URL is not understood"
    accepted = sink.notify(title=message.title, body=message.body, body_format=apprise.NotifyFormat.TEXT)
    return None if accepted else "the sink did not take it"
