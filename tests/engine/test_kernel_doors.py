"""What only kernels may call says so, instead of ending the process."""

from __future__ import annotations

import pytest

from shopfloor.engine.kernel.jit import entry, inlined, outlined


@inlined
def doubled(x: int) -> int:
    return 2 * x


@outlined
def tripled(x: int) -> int:
    return 3 * x


@entry
def added(x: int) -> int:
    return doubled(x) + tripled(x)


@pytest.mark.parametrize("part", [doubled, tripled])
def test_a_part_of_a_kernel_refuses_a_call_from_python_even_after_a_kernel_used_it(part) -> None:
    assert added(4) == 20
    with pytest.raises(TypeError, match=r"only kernels can call this part of them: \w+led\nhint"):
        part(4)
