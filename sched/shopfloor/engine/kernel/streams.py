"""Random numbers without a state: a draw is a hash of (seed, stream, counter).

Common random numbers need that one decision more or less does not move any other draw.

References:
    Salmon et al. (2011), Parallel random numbers: as easy as 1, 2, 3; Steele et al. (2014), SplitMix.
"""

from __future__ import annotations

import math

import numpy as np

from shopfloor.engine.kernel.jit import inlined

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_S30 = np.uint64(30)
_S27 = np.uint64(27)
_S31 = np.uint64(31)
_S11 = np.uint64(11)


@inlined
def mix(z: np.uint64) -> np.uint64:
    """Return the SplitMix64 finaliser of a uint64."""
    z = (z ^ (z >> _S30)) * _MIX_1
    z = (z ^ (z >> _S27)) * _MIX_2
    return z ^ (z >> _S31)


@inlined
def uniform(seed: int, stream: int, counter: int) -> float:
    """Return a number in (0, 1) that depends on the three integers and on nothing else."""
    z = mix(np.uint64(seed) + _GOLDEN)
    z = mix(z + np.uint64(stream) * _GOLDEN)
    z = mix(z + np.uint64(counter) * _GOLDEN)
    return (float(z >> _S11) + 0.5) * (1.0 / 9007199254740992.0)


@inlined
def gumbel(seed: int, stream: int, counter: int) -> float:
    """Return a standard Gumbel number."""
    return -math.log(-math.log(uniform(seed, stream, counter)))
