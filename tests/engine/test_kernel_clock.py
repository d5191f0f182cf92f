"""Compilation is announced once and timed; what comes from the cache or is nested is not counted again."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import numba
import pytest
from numba.core import event

from shopfloor.engine.kernel_cache import CLOCK
from shopfloor.engine.kernel_clock import KernelClock


@pytest.fixture
def clock() -> Iterator[KernelClock]:
    """A clock of the test's own; that of the process keeps still meanwhile."""
    event.unregister("numba:compile", CLOCK)
    yield KernelClock(Path("/somewhere"))
    event.register("numba:compile", CLOCK)


def test_a_first_compilation_is_announced_and_timed(
    clock: KernelClock, caplog: pytest.LogCaptureFixture
) -> None:
    @numba.njit
    def inner(x: int) -> int:
        return x + 1

    @numba.njit
    def outer(x: int) -> int:
        return inner(x) * 2

    with caplog.at_level(logging.WARNING), event.install_listener("numba:compile", clock):
        assert outer(3) == 8
        once = clock.seconds
        assert outer(4) == 10
    assert 0 < once == clock.seconds
    announced = [record for record in caplog.records if record.message.startswith("kernels_compiling")]
    assert len(announced) == 1
    assert "/somewhere" in announced[0].message


def test_a_long_compilation_says_which_kernel_and_how_long(
    clock: KernelClock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shopfloor.engine.kernel_clock._WORTH_SAYING_S", 0.0)

    @numba.njit
    def outer(x: int) -> int:
        return x * 2

    with caplog.at_level(logging.WARNING), event.install_listener("numba:compile", clock):
        outer(3)
    said = [record.message for record in caplog.records if record.message.startswith("kernel_compiled")]
    assert len(said) == 1
    assert "name=outer seconds=" in said[0]
    assert "total_s=" in said[0]
