"""The pending events: a binary heap of numbers, the earliest on top.

An event is time << 24 | kind << 21 | payload, so that one comparison orders by minute, kind and payload.
`state.heap` and the clock's count are modified in place.
"""

from __future__ import annotations

from shopfloor.engine.kernel.jit import inlined
from shopfloor.engine.layout import CLOCK_HEAP, CLOCK_STATUS, State, Status

_TIME_SHIFT = 24
_KIND_SHIFT = 21
_KIND_MASK = 7
_PAYLOAD_MASK = (1 << 21) - 1
_HEAP_FULL = int(Status.HEAP_FULL)


@inlined
def event_time(event: int) -> int:
    """Return the minute of an event."""
    return event >> _TIME_SHIFT


@inlined
def event_kind(event: int) -> int:
    """Return the `Event` of an event."""
    return (event >> _KIND_SHIFT) & _KIND_MASK


@inlined
def event_payload(event: int) -> int:
    """Return what an event is about: an operation, a reservation or a slot."""
    return event & _PAYLOAD_MASK


@inlined
def push(state: State, time: int, kind: int, payload: int) -> None:
    """Add an event; a full heap is noted in the clock's status."""
    heap = state.heap
    n = state.clock[CLOCK_HEAP]
    if n >= heap.shape[0]:
        state.clock[CLOCK_STATUS] = _HEAP_FULL
        return
    key = (time << _TIME_SHIFT) | (kind << _KIND_SHIFT) | payload
    i = n
    while i > 0:
        parent = (i - 1) >> 1
        if heap[parent] <= key:
            break
        heap[i] = heap[parent]
        i = parent
    heap[i] = key
    state.clock[CLOCK_HEAP] = n + 1


@inlined
def pop(state: State) -> int:
    """Remove and return the earliest event; the heap is not empty.

    The gap goes down to a leaf and the last event up from there: the last one rarely goes far, so this asks
    half of what sinking it from the top asks.

    References:
        Wegener (1993), Bottom-up heapsort.
    """
    heap = state.heap
    n = state.clock[CLOCK_HEAP] - 1
    state.clock[CLOCK_HEAP] = n
    top = heap[0]
    key = heap[n]
    i = 0
    child = 1
    while child + 1 < n:
        child += heap[child + 1] < heap[child]
        heap[i] = heap[child]
        i = child
        child = 2 * i + 1
    if child < n:
        heap[i] = heap[child]
        i = child
    while i > 0:
        parent = (i - 1) >> 1
        if heap[parent] <= key:
            break
        heap[i] = heap[parent]
        i = parent
    heap[i] = key
    return top
