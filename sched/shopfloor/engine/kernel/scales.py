"""How a number is brought to the scale of an observation."""

from __future__ import annotations

from shopfloor.engine.kernel.jit import inlined


@inlined
def squash(x: float) -> float:
    """Return x / (1 + |x| / 3): linear near 0, bounded by 3."""
    return x / (1.0 + abs(x) / 3.0)


@inlined
def clip(x: float, low: float, high: float) -> float:
    """Return x, but no less than `low` and no more than `high`."""
    return min(max(x, low), high)
