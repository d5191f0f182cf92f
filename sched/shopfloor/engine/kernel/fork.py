"""A copy of a running episode."""

from __future__ import annotations

from shopfloor.engine.kernel.jit import entry, inlined
from shopfloor.engine.layout import CLOCK_HEAP, Ints, State


@inlined
def _copy_rows(source: Ints, target: Ints) -> None:
    for i in range(source.shape[0]):
        for j in range(source.shape[1]):
            target[i, j] = source[i, j]


@entry
def copy_state(source: State, target: State) -> None:
    """Copy a state: `target` becomes a fork of the episode (modified in place)."""
    for i in range(source.clock.shape[0]):
        target.clock[i] = source.clock[i]
    for i in range(source.clock[CLOCK_HEAP]):
        target.heap[i] = source.heap[i]
    for i in range(source.queue.shape[0]):
        target.queue[i] = source.queue[i]
    for i in range(source.hint.shape[0]):
        target.hint[i] = source.hint[i]
    _copy_rows(source.op, target.op)
    _copy_rows(source.slot, target.slot)
    _copy_rows(source.wc, target.wc)
