"""The rollout's memory: stage, challenger and circuit breaker, one row, so that it survives a restart.

What the states mean and when they change is `serving.breaker`'s business.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from shopfloor.data.connection import reading
from shopfloor.data.errors import run_transaction
from shopfloor.data.instants import database_now
from shopfloor.data.tables import rollout_state

ONLY_ROW = 1


@dataclass(frozen=True, slots=True)
class RolloutState:
    """Where the rollout stands.

    Attributes:
        stage: shadow, canary or full.
        challenger_version: Who is being rolled out, if anybody.
        breaker: closed, open or half_open.
        breaker_runs_left: Runs that an open breaker still skips.
        recent_failures: Last policy runs, oldest first: `0` good, `1` bad.
    """

    stage: str = "full"
    challenger_version: str | None = None
    breaker: str = "closed"
    breaker_runs_left: int = 0
    recent_failures: str = ""


def read_rollout(engine: sa.Engine) -> RolloutState:
    """Return the stored state, or the initial one."""
    with reading(engine) as connection:
        row = connection.execute(sa.select(rollout_state).where(rollout_state.c.id == ONLY_ROW)).one_or_none()
    if row is None:
        return RolloutState()
    return RolloutState(
        row.stage, row.challenger_version, row.breaker, row.breaker_runs_left, row.recent_failures
    )


def write_rollout(engine: sa.Engine, state: RolloutState) -> None:
    """Replace the stored state."""
    values = {
        "stage": state.stage, "challenger_version": state.challenger_version, "breaker": state.breaker,
        "breaker_runs_left": state.breaker_runs_left, "recent_failures": state.recent_failures,
    }  # fmt: skip

    def work(connection: sa.Connection) -> None:
        now = database_now(connection)
        done = connection.execute(
            sa.update(rollout_state).where(rollout_state.c.id == ONLY_ROW).values(updated_at=now, **values)
        )
        if done.rowcount == 0:
            connection.execute(sa.insert(rollout_state).values(id=ONLY_ROW, updated_at=now, **values))

    run_transaction(engine, work, doing="write rollout state")
