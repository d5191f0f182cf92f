"""Cells of an experiment made in processes of their own, side by side; one that fails does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing import get_context
from typing import TypeVar

Request = TypeVar("Request")
TICK_S = 60.0


def side_by_side(
    make: Callable[[Request], float],
    requests: Sequence[Request],
    n_workers: int,
    *,
    tick: Callable[[], None] | None = None,
) -> Iterator[tuple[Request, Exception | None]]:
    """Yield each cell when it is over, with what stopped it; one worker is this process.

    Args:
        make: Makes a cell and stores it; a function of a module, for other processes must find it.
        tick: Called every minute in which no cell was over, with several workers.
    """
    if n_workers == 1 or len(requests) < 2:
        for request in requests:
            try:
                make(request)
            except Exception as error:
                yield request, error
            else:
                yield request, None
        return
    with ProcessPoolExecutor(min(n_workers, len(requests)), mp_context=get_context("spawn")) as pool:
        waiting: dict[Future[float], Request] = {pool.submit(make, item): item for item in requests}
        try:
            while waiting:
                over, _ = wait(waiting, timeout=TICK_S, return_when=FIRST_COMPLETED)
                if not over and tick is not None:
                    tick()
                for future in over:
                    stopped = future.exception()
                    if stopped is not None and not isinstance(stopped, Exception):
                        raise stopped
                    yield waiting.pop(future), stopped
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
