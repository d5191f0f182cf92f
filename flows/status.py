"""What stands: plan, champion, last runs, open incidents; and the way back to the champion before."""

from __future__ import annotations

import getpass
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flows.context import open_engines
from shopfloor.settings import read_settings

if TYPE_CHECKING:
    from shopfloor.data.ledger import LedgerRow

SHOWN = 8


@dataclass(frozen=True)
class Status:
    """The state of the scheduler.

    Attributes:
        plan: Facts of the plan in force; None before the first one.
        champion: Facts of the champion; None before the first one.
        leases: Who is at work.
    """

    plan: dict[str, Any] | None
    champion: dict[str, Any] | None
    rollout: dict[str, Any]
    leases: tuple[str, ...]
    runs: tuple[str, ...]
    ledger: tuple[str, ...]
    incidents: tuple[str, ...]
    waiting_alerts: int

    def text(self) -> str:
        """Return the state for a terminal."""
        parts = [
            "plan       " + (_facts(self.plan) if self.plan else "none yet\nhint: shopfloor daily makes one"),
            "champion   "
            + (_facts(self.champion) if self.champion else "none yet\nhint: shopfloor weekly makes one"),
            "rollout    " + _facts(self.rollout),
            "at work    " + (", ".join(self.leases) or "nobody"),
            f"alerts     {self.waiting_alerts} waiting",
            _section("last runs", self.runs),
            _section("ledger", self.ledger),
            _section("open incidents", self.incidents),
        ]
        return "\n".join(parts)


@dataclass(frozen=True)
class RolledBack:
    """A rollback that was done."""

    champion_version: str
    previous_version: str | None
    epoch: int

    def text(self) -> str:
        """Return the fact for a terminal."""
        return (
            f"version {self.champion_version} is champion again (epoch {self.epoch}), {self.previous_version} is not; "
            "promotions are held\nhint: shopfloor rollback --release lets the gate promote again"
        )


def read_status() -> Status:
    """Return the state.

    Raises:
        DatabaseUnavailable, SchemaMismatch: The database cannot tell.
    """
    from shopfloor.data import incidents, leases, ledger, outbox, plans, rollout

    engine, _ = open_engines(read_settings())
    active = plans.active_run(engine)
    rows = ledger.history(engine, limit=SHOWN)
    state = rollout.read_rollout(engine)
    held = [lease for name in ("daily", "weekly") if (lease := leases.holder(engine, name)) is not None]
    return Status(
        plan=None if active is None else _plan(active),
        champion=_champion(rows),
        rollout={
            "stage": state.stage, "challenger": state.challenger_version, "breaker": state.breaker,
            "recent_failures": state.recent_failures,
        },
        leases=tuple(f"{lease.name} by {lease.owner}" for lease in held),
        runs=tuple(
            f"{run.run_id}  {run.solver}  model {run.model_version}  {run.row_count} rows  {run.status}"
            for run in plans.list_runs(engine, limit=SHOWN)
        ),
        ledger=tuple(_line(row) for row in rows),
        incidents=tuple(
            f"{item.raised_at:%Y-%m-%d %H:%M}  {item.severity}  {item.code}: {item.summary[:120]}"
            for item in incidents.list_incidents(engine, only_open=True, limit=SHOWN)
        ),
        waiting_alerts=len(outbox.pending(engine)),
    )  # fmt: skip


def roll_back(reason: str) -> RolledBack:
    """Make the previous champion champion again, and hold promotions.

    Raises:
        NothingToRollBack: There is no earlier champion that can be proven.
    """
    from shopfloor.serving.promotion import rollback

    settings = read_settings()
    engine, _ = open_engines(settings)
    row = rollback(
        engine, home=settings.home_dir, decided_by=getpass.getuser(), reason=reason,
        tracking_uri=settings.tracking_uri,
    )  # fmt: skip
    return RolledBack(row.champion_version, row.previous_version, row.epoch)


def lift_hold() -> bool:
    """Let the gate promote again after a rollback; False when there was no hold."""
    from shopfloor.serving.promotion import release_hold

    engine, _ = open_engines(read_settings())
    return release_hold(engine, decided_by=getpass.getuser()) is not None


def _plan(active: Any) -> dict[str, Any]:
    run = active.run
    kpis = {name: run.kpis.get(name) for name in ("weighted_tardiness", "on_time_rate", "avg_days_late")}
    return {
        "run_id": run.run_id, "as_of": run.as_of, "solver": run.solver, "model": run.model_version,
        "operations": run.row_count, "snapshot": run.snapshot_id, "git": (run.git_sha or "")[:10], **kpis,
    }  # fmt: skip


def _champion(rows: tuple[LedgerRow, ...]) -> dict[str, Any] | None:
    if not rows:
        return None
    row = rows[0]
    return {
        "version": row.champion_version,
        "epoch": row.epoch,
        "bundle": row.bundle_hash[:12],
        "since": row.decided_at,
    }


def _line(row: LedgerRow) -> str:
    reason = str((row.verdict or {}).get("reason", ""))[:100]
    who = f"judged {row.challenger_version}, champion {row.champion_version}"
    return f"{row.epoch:3d}  {row.decided_at:%Y-%m-%d %H:%M}  {row.action:8}  {who}  by {row.decided_by}  {reason}"


def _facts(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items() if value not in (None, ""))


def _section(title: str, lines: tuple[str, ...]) -> str:
    return "\n".join([f"{title}:", *(f"  {line}" for line in lines or ("none",))])
