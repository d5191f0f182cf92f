"""The shop becomes rows: slots, machines, work centres and their setups."""

from __future__ import annotations

import numpy as np

from shopfloor.engine import layout as at
from shopfloor.engine.compile_positions import Positions
from shopfloor.engine.layout import Floats, Ints

_BITS = 62
"""Slots of a work centre that fit into the bits of a positive number."""


def slot_table(positions: Positions, reservation: Ints) -> Ints:
    """Return `Problem.slot`."""
    slot = np.zeros((len(positions.slot_of), at.SLOT_COLUMNS), dtype=np.int64)
    for i, index in enumerate(positions.machine_of_slot):
        machine = positions.plant.machines[index]
        current = machine.current_setup_family
        family = -1 if current is None else positions.family_of[current]
        lo, hi = np.searchsorted(reservation[:, at.RES_SLOT], [i, i + 1])
        slot[i] = (index, positions.centre_of[machine.machine_type], family, lo, hi, 0)
    for centre in range(len(positions.centre_of)):
        rows = np.flatnonzero(slot[:, at.SLOT_WC] == centre)
        if len(rows) <= _BITS:
            slot[rows, at.SLOT_BIT] = 1 << np.arange(len(rows))
    return slot


def machine_table(positions: Positions) -> Ints:
    """Return `Problem.machine`."""
    rows = [
        (positions.centre_of[machine.machine_type], machine.setup_time_same, machine.setup_time_different)
        for machine in positions.plant.machines
    ]
    return np.array(rows, dtype=np.int64).reshape(-1, at.MACHINE_COLUMNS)


def centre_tables(
    positions: Positions, op: Ints, slot: Ints, first_group: Ints, mean: Floats
) -> tuple[Ints, Floats]:
    """Return `Problem.wc` and `Problem.wc_mean`.

    Args:
        first_group: First group of each work centre, int64 (work centres + 1,).
        mean: Mean nominal run minutes of each operation.
    """
    centres = positions.plant.machine_types
    wc = np.zeros((len(centres), at.WC_COLUMNS), dtype=np.int64)
    wc_mean = np.ones((len(centres), at.MEAN_COLUMNS))
    queue = 0
    everywhere = float(mean.mean()) if len(mean) else 1.0
    for i, name in enumerate(centres):
        members = np.flatnonzero(op[:, at.OP_WC] == i)
        lo, hi = np.searchsorted(slot[:, at.SLOT_WC], [i, i + 1])
        wc[i] = (lo, hi, queue, queue + len(members), first_group[i], first_group[i + 1])
        queue += len(members)
        setups = [m.setup_time_different for m in positions.plant.machines if m.machine_type == name]
        wc_mean[i, at.MEAN_RUN] = max(1.0, float(mean[members].mean()) if len(members) else everywhere)
        wc_mean[i, at.MEAN_SETUP] = max(1.0, sum(setups) / max(1, len(setups)))
    return wc, wc_mean


def setup_cube(positions: Positions) -> Ints:
    """Return `Problem.setup`; a more specific rule overwrites the others."""
    rules = positions.plant.setup_rules
    if not rules:
        return np.zeros(0, dtype=np.int64)
    n = len(positions.families)
    cube = np.full((len(positions.centre_of), n + 1, n), -1, dtype=np.int64)
    ranked = sorted(
        enumerate(rules),
        key=lambda item: (
            (item[1].from_family is not None) + (item[1].to_family is not None),
            item[1].machine_type is not None,
            item[1].from_family is not None,
            item[0],
        ),
    )
    everything = slice(None)
    for _, rule in ranked:
        known = {rule.from_family, rule.to_family} - {None} <= set(positions.family_of)
        if not known or (rule.machine_type is not None and rule.machine_type not in positions.centre_of):
            continue
        centre = everything if rule.machine_type is None else positions.centre_of[rule.machine_type]
        before = everything if rule.from_family is None else positions.family_of[rule.from_family] + 1
        after = everything if rule.to_family is None else positions.family_of[rule.to_family]
        cube[centre, before, after] = rule.minutes
    return cube.ravel()
