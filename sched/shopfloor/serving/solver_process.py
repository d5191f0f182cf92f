"""Run a search in a child process that is killed, not asked, at its deadline.

A thread blocked in native code cannot be stopped, a process can. The child streams every better plan, so
whatever it had found by the deadline is not lost. It gets no database address and no password, and it dies
with this process. Nothing a child does (crash, silence, nonsense) raises here: it becomes an answer with a
failure.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from shopfloor.domain.instance import Instance
from shopfloor.domain.schedule import Schedule
from shopfloor.engine.kernel_cache import CACHE_FOLDER
from shopfloor.serving.search_settings import Replay, SearchReport, SearchSettings, report_from
from shopfloor.serving.wire import BadFrame, FrameReader, schedule_from_rows

log = logging.getLogger(__name__)

SECRET_PREFIXES = ("SHOPFLOOR_DATABASE", "SHOPFLOOR_ALERT", "MLFLOW_", "PREFECT_")
GRACE_S = 0.25
"""The child stops itself this much before it is killed."""
BEAT_S = 0.2
STARTUP_S = 30.0
COMPILING_S = 400.0
_COMPILED_MARK = "search-is-compiled"


@dataclass(frozen=True)
class SolverRequest:
    """What the child is asked.

    Attributes:
        instance: The problem.
        bundle_path: A bundle that was proven; the child proves it again. None = search from rules alone.
        bundle_hash: Hash it must have.
        order: What is searched for, how long.
        replay: Steps of an earlier search to do again; None = as far as moves and seconds carry.
    """

    instance: Instance
    bundle_path: Path | None = None
    bundle_hash: str = ""
    order: SearchSettings = field(default_factory=SearchSettings)
    replay: Replay | None = None


@dataclass(frozen=True)
class SolverLimits:
    """What the child may use.

    Attributes:
        deadline_s: Seconds of search, from the moment it is ready; then it is killed.
        startup_s: Seconds to start, prove the model, load kernels and the instance; then it is killed.
        memory_mb: Address space.
    """

    deadline_s: float = 5.0
    startup_s: float = STARTUP_S
    memory_mb: int = 6144


def startup_seconds() -> float:
    """Return how long a child may take to be ready: minutes where it still has kernels to compile.

    Else a child that is killed while it compiles would begin anew on every day.
    """
    return STARTUP_S if (CACHE_FOLDER / _COMPILED_MARK).exists() else COMPILING_S


def note_compiled() -> None:
    """Remember that this version of the kernels is compiled; a cache that cannot be written is no error."""
    with contextlib.suppress(OSError):
        (CACHE_FOLDER / _COMPILED_MARK).touch()


@dataclass(frozen=True)
class Failure:
    """Why the child's answer is not what was asked for.

    Attributes:
        code: DEADLINE, SOLVER_DIED, SOLVER_SILENT, SOLVER_MEMORY, SOLVER_ERROR, SOLVER_GARBAGE, POLICY_NAN,
        or the
            code with which the model was refused.
    """

    code: str
    summary: str
    context: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SolverAnswer:
    """What came back.

    Attributes:
        schedule: Best plan received, not yet validated; None = none.
        report: What the search did; None unless it ended by itself.
        improvements: Better plans that it sent.
        startup_s, search_s: Wall seconds until ready, and from then on.
        failure: None = it ended by itself and said so.
    """

    schedule: Schedule | None
    report: SearchReport | None
    improvements: int
    startup_s: float
    search_s: float
    failure: Failure | None


@dataclass(frozen=True, slots=True)
class Beat:
    """How a search stands, for whoever watches.

    Attributes:
        phase: `startup` until the kernels are loaded, then `search`.
        left_s: Seconds until the child is killed.
        cost: Of the best plan so far; None before the first.
    """

    phase: str
    left_s: float
    cost: float | None


Watch = Callable[[Beat], None]


def solve_in_child(
    request: SolverRequest, limits: SolverLimits, *, watch: Watch | None = None
) -> SolverAnswer:
    """Search in a child until it is done, dead or out of time; never raises for what the child does.

    Args:
        watch: Called several times a second; what it raises is not caught.
    """
    with contextlib.ExitStack() as stack:
        task = stack.enter_context(tempfile.TemporaryFile())
        trouble = stack.enter_context(tempfile.TemporaryFile())
        # a file and not a pipe: a child that never reads cannot block us
        pickle.dump({"request": request, "limits": limits, "grace_s": GRACE_S}, task, protocol=5)
        task.seek(0)
        answers, answers_in_child = os.pipe()
        lifeline_in_child, lifeline = os.pipe()
        stack.callback(os.close, answers)
        stack.callback(os.close, lifeline)
        try:
            child = _start(task, trouble, answers_in_child, lifeline_in_child)
        finally:
            os.close(answers_in_child)
            os.close(lifeline_in_child)
        stack.callback(_end, child)
        return _Conversation(child, answers, trouble, limits, watch).run()


def _start(task: IO[bytes], trouble: IO[bytes], answers: int, lifeline: int) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-m",
        "shopfloor.serving.solver_child",
        str(answers),
        str(lifeline),
        str(os.getpid()),
    ]
    # the environment is handed on without what a solver has no business to know
    environment = {name: value for name, value in os.environ.items() if not name.startswith(SECRET_PREFIXES)}
    environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
    return subprocess.Popen(
        command,
        stdin=task,
        stdout=subprocess.DEVNULL,
        stderr=trouble,
        pass_fds=(answers, lifeline),
        env=environment,
        close_fds=True,
    )


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(timeout=10)


class _Conversation:
    """Listens to one child until it is done, dead or late."""

    def __init__(
        self,
        child: subprocess.Popen[bytes],
        answers: int,
        trouble: IO[bytes],
        limits: SolverLimits,
        watch: Watch | None,
    ) -> None:
        self._child = child
        self._answers = answers
        self._trouble = trouble
        self._limits = limits
        self._watch = watch
        self._began = time.monotonic()
        self._ready_at: float | None = None
        self._schedule: Schedule | None = None
        self._cost: float | None = None
        self._report: SearchReport | None = None
        self._improvements = 0
        self._is_done = False
        self._failure: Failure | None = None

    def run(self) -> SolverAnswer:
        reader = FrameReader()
        with selectors.DefaultSelector() as selector:
            selector.register(self._answers, selectors.EVENT_READ)
            while not self._is_done and self._failure is None:
                left = self._until() - time.monotonic()
                if left <= 0:
                    self._failure = self._late()
                    break
                if self._watch is not None:
                    self._watch(Beat("startup" if self._ready_at is None else "search", left, self._cost))
                if not selector.select(left if self._watch is None else min(left, BEAT_S)):
                    continue
                data = os.read(self._answers, 1 << 20)
                if not data:
                    self._failure = self._died()
                    break
                self._listen(reader, data)
        now = time.monotonic()
        ready_at = self._ready_at if self._ready_at is not None else now
        answer = SolverAnswer(
            schedule=self._schedule,
            report=self._report,
            improvements=self._improvements,
            startup_s=ready_at - self._began,
            search_s=now - ready_at,
            failure=self._failure,
        )
        log.info(
            "solver_answered iterations=%s improvements=%d startup_s=%.2f search_s=%.2f failure=%s",
            answer.report.iterations if answer.report else "unknown",
            answer.improvements,
            answer.startup_s,
            answer.search_s,
            answer.failure.code if answer.failure else "none",
        )
        return answer

    def _until(self) -> float:
        if self._ready_at is None:
            return self._began + self._limits.startup_s
        return self._ready_at + self._limits.deadline_s

    def _listen(self, reader: FrameReader, data: bytes) -> None:
        try:
            for frame in reader.feed(data):
                self._take(frame)
        except BadFrame as error:
            self._failure = Failure("SOLVER_GARBAGE", f"the solver sent nonsense: {error}")

    def _take(self, frame: dict[str, Any]) -> None:
        kind = frame["kind"]
        if kind == "ready":
            self._ready_at = time.monotonic()
        elif kind == "plan":
            self._schedule = schedule_from_rows(frame.get("schedule"))
            self._cost = _number(frame.get("cost"))
            self._improvements += 1
        elif kind == "done":
            self._report = _report(frame.get("report"))
            self._is_done = True
            if self._schedule is None:
                self._failure = Failure("SOLVER_SILENT", "the solver ended without a plan")
        elif kind == "failed":
            code, text = str(frame.get("code"))[:48], str(frame.get("text"))[:400]
            self._failure = Failure(code, text, {"error": str(frame.get("error"))[:80]})
        else:
            raise BadFrame(f"unknown kind {kind[:40]!r}")

    def _late(self) -> Failure:
        self._child.kill()
        if self._ready_at is None:
            return Failure(
                "DEADLINE",
                f"the solver was not ready after {self._limits.startup_s:g} s and was killed",
                {"phase": "startup", "limit_s": self._limits.startup_s},
            )
        return Failure(
            "DEADLINE",
            f"the solver did not stop after {self._limits.deadline_s:g} s of search and was killed",
            {"phase": "search", "limit_s": self._limits.deadline_s, "improvements": self._improvements},
        )

    def _died(self) -> Failure:
        try:
            code = self._child.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._child.kill()
            return Failure("SOLVER_SILENT", "the solver closed its pipe and went on without a word")
        context = {"exit_code": code, "phase": "startup" if self._ready_at is None else "search"}
        context["stderr"] = self._last_words()
        if code < 0:
            name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
            return Failure("SOLVER_DIED", f"the solver was killed by {name}", context | {"signal": -code})
        if code == 0:
            return Failure("SOLVER_SILENT", "the solver exited 0 without an answer", context)
        return Failure("SOLVER_DIED", f"the solver exited with code {code}", context)

    def _last_words(self) -> str:
        size = self._trouble.seek(0, os.SEEK_END)
        self._trouble.seek(max(0, size - 1500))
        return self._trouble.read().decode(errors="replace")


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadFrame(f"number expected: {str(value)[:40]}")
    return float(value)


def _report(values: object) -> SearchReport:
    try:
        return report_from(values)
    except (TypeError, ValueError, OverflowError) as error:
        raise BadFrame(str(error)[:200]) from error
