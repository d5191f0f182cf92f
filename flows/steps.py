"""A step: a Prefect task inside a flow run, a plain function call outside of one.

One body therefore serves both rhythms: with a Prefect server every step is a task with its retries, time-out
and state; without one (server down, command line, tests) the same steps run in the same order, plainly.
It never decides what runs once: leases and run keys in the database do.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial, wraps
from typing import Any, ParamSpec, TypeVar

from shopfloor.domain.errors import DatabaseUnavailable

log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

RETRYABLE: tuple[type[BaseException], ...] = (DatabaseUnavailable, ConnectionError)
"""Only an outage is worth a second try; garbage stays garbage."""


@dataclass(frozen=True)
class StepOptions:
    """How a step is run.

    Attributes:
        retries: Further tries after an outage.
        delays_s: Seconds before each further try; the last one repeats.
        timeout_s: Prefect's time-out; None = none. Hard deadlines live in child processes, not here.
        tags: Prefect tags.
    """

    retries: int = 0
    delays_s: tuple[float, ...] = (1.0, 3.0, 6.0)
    timeout_s: float | None = None
    tags: tuple[str, ...] = ()


def is_in_flow_run() -> bool:
    """Tell whether a Prefect flow run is active in this context."""
    if "prefect" not in sys.modules:
        return False
    from prefect.context import FlowRunContext

    return FlowRunContext.get() is not None


def step(
    *, retries: int = 0, timeout_s: float | None = None, tags: tuple[str, ...] = ()
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a library call a step of a flow."""
    options = StepOptions(retries=retries, timeout_s=timeout_s, tags=tags)

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            if is_in_flow_run():
                result: R = _as_task(function, options)(partial(function, *args, **kwargs))
                return result
            return _with_retries(function, options, args, kwargs)

        return call

    return decorate


@cache
def _as_task(function: Callable[..., Any], options: StepOptions) -> Callable[[Callable[[], Any]], Any]:
    """Return a task that calls what it is given: Prefect would walk through any argument it sees."""
    from prefect import task
    from prefect.cache_policies import NO_CACHE

    decorate: Callable[[Callable[..., Any]], Callable[..., Any]] = task(
        name=function.__name__.replace("_", "-"),
        description=(function.__doc__ or "").partition("\n")[0],
        retries=options.retries,
        retry_delay_seconds=list(options.delays_s[: max(1, options.retries)]),
        retry_condition_fn=_is_outage if options.retries else None,
        timeout_seconds=options.timeout_s,
        tags=list(options.tags),
        cache_policy=NO_CACHE,
        persist_result=False,
    )
    return decorate(_call)


def _call(work: Callable[[], R]) -> R:
    return work()


def _is_outage(_task: object, _run: object, state: Any) -> bool:
    return isinstance(state.result(raise_on_failure=False), RETRYABLE)


def _with_retries(
    function: Callable[..., R], options: StepOptions, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> R:
    for attempt in range(options.retries):
        try:
            return function(*args, **kwargs)
        except RETRYABLE as error:
            delay = options.delays_s[min(attempt, len(options.delays_s) - 1)]
            log.warning(
                "step_retry step=%s attempt=%d delay_s=%.0f cause=%s",
                function.__name__,
                attempt + 1,
                delay,
                error,
            )
            time.sleep(delay)
    return function(*args, **kwargs)
