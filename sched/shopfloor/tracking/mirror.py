"""MLflow's aliases made equal to what the promotion ledger says: the ledger wins, always.

MLflow's aliases are last-writer-wins, keep no history and vanish with a deleted version; so nothing that
serves reads them. They are for people, and this reconciler repairs them, as often as one likes.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from shopfloor.tracking import registry

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Standing:
    """Who stands where according to the ledger; None = nobody.

    Attributes:
        champion_hash: Bundle hash of the champion: the version in MLflow must carry it.
    """

    champion: str | None
    champion_hash: str = ""
    previous: str | None = None
    challenger: str | None = None


@dataclass(frozen=True)
class MirrorReport:
    """What was repaired (`champion: 3 -> 4`) and what could not be (`champion 4 is not registered`)."""

    repaired: tuple[str, ...]
    unresolved: tuple[str, ...]


def mirror_aliases(standing: Standing, *, tracking_uri: str) -> MirrorReport:
    """Make the aliases `champion`, `previous`, `challenger` say what the ledger says.

    `champion` is set first: a crash in between leaves the one that people look at right.

    Raises:
        TrackingUnavailable: The store does not answer.
    """
    repaired: list[str] = []
    unresolved: list[str] = []
    for alias in ("champion", "previous", "challenger"):
        wanted: str | None = getattr(standing, alias)
        current = registry.get_by_alias(alias, tracking_uri=tracking_uri)
        if wanted is not None:
            wanted, problem = _registered(alias, wanted, standing, tracking_uri)
            unresolved += [problem] if problem else []
        if (current.version if current else None) == wanted:
            continue
        registry.set_alias(alias, wanted, tracking_uri=tracking_uri)
        repaired.append(f"{alias}: {current.version if current else 'none'} -> {wanted or 'none'}")
    if repaired or unresolved:
        log.info("aliases_mirrored repaired=%s unresolved=%s", repaired, unresolved)
    return MirrorReport(tuple(repaired), tuple(unresolved))


def _registered(
    alias: str, version: str, standing: Standing, tracking_uri: str
) -> tuple[str | None, str | None]:
    """Return the version to point at and, when there is none, why not.

    A champion that was promoted while MLflow was down has a name of its own; its hash finds it later.
    """
    found = registry.get_version(version, tracking_uri=tracking_uri)
    if alias == "champion" and standing.champion_hash:
        if found is not None and found.bundle_hash != standing.champion_hash:
            carried, expected = found.bundle_hash[:12], standing.champion_hash[:12]
            return None, f"{alias} {version} has bundle {carried}, the ledger {expected}"
        found = found or registry.find_by_hash(standing.champion_hash, tracking_uri=tracking_uri)
    if found is None:
        return None, f"{alias} {version} is not registered"
    return found.version, None
