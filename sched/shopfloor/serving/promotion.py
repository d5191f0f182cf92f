"""Change the champion: promote, keep, roll back, hold. The ledger row is the one commit point.

Order: verified local copy, then the ledger by compare-and-set, then MLflow's aliases as well as may be. A
crash in between leaves a champion that can be served. It judges nothing: the verdict is given.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shopfloor.data.ledger import LedgerEntry, LedgerRow, append, history
from shopfloor.data.rollout import RolloutState, read_rollout, write_rollout
from shopfloor.domain.errors import ModelRefused, NothingToRollBack, PromotionHeld, StalePromotion
from shopfloor.faults import fault_point
from shopfloor.policies.bundle import copy_bundle, load_bundle
from shopfloor.serving.champion import LEDGER_ROWS, lineage, models_folder

if TYPE_CHECKING:
    import sqlalchemy as sa

log = logging.getLogger(__name__)

HOLD = "hold"


@dataclass(frozen=True)
class Decision:
    """What was judged, and by whom.

    Attributes:
        version: Registry version of the candidate.
        bundle_hash: Its hash.
        expected_epoch: Ledger epoch of the champion that it was compared with; 0 = none.
        verdict: Criteria and numbers, JSON-able.
        decided_by: `gate` or a person.
    """

    version: str
    bundle_hash: str
    expected_epoch: int
    verdict: Mapping[str, Any] = field(default_factory=dict)
    decided_by: str = "gate"


def promote(
    engine: sa.Engine,
    bundle_dir: Path,
    decision: Decision,
    *,
    home: Path,
    tracking_uri: str | None = None,
) -> LedgerRow:
    """Make a candidate the champion; the same decision again (after a crash) changes nothing.

    Args:
        bundle_dir: Its bundle; proven here and copied to `home/models/<hash>`.
        tracking_uri: MLflow, whose aliases follow; None = leave them.

    Raises:
        ModelRefused: The bundle fails its proof.
        StalePromotion: The ledger moved on since the verdict.
        PromotionHeld: A person rolled back and the hold stands.
    """
    rows = history(engine, limit=1)
    if _is_written(rows, "promote", decision):
        _reset_breaker(engine)
        mirror(engine, tracking_uri=tracking_uri)
        return rows[0]
    if is_held(rows) and decision.decided_by == "gate":
        raise PromotionHeld(
            f"promotions are held since the rollback of epoch {rows[0].epoch}\n"
            "hint: shopfloor rollback --release lifts the hold"
        )
    load_bundle(bundle_dir, expected_hash=decision.bundle_hash)
    local = models_folder(home) / decision.bundle_hash
    keep_copy(bundle_dir, local, decision.bundle_hash)
    fault_point("promotion.before_ledger")
    row = append(
        engine,
        LedgerEntry(
            action="promote",
            champion_version=decision.version,
            bundle_hash=decision.bundle_hash,
            bundle_path=str(local),
            challenger_version=decision.version,
            previous_version=rows[0].champion_version if rows else None,
            verdict=decision.verdict,
            decided_by=decision.decided_by,
        ),
        expected_epoch=decision.expected_epoch,
    )
    fault_point("promotion.after_ledger")
    _reset_breaker(engine)
    log.info("promoted version=%s epoch=%d", row.champion_version, row.epoch)
    mirror(engine, tracking_uri=tracking_uri)
    return row


def keep(engine: sa.Engine, decision: Decision, *, tracking_uri: str | None = None) -> LedgerRow:
    """Write down that a candidate was judged and the champion stays; the same again changes nothing.

    Raises:
        StalePromotion: The ledger moved on since the verdict, or there is no champion.
    """
    rows = history(engine, limit=1)
    if _is_written(rows, "keep", decision):
        return rows[0]
    if not rows:
        raise StalePromotion("there is no champion to keep\nhint: promote the best tuned rule first")
    present = rows[0]
    row = append(
        engine,
        LedgerEntry(
            action="keep",
            champion_version=present.champion_version,
            bundle_hash=present.bundle_hash,
            bundle_path=present.bundle_path,
            challenger_version=decision.version,
            previous_version=present.previous_version,
            verdict={**dict(decision.verdict), **({HOLD: True} if is_held(rows) else {})},
            decided_by=decision.decided_by,
        ),
        expected_epoch=decision.expected_epoch,
    )
    mirror(engine, tracking_uri=tracking_uri)
    return row


def rollback(
    engine: sa.Engine,
    *,
    home: Path,
    decided_by: str,
    reason: str = "",
    tracking_uri: str | None = None,
) -> LedgerRow:
    """Bring the champion before back, and hold promotions until somebody lifts the hold.

    Raises:
        NothingToRollBack: No earlier champion can be proven.
        StalePromotion: Somebody decided at the same moment.
    """
    rows = history(engine, limit=LEDGER_ROWS)
    standing = lineage(rows)
    if not standing:
        raise NothingToRollBack(
            "no champion was ever promoted\nhint: shopfloor weekly promotes the first one"
        )
    present = standing[-1]
    for row in reversed(standing[:-1]):
        path = _provable(row, home)
        if path is None:
            continue
        written = append(
            engine,
            LedgerEntry(
                action="rollback",
                champion_version=row.champion_version,
                bundle_hash=row.bundle_hash,
                bundle_path=str(path),
                previous_version=present.champion_version,
                verdict={HOLD: True, "reason": reason, "rolled_back": present.champion_version},
                decided_by=decided_by,
            ),
            expected_epoch=rows[0].epoch,
        )
        _reset_breaker(engine)
        log.warning("rolled_back from=%s to=%s", present.champion_version, row.champion_version)
        mirror(engine, tracking_uri=tracking_uri)
        return written
    raise NothingToRollBack(
        f"no champion before {present.champion_version} can be proven\n"
        "hint: shopfloor status lists the ledger"
    )


def release_hold(engine: sa.Engine, *, decided_by: str) -> LedgerRow | None:
    """Lift the hold of a rollback; None when there is none."""
    rows = history(engine, limit=1)
    if not is_held(rows):
        return None
    present = rows[0]
    entry = LedgerEntry(
        action="keep",
        champion_version=present.champion_version,
        bundle_hash=present.bundle_hash,
        bundle_path=present.bundle_path,
        previous_version=present.previous_version,
        verdict={"reason": "hold lifted"},
        decided_by=decided_by,
    )
    return append(engine, entry, expected_epoch=present.epoch)


def is_held(rows: tuple[LedgerRow, ...]) -> bool:
    """Tell whether the newest row holds promotions."""
    return bool(rows) and bool((rows[0].verdict or {}).get(HOLD))


def mirror(engine: sa.Engine, *, tracking_uri: str | None) -> tuple[str, ...]:
    """Make MLflow's aliases follow the ledger; return what could not be done. Never raises."""
    if tracking_uri is None:
        return ()
    try:
        from shopfloor.tracking.mirror import Standing, mirror_aliases

        standing = lineage(history(engine, limit=LEDGER_ROWS))
        if not standing:
            return ()
        wanted = Standing(
            champion=standing[-1].champion_version,
            champion_hash=standing[-1].bundle_hash,
            previous=standing[-2].champion_version if len(standing) > 1 else None,
            challenger=read_rollout(engine).challenger_version,
        )
        return mirror_aliases(wanted, tracking_uri=tracking_uri).unresolved
    except Exception as error:
        log.warning("aliases_not_mirrored cause=%s", error)
        return (str(error).splitlines()[0],)


