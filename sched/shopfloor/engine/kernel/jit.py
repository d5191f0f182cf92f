"""The two ways a kernel is declared: an entry that Python calls, and a helper that is always inlined.

Inlining helpers that take the state tuple took an episode from 3.0 to 0.87 ms; the price is compile time,
so the disk cache is mandatory.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

from shopfloor.engine.kernel_cache import CACHE_FOLDER

Function = TypeVar("Function", bound=Callable[..., Any])

assert CACHE_FOLDER.name


def entry(function: Function) -> Function:
    """Compile a kernel that is called from Python or is too large to inline."""
    return cast(Function, numba.njit(cache=True, error_model="numpy")(function))


def inlined(function: Function) -> Function:
    """Compile a helper that LLVM inlines into each caller."""
    return cast(Function, numba.njit(cache=True, error_model="numpy", forceinline=True)(function))
