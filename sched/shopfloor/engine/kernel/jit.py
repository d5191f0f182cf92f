"""The ways a kernel is declared: an entry, one that releases the interpreter lock, a helper that is always
inlined, a part that is only called, and one that makes arrays.

Without numba's reference counting (`_nrt=False`) an episode takes 0.37 instead of 3.3 ms: otherwise every
access to an array of a state tuple counts a reference up and down. Such a function may neither allocate nor
be called by one that expects it to hand out arrays; scratch arrays come from outside. Inlining costs
compile time, so the disk cache is mandatory. What no Python code calls needs neither a door to Python nor
a place in the cache: that halves the compile time of a rule's run (24 to 14 CPU seconds).
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
_KERNEL_ONLY: dict[str, Any] = _UNCOUNTED | {
    "cache": False,
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}


def _closed(kernel: Any) -> Any:
    """Have a call from Python refused; without a door to Python numba would end the process.

    The two attributes are what numba's dispatcher asks for when it has no compiled door that fits.
    """

    def refuse(*_arguments: Any, **_named: Any) -> None:
        raise TypeError(
            f"only kernels can call this part of them: {kernel.__name__}\n"
            "hint: call it in a function declared with @entry"
        )

    def register(compiled: Any) -> None:
        kernel.overloads[tuple(compiled.signature.args)] = compiled

    kernel._compile_for_args = refuse
    kernel.add_overload = register
    return kernel


def entry(function: Function) -> Function:
    """Compile a kernel that is called from Python; it must not allocate."""
    return cast(Function, numba.njit(**_UNCOUNTED)(function))


def threaded(function: Function) -> Function:
    """Compile an entry that lets other Python threads run beside it; it must not allocate."""
    return cast(Function, numba.njit(nogil=True, **_UNCOUNTED)(function))


def inlined(function: Function) -> Function:
    """Compile a helper that LLVM inlines into each caller, never called from Python; it must not allocate."""
    return _closed(numba.njit(forceinline=True, **_KERNEL_ONLY)(function))


def outlined(function: Function) -> Function:
    """Compile what kernels call and Python never does, too large to inline; it must not allocate.

    A call hands over each field of each array: some 300 words, 50-100 ns. Not for what every operation does.
    """
    return _closed(numba.njit(**_KERNEL_ONLY)(function))


def allocating(function: Function) -> Function:
    """Compile a kernel that makes new arrays."""
    return cast(Function, numba.njit(**_OPTIONS)(function))