def keep_copy(source: Path, local: Path, bundle_hash: str) -> None:
    """Put a verified copy in its place; one that no longer proves is set aside first."""
    try:
        load_bundle(local, expected_hash=bundle_hash)
    except ModelRefused as error:
        if error.code != "MISSING_FILE" or local.exists():
            aside = local.with_name(f".refused-{local.name}-{os.getpid()}")
            local.rename(aside)
            log.warning("copy_set_aside path=%s code=%s", aside, error.code)
        copy_bundle(source, local)


def _is_written(rows: tuple[LedgerRow, ...], action: str, decision: Decision) -> bool:
    """Tell whether the newest row is this very decision: its writer died before it could say so."""
    if not rows or rows[0].epoch != decision.expected_epoch + 1 or rows[0].action != action:
        return False
    is_same = rows[0].challenger_version == decision.version and rows[0].decided_by == decision.decided_by
    return is_same and (action == "keep" or rows[0].bundle_hash == decision.bundle_hash)


def _provable(row: LedgerRow, home: Path) -> Path | None:
    for path in (Path(row.bundle_path), models_folder(home) / row.bundle_hash):
        try:
            load_bundle(path, expected_hash=row.bundle_hash)
        except ModelRefused as error:
            log.warning("earlier_champion_refused version=%s code=%s", row.champion_version, error.code)
            continue
        return path
    return None


def _reset_breaker(engine: sa.Engine) -> None:
    """Another champion starts with a clean sheet: nobody is being rolled out and nothing has failed."""
    write_rollout(engine, RolloutState())
