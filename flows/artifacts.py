"""Prefect artifacts of a run: markdown, tables, links, progress. Outside a flow run they do nothing.

Keys hold only `[a-z0-9-]`. An artifact never fails its run: the plan matters, the picture of it does not.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from flows.steps import is_in_flow_run
from shopfloor.settings import read_settings

log = logging.getLogger(__name__)

Listener = Callable[[str, float, str], None]
"""Called with (stage, share done 0..1, message)."""

_LISTENER: ContextVar[Listener | None] = ContextVar("listener", default=None)


def run_name(kind: str) -> Callable[[], str]:
    """Return a namer of flow runs: kind and UTC time, `daily-2026-06-01-0330`."""
    return lambda: f"{kind}-{datetime.now(UTC):%Y-%m-%d-%H%M}"


def artifact_key(text: str) -> str:
    """Return `text` as a key that Prefect accepts."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def markdown(key: str, text: str, *, description: str = "") -> None:
    """Publish a markdown artifact."""
    _publish("create_markdown_artifact", key, description, markdown=text)


def table(key: str, rows: Sequence[Mapping[str, Any]], *, description: str = "") -> None:
    """Publish rows as a table artifact."""
    _publish("create_table_artifact", key, description, table=[dict(row) for row in rows])


def link(key: str, path: Path, *, text: str, description: str = "") -> None:
    """Publish a link to a local HTML file."""
    _publish("create_link_artifact", key, description, link=address_of(path), link_text=text)


def address_of(path: Path) -> str:
    """Return the page's address: by the page server where there is one (browsers follow no file link from http)."""
    settings = read_settings()
    public = settings.home_dir / "public"
    if settings.pages_url and path.resolve().is_relative_to(public):
        return f"{settings.pages_url}/{path.resolve().relative_to(public).as_posix()}"
    return path.resolve().as_uri()


def _publish(function: str, key: str, description: str, **content: Any) -> None:
    if not is_in_flow_run():
        return
    import prefect.artifacts

    try:
        getattr(prefect.artifacts, function)(
            key=artifact_key(key), description=description or None, **content
        )
    except Exception as error:
        log.warning("artifact_lost key=%s cause=%s", key, error)


@contextmanager
def listening(listen: Listener | None) -> Iterator[None]:
    """Let `listen` hear every progress of the block, also through Prefect's layers."""
    token = _LISTENER.set(listen)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def current_listener() -> Listener | None:
    """Return who listens to this run's progress."""
    return _LISTENER.get()


class Progress:
    """Progress of a long run: a line in the log per step of 5 %, a bar in Prefect, and whoever listens.

    Args:
        key: Artifact key of the bar.
    """

    def __init__(self, key: str) -> None:
        self._key = artifact_key(key)
        self._listen = _LISTENER.get()
        self._artifact: UUID | None = None
        self._last: tuple[str, int] = ("", -1)

    def __call__(self, stage: str, share: float, message: str = "") -> None:
        """Report that `share` (0..1) of `stage` is done."""
        percent = int(100 * min(1.0, max(0.0, share)))
        if self._listen is not None:
            self._listen(stage, share, message)
        if (stage, percent // 5) == self._last:
            return
        self._last = (stage, percent // 5)
        log.info("progress stage=%s percent=%d %s", stage, percent, message)
        self._show(stage, percent, message)

    def _show(self, stage: str, percent: int, message: str) -> None:
        if not is_in_flow_run():
            return
        from prefect.artifacts import create_progress_artifact, update_progress_artifact

        try:
            if self._artifact is None:
                created = create_progress_artifact(
                    key=self._key, progress=float(percent), description=f"{stage}: {message}"
                )
                self._artifact = created if isinstance(created, UUID) else None
            else:
                update_progress_artifact(
                    artifact_id=self._artifact, progress=float(percent), description=f"{stage}: {message}"
                )
        except Exception as error:
            log.debug("progress_lost key=%s cause=%s", self._key, error)
