"""Small edits of a plan under search: queue an operation for timing, link it into a slot's sequence, unlink it."""

from __future__ import annotations

from shopfloor.engine.kernel.jit import inlined
from shopfloor.engine.kernel.search_memory import T_HEAP, T_STAMP, Search
from shopfloor.engine.kernel.sequences import R_AFTER, R_BEFORE, R_SLOT, Sequences

KEYS = 16
"""Keys per minute: those that stay have the first, those that move the ones behind it."""
_KEY = 20
OP_BITS = (1 << _KEY) - 1


@inlined
def push(search: Search, op: int, key: int) -> None:
    """Queue an operation for timing, once per evaluation."""
    if search.stamp[op] == search.tally[T_STAMP]:
        return
    search.stamp[op] = search.tally[T_STAMP]
    heap = search.heap
    i = search.tally[T_HEAP]
    search.tally[T_HEAP] = i + 1
    item = ((key + 1) << _KEY) | op
    while i > 0:
        parent = (i - 1) >> 1
        if heap[parent] <= item:
            break
        heap[i] = heap[parent]
        i = parent
    heap[i] = item


@inlined
def pop(search: Search) -> int:
    """Return the queued item of the lowest key: the operation in its lower bits, see `op_of` and `is_moved`."""
    heap = search.heap
    n = search.tally[T_HEAP] - 1
    search.tally[T_HEAP] = n
    top = heap[0]
    item = heap[n]
    i = 0
    while True:
        child = 2 * i + 1
        if child >= n:
            break
        if child + 1 < n and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= item:
            break
        heap[i] = heap[child]
        i = child
    heap[i] = item
    return top


@inlined
def op_of(item: int) -> int:
    """Return the operation of a queued item."""
    return item & OP_BITS


@inlined
def is_moved(item: int) -> bool:
    """Return whether a queued item is an operation that the move takes elsewhere."""
    return ((item >> _KEY) - 1) & (KEYS - 1) != 0


@inlined
def link(plan: Sequences, op: int, slot: int, after: int) -> None:
    """Put an operation that stands nowhere on a slot after `after`."""
    row = plan.row
    follower = plan.first[slot] if after < 0 else row[after, R_AFTER]
    row[op, R_SLOT] = slot
    row[op, R_BEFORE] = after
    row[op, R_AFTER] = follower
    if after < 0:
        plan.first[slot] = op
    else:
        row[after, R_AFTER] = op
    if follower < 0:
        plan.last[slot] = op
    else:
        row[follower, R_BEFORE] = op


@inlined
def unlink(plan: Sequences, op: int) -> None:
    """Take an operation out of its slot's sequence."""
    row = plan.row
    slot = row[op, R_SLOT]
    before = row[op, R_BEFORE]
    after = row[op, R_AFTER]
    if before < 0:
        plan.first[slot] = after
    else:
        row[before, R_AFTER] = after
    if after < 0:
        plan.last[slot] = before
    else:
        row[after, R_BEFORE] = before
