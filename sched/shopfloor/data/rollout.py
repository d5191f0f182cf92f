"""The rollout's state: the challenger's stage and the breaker on the policy; it outlives processes."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from shopfloor.data.connection import reading
from shopfloor.data.errors import run_transaction
from shopfloor.data.instants import database_now
from shopfloor.data.tables import rollout_state as table


@dataclass(frozen=True, slots=True)
class RolloutState:
    """How far the challenger is trusted.

    Attributes:
        stage: `shadow`, `canary` or `full`.
        breaker: `closed`, `open` or `half_open`.
        breaker_runs_left: Runs without the policy until the next try.
        recent_failures: Last policy runs, oldest first: 0 good, 1 bad.
    """

    stage: str = "full"
    challenger_version: str | None = None
    breaker: str = "closed"
    breaker_runs_left: int = 0
    recent_failures: str = ""


def read_rollout(engine: sa.Engine) -> RolloutState:
    """Return the state; the initial one when none was written."""
    columns = [table.c[name] for name in RolloutState.__dataclass_fields__]
    with reading(engine) as connection:
        row = connection.execute(sa.select(*columns).where(table.c.id == 1)).first()
    return RolloutState() if row is None else RolloutState(*row)


def write_rollout(engine: sa.Engine, state: RolloutState) -> None:
    """Replace the state."""
    values = {name: getattr(state, name) for name in RolloutState.__dataclass_fields__}

    def _replace(connection: sa.Connection) -> None:
        stamped = values | {"updated_at": database_now(connection)}
        changed = connection.execute(sa.update(table).where(table.c.id == 1).values(**stamped)).rowcount
        if changed == 0:
            connection.execute(sa.insert(table).values(id=1, **stamped))

    run_transaction(engine, _replace, doing="write the rollout state", read_back=lambda: None)
