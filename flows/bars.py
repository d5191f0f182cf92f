"""Progress bars on stderr for whoever waits at a terminal; silent where nobody looks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flows.artifacts import Listener

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID

LONGEST_NOTE = 44


@contextmanager
def progress_bars(console: Console | None = None) -> Iterator[Listener | None]:
    """Yield a listener that draws one bar per stage, or None when stderr is no terminal and no console is given."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    shown_on = console or Console(stderr=True, highlight=False)
    if console is None and not shown_on.is_terminal:
        yield None
        return
    columns = (
        TextColumn("{task.description:24}"),
        BarColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=shown_on) as bars:
        tasks: dict[str, TaskID] = {}

        def listen(stage: str, share: float, message: str) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=1.0, note="")
            bars.update(tasks[stage], completed=share, note=message[:LONGEST_NOTE])

        yield listen
