"""Players of the speed benchmark: processes that are asked for one timed round at a time.

Ours and the peers speak the line protocol of `benchmarks/meters.py`. Nothing is compared here.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import flows
from shopfloor.domain.errors import RefusedInput

ROOT = Path(flows.__file__ or "").resolve().parents[1]
SCRIPTS = ROOT / "benchmarks"
PEER_PYTHON = ROOT / ".venv-bench" / "bin" / "python"
OUR_PYTHON = Path(sys.executable)
HOW_TO_BUILD = "make bench-env"


class PlayerMissing(RuntimeError):
    """A player did not start; the message says why, for the table."""


def require_scripts() -> None:
    """Check that this is a checkout.

    Raises:
        RefusedInput: The benchmarks are not here.
    """
    if not SCRIPTS.is_dir():
        raise RefusedInput(
            f"the benchmarks are not installed with the package: {SCRIPTS}\nhint: run it in a checkout"
        )


@dataclass(frozen=True)
class Round:
    """One timed round.

    Attributes:
        amount: Work done, in the meter's unit.
        cpu_s: CPU seconds of the player's process.
        beside: Further figures of the meter.
    """

    amount: float
    cpu_s: float
    beside: dict[str, float]

    @property
    def speed(self) -> float:
        """Work per CPU second."""
        return self.amount / self.cpu_s


class Player:
    """A running player; `close` ends it."""

    def __init__(
        self,
        python: Path,
        script: str,
        arguments: Sequence[str] = (),
        *,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        """Start the process and wait until it is ready, kernels compiled.

        Args:
            say: Hears which kernels it compiles, and how long that takes.

        Raises:
            PlayerMissing: Its interpreter is not built, or it ended before it was ready.
        """
        if not python.exists():
            raise PlayerMissing(f"peer not built: run {HOW_TO_BUILD}")
        self._process = subprocess.Popen(
            [str(python), str(SCRIPTS / script), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )
        self._last_words = "no output"
        self._listener = threading.Thread(target=self._listen, args=(say,), daemon=True)
        self._listener.start()
        ready = self._answer()
        self.about = str(ready["ready"])
        self.meters: tuple[str, ...] = tuple(ready["meters"])

    def ask(self, meter: str, seconds: float) -> Round:
        """Return one round of at least so many CPU seconds."""
        with contextlib.suppress(BrokenPipeError):  # it has died: its last words are read below
            self._pipe(self._process.stdin).write(json.dumps({"meter": meter, "seconds": seconds}) + "\n")
            self._pipe(self._process.stdin).flush()
        row = self._answer()
        if "error" in row:
            raise PlayerMissing(f"meter {meter!r} failed: {row['error']}")
        return Round(float(row.pop("amount")), float(row.pop("cpu_s")), row)

    def close(self) -> None:
        """End the process."""
        with contextlib.suppress(BrokenPipeError):
            self._pipe(self._process.stdin).close()
        self._process.wait(timeout=30)
        self._listener.join()
        self._pipe(self._process.stdout).close()
        self._pipe(self._process.stderr).close()

    def _answer(self) -> dict[str, Any]:
        for line in self._pipe(self._process.stdout):
            # Libraries greet on stdout while they are imported.
            if line.startswith("{"):
                answer: dict[str, Any] = json.loads(line)
                return answer
        self.close()
        raise PlayerMissing(f"player ended with {self._process.returncode}: {self._last_words[:200]}")

    def _listen(self, say: Callable[[str], None]) -> None:
        """Keep the last line of stderr and pass on what is said about compiling."""
        for line in self._pipe(self._process.stderr):
            self._last_words = line.strip() or self._last_words
            if line.startswith("kernel"):
                say(line.strip())

    @staticmethod
    def _pipe(pipe: Any) -> TextIO:
        assert pipe is not None
        stream: TextIO = pipe
        return stream


def run_child(script: str, arguments: Sequence[str], *, cache: Path | None = None) -> dict[str, float]:
    """Run one of our scripts in a fresh process and return the row it prints.

    Args:
        cache: Folder of compiled kernels; None = the usual one.
    """
    environment = dict(os.environ)
    if cache is not None:
        environment["NUMBA_CACHE_DIR"] = str(cache)
    done = subprocess.run(
        [str(OUR_PYTHON), str(SCRIPTS / script), *arguments],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    if done.returncode:
        raise PlayerMissing(f"{script} ended with {done.returncode}: {done.stderr.strip()[-200:]}")
    row: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return row
