"""One small valid plan that has everything the rules look at: the ground on which tests break one thing.

All machines work 08:00-16:00 (minutes 480-960), now is 08:10. Setups: 5 minutes within a family, else 20.

    M1 (mill)   A-P1 F 490-570 | B-P1 G 600-680 (released at 600, pinned to M1) | E-P3 G 700-735
    M2 (mill)   C-P1 F 400-520 in progress | D-P1 F 600-665 frozen
    M3 (lathe)  A-P2 F 570-690, must not pause
    left out    X-P1 (no welder), X-P2 (after X-P1), Q-P1 (quarantined)
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from builders import (
    day_shifts,
    left_out,
    placed,
    tiny_instance,
    tiny_job,
    tiny_machine,
    tiny_operation,
    tiny_plant,
    tiny_schedule,
)

from shopfloor.domain.instance import Commitment, CommitmentKind, Instance, Pin
from shopfloor.domain.schedule import Schedule

NOW = 490


def tiny_problem() -> Instance:
    """Return the instance of the picture."""
    setups = {"setup_time_same": 5, "setup_time_different": 20}
    machines = [
        tiny_machine("M1", **setups),
        tiny_machine("M2", current_setup_family="F", **setups),
        tiny_machine("M3", "LATHE", **setups),
    ]
    operations = [
        tiny_operation("A-P1", minutes=60),
        tiny_operation("A-P2", minutes=100, machine_type="LATHE", predecessor="A-P1", is_interruptible=False),
        tiny_operation("B-P1", minutes=60, family="G"),
        tiny_operation("C-P1", minutes=30),
        tiny_operation("D-P1", minutes=60),
        tiny_operation("E-P3", minutes=30, family="G"),
        tiny_operation("Q-P1", minutes=10, machine_type="LATHE"),
        tiny_operation("X-P1", minutes=10, machine_type="WELD"),
        tiny_operation("X-P2", minutes=10, predecessor="X-P1"),
    ]
    return tiny_instance(
        operations,
        jobs=[tiny_job(name, release=600 if name == "B" else 0) for name in "ABCDEQX"],
        plant=tiny_plant(machines),
        open_time={name: day_shifts() for name in ("M1", "M2", "M3")},
        now=NOW,
        commitments=[
            Commitment("C-P1", "M2", 400, 520, CommitmentKind.IN_PROGRESS),
            Commitment("D-P1", "M2", 600, 665, CommitmentKind.FROZEN, setup_minutes=5),
        ],
        pins=[Pin("B-P1", machine_id="M1")],
        set_aside=[left_out("Q-P1", "QUARANTINED")],
    )


def tiny_answer(instance: Instance) -> Schedule:
    """Return the plan of the picture."""
    items = [
        placed(instance, "A-P1", "M1", start=490, setup=20),
        placed(instance, "B-P1", "M1", start=600, setup=20),
        placed(instance, "E-P3", "M1", start=700, setup=5),
        placed(instance, "C-P1", "M2", start=400, end=520, is_committed=True),
        placed(instance, "D-P1", "M2", start=600, setup=5, is_committed=True),
        placed(instance, "A-P2", "M3", start=570, setup=20),
    ]
    return tiny_schedule(
        items,
        unassigned=[
            left_out("X-P1", "NO_ELIGIBLE_MACHINE"),
            left_out("X-P2", "PREDECESSOR_UNASSIGNED"),
            left_out("Q-P1", "QUARANTINED"),
        ],
    )


def edit(schedule: Schedule, operation_id: str, **changes: Any) -> Schedule:
    """Return the plan with fields of one scheduled operation changed."""
    return tiny_schedule(
        [
            replace(item, **changes) if item.operation_id == operation_id else item
            for item in schedule.operations
        ],
        unassigned=schedule.unassigned,
    )


def without(schedule: Schedule, operation_id: str) -> Schedule:
    """Return the plan with no word about one operation."""
    return tiny_schedule(
        [item for item in schedule.operations if item.operation_id != operation_id],
        unassigned=[row for row in schedule.unassigned if row.operation_id != operation_id],
    )


def adding(schedule: Schedule, *items: Any, unassigned: Any = ()) -> Schedule:
    """Return the plan with more rows."""
    return tiny_schedule([*schedule.operations, *items], unassigned=[*schedule.unassigned, *unassigned])
