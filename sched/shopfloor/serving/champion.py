"""Find today's champion and prove it: the ledger's row, its local copy, MLflow's copy, the champion before.

The ledger says who it is; the bundle's hash proves that what was found is it. A version, an alias or a path
is never trusted by itself. When nothing can be proven there is no champion, and the ladder has lower rungs.
"""

from __future__ import annotations

import logging
import shutil
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from shopfloor.data.incidents import Incident
from shopfloor.data.ledger import LedgerRow, history
from shopfloor.domain.errors import ModelRefused
from shopfloor.policies.bundle import load_bundle
from shopfloor.policies.model import DispatchModel

if TYPE_CHECKING:
    import sqlalchemy as sa

log = logging.getLogger(__name__)

DOWNLOAD_S = 5.0
LEDGER_ROWS = 500
Source = Literal["ledger", "local", "registry", "previous"]


@dataclass(frozen=True)
class Champion:
    """A proven model.

    Attributes:
        version: Its version in the registry. bundle_hash: Hash that the ledger holds and the bundle has.
        path: The proven local bundle. source: `ledger` (its bundle path), `local` (the copy in our home),
        `registry` (fetched from MLflow now),
            `previous` (the champion before, because the present one could not be proven).
        epoch: Ledger epoch at which it was read.
    """

    model: DispatchModel
    version: str
    bundle_hash: str
    path: Path
    source: Source
    epoch: int


@dataclass(frozen=True)
class Resolution:
    """Today's champion, if there is one, and what went wrong on the way."""

    champion: Champion | None
    incidents: tuple[Incident, ...]


def models_folder(home: Path) -> Path:
    """Return the folder of verified local copies, one per bundle hash."""
    return home / "models"


def resolve_champion(
    engine: sa.Engine, *, home: Path, tracking_uri: str | None = None, download_s: float = DOWNLOAD_S
) -> Resolution:
    """Return the champion that can be proven.

    Args:
        engine: Holds the ledger.
        home: Folder whose `models/<hash>` holds verified copies.
        tracking_uri: MLflow, asked only when no local copy can be proven; None = never.
        download_s: Seconds that MLflow has.

    Raises:
        DatabaseUnavailable: The ledger cannot be read.
    """
    standing = lineage(history(engine, limit=LEDGER_ROWS))
    if not standing:
        return Resolution(None, (Incident("NO_MODEL", "info", "no champion was ever promoted"),))
    incidents: list[Incident] = []
    present = standing[-1]
    for row in (present, *standing[-2:-1]):
        champion = _prove(row, home, incidents)
        if champion is None and tracking_uri is not None:
            champion = _fetch(row, home, tracking_uri, download_s, incidents)
        if champion is not None:
            if row is not present:
                champion = replace(champion, source="previous")
            log.info("champion version=%s source=%s", champion.version, champion.source)
            return Resolution(champion, tuple(incidents))
    incidents.append(
        Incident("NO_MODEL", "error", "no champion could be proven", {"version": present.champion_version})
    )
    return Resolution(None, tuple(incidents))


def find_bundle(
    engine: sa.Engine,
    bundle_hash: str,
    *,
    home: Path,
    tracking_uri: str | None = None,
    download_s: float = DOWNLOAD_S,
) -> Resolution:
    """Return the model of a hash, whoever is champion now: a stored plan depends on it.

    Raises:
        DatabaseUnavailable: The ledger cannot be read.
    """
    incidents: list[Incident] = []
    rows = [row for row in history(engine, limit=LEDGER_ROWS) if row.bundle_hash == bundle_hash]
    for row in rows[:1]:
        found = _prove(row, home, incidents)
        if found is None and tracking_uri is not None:
            found = _fetch(row, home, tracking_uri, download_s, incidents)
        if found is not None:
            return Resolution(found, ())
    return Resolution(None, tuple(incidents))


def lineage(rows: tuple[LedgerRow, ...]) -> list[LedgerRow]:
    """Return the champions that stand, oldest first and the present one last.

    A champion that was rolled back is not in it: nobody wants it back because its successor failed too.

    Args:
        rows: The ledger, newest first.
    """
    standing: list[LedgerRow] = []
    for row in reversed(rows):
        if row.action == "promote":
            standing.append(row)
        elif row.action == "rollback":
            while standing and standing[-1].bundle_hash != row.bundle_hash:
                standing.pop()
            standing = [*standing[:-1], row]
    return standing


def _prove(row: LedgerRow, home: Path, incidents: list[Incident]) -> Champion | None:
    local = models_folder(home) / row.bundle_hash
    places: list[tuple[Path, Source]] = [(local, "local")]
    if row.bundle_path and Path(row.bundle_path) != local:
        places.insert(0, (Path(row.bundle_path), "ledger"))
    refused: list[str] = []
    for path, source in places:
        try:
            model = load_bundle(path, expected_hash=row.bundle_hash)
        except ModelRefused as error:
            refused.append(error.code)
            # a copy that is not there is no news while another one is
            if error.code != "MISSING_FILE" or path == places[-1][0]:
                incidents.append(_refusal(row, path, error))
            continue
        return Champion(model, row.champion_version, row.bundle_hash, path, source, row.epoch)
    return None


def _refusal(row: LedgerRow, path: Path, error: ModelRefused) -> Incident:
    return Incident(
        error.code,
        "error",
        f"champion {row.champion_version} was refused: {str(error).splitlines()[0]}",
        {
            "version": row.champion_version,
            "bundle_hash": row.bundle_hash,
            "path": str(path),
            "epoch": row.epoch,
        },
    )


def _fetch(
    row: LedgerRow, home: Path, tracking_uri: str, download_s: float, incidents: list[Incident]
) -> Champion | None:
    """Ask MLflow for the bundle, prove it, and put it in the place of the local copy."""
    context = {"version": row.champion_version, "bundle_hash": row.bundle_hash}
    target = models_folder(home) / f".fetched-{row.bundle_hash}"
    try:
        _download(row, target, tracking_uri, download_s)
        model = load_bundle(target, expected_hash=row.bundle_hash)
    except ModelRefused as error:
        shutil.rmtree(target, ignore_errors=True)
        incidents.append(_refusal(row, target, error))
        return None
    except Exception as error:
        incidents.append(Incident("REGISTRY_DOWN", "warning", f"MLflow gave no bundle: {error}", context))
        return None
    local = models_folder(home) / row.bundle_hash
    shutil.rmtree(local, ignore_errors=True)
    target.rename(local)
    return Champion(model, row.champion_version, row.bundle_hash, local, "registry", row.epoch)


def _download(row: LedgerRow, target: Path, tracking_uri: str, download_s: float) -> None:
    from shopfloor.tracking.client import TrackingUnavailable, is_reachable
    from shopfloor.tracking.registry import download, find_by_hash

    if not is_reachable(tracking_uri):
        raise TrackingUnavailable("the store does not answer")
    failure: list[Exception] = []

    def fetch() -> None:
        try:
            # by hash first: a champion that was promoted while MLflow was down has a name of its own
            found = find_by_hash(row.bundle_hash, tracking_uri=tracking_uri)
            download(found.version if found else row.champion_version, target, tracking_uri=tracking_uri)
        except Exception as error:
            failure.append(error)

    # a thread of its own: MLflow's own time-outs are per request, ours is for the whole
    thread = threading.Thread(target=fetch, daemon=True)
    thread.start()
    thread.join(download_s)
    if thread.is_alive():
        raise TrackingUnavailable(f"no answer within {download_s:g} s")
    if failure:
        raise failure[0]
