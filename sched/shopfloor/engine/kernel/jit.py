"""The ways a kernel is declared: an entry, one that releases the interpreter lock, a helper that is always
inlined, and one that makes arrays.

Without numba's reference counting (`_nrt=False`) an episode takes 0.37 instead of 3.3 ms: otherwise every
access to an array of a state tuple counts a reference up and down. Such a function may neither allocate nor
be called by one that expects it to hand out arrays; scratch arrays come from outside. Inlining costs
compile time, so the disk cache is mandatory.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

from shopfloor.engine.kernel_cache import CACHE_FOLDER

Function = TypeVar("Function", bound=Callable[..., Any])

assert CACHE_FOLDER.name

_OPTIONS: dict[str, Any] = {"cache": True, "error_model": "numpy"}
_UNCOUNTED: dict[str, Any] = _OPTIONS | {"_nrt": False}


def entry(function: Function) -> Function:
    """Compile a kernel that is called from Python or is too large to inline; it must not allocate."""
    return cast(Function, numba.njit(**_UNCOUNTED)(function))


def threaded(function: Function) -> Function:
    """Compile an entry that lets other Python threads run beside it; it must not allocate."""
    return cast(Function, numba.njit(nogil=True, **_UNCOUNTED)(function))


def inlined(function: Function) -> Function:
    """Compile a helper that LLVM inlines into each caller; it must not allocate."""
    return cast(Function, numba.njit(forceinline=True, **_UNCOUNTED)(function))


def allocating(function: Function) -> Function:
    """Compile a kernel that makes new arrays."""
    return cast(Function, numba.njit(**_OPTIONS)(function))
