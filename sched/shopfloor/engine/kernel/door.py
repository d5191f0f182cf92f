"""Large tuples of arrays that stay open between calls.

Python hands a tuple of arrays to a kernel array by array, 0.1-0.2 us each (measured), which is more than a
decision takes. So such a tuple is written once into a buffer, as the kernels hold it, and a kernel that is
given the buffer reads it from there. Nothing is copied and nothing is kept alive: whoever writes a buffer
holds the arrays as long as it is read, and writes it again when one of them is replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

WORDS_PER_ARRAY = 16
"""int64 words of a buffer that any array of up to three axes fits in."""

_KINDS = {"i": types.int64, "f": types.float64, "s": types.float32, "b": types.boolean}


def tuple_type(cls: type, fields: Sequence[str | types.Type]) -> types.Type:
    """Return the type of a named tuple of C-contiguous arrays.

    Args:
        fields: Per field its kind (i int64, f float64, s float32, b bool) and axes, as "i2"; or a type.
    """

    def field_type(field: str | types.Type) -> types.Type:
        return types.Array(_KINDS[field[0]], int(field[1]), "C") if isinstance(field, str) else field

    return types.NamedTuple([field_type(field) for field in fields], cls)


def _read(builder: Any, kind: Any, pointer: Any) -> Any:
    """Load number by number, so that what is not used costs nothing."""
    if isinstance(kind, ir.ArrayType):
        members = kind.count
    elif isinstance(kind, ir.BaseStructType):
        members = len(kind.elements)
    else:
        return builder.load(pointer)
    value = ir.Constant(kind, ir.Undefined)
    for i in range(members):
        inner = cgutils.gep_inbounds(builder, pointer, 0, i)
        part = kind.element if isinstance(kind, ir.ArrayType) else kind.elements[i]
        value = builder.insert_value(value, _read(builder, part, inner), i)
    return value


def _pointer(context: Any, builder: Any, buffer_type: Any, buffer: Any, kind: Any) -> Any:
    data = context.make_array(buffer_type)(context, builder, buffer).data
    return builder.bitcast(data, kind.as_pointer())


@intrinsic
def write_door(typingctx, value, buffer):  # type: ignore[no-untyped-def]
    """Write a tuple of arrays into a buffer, int64 (16 words per array,), modified in place."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        builder.store(args[0], _pointer(context, builder, signature.args[1], args[1], args[0].type))
        return context.get_dummy_value()

    return types.void(value, buffer), codegen


def door_to(target: types.Type) -> Callable[[Any], Any]:
    """Return a kernel function that opens buffers which hold a tuple of this type."""

    @intrinsic
    def open_door(typingctx, buffer):  # type: ignore[no-untyped-def]
        def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
            kind = context.get_value_type(target)
            return _read(builder, kind, _pointer(context, builder, signature.args[0], args[0], kind))

        return target(buffer), codegen

    return cast(Callable[[Any], Any], open_door)
