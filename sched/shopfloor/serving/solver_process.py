"""Run the champion's search in a child process that is killed, not asked, at its deadline.

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
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from shopfloor.domain.instance import Instance
from shopfloor.domain.schedule import Schedule
from shopfloor.serving.wire import BadFrame, FrameReader, schedule_from_rows

log = logging.getLogger(__name__)

SECRET_PREFIXES = ("SHOPFLOOR_DATABASE", "SHOPFLOOR_ALERT", "MLFLOW_", "PREFECT_")
GRACE_S = 0.25
"""The child stops itself this much before it is killed."""


@dataclass(frozen=True)
class SolverRequest:
    """What the child is asked.

    Attributes:
        instance: The problem.
        bundle_path: A bundle that was proven; the child proves it again.
        bundle_hash: Hash it must have.
        samples: Plans to try at most, the deterministic one included.
        seed: Seed of the samples.
    """

    instance: Instance
    bundle_path: Path
    bundle_hash: str
    samples: int = 256
    seed: int = 0


@dataclass(frozen=True)
class SolverLimits:
    """What the child may use.

    Attributes:
        deadline_s: Seconds of search, from the moment it is ready; then it is killed.
        startup_s: Seconds to start, prove the model and compile the instance; then it is killed.
        memory_mb: Address space.
    """

    deadline_s: float = 5.0
    startup_s: float = 30.0
    memory_mb: int = 6144


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
        evaluated: Plans that the child tried.
        improvements: Better plans that it sent.
        startup_s, search_s: Wall seconds until ready, and from then on.
        failure: None = it ended by itself and said so.
    """

    schedule: Schedule | None
    evaluated: int
    improvements: int
    startup_s: float
    search_s: float
    failure: Failure | None


def solve_in_child(request: SolverRequest, limits: SolverLimits) -> SolverAnswer:
    """Search in a child until it is done, dead or out of time; never raises for what the child does."""
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
        return _Conversation(child, answers, trouble, limits).run()


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
        self, child: subprocess.Popen[bytes], answers: int, trouble: IO[bytes], limits: SolverLimits
    ) -> None:
        self._child = child
        self._answers = answers
        self._trouble = trouble
        self._limits = limits
        self._began = time.monotonic()
        self._ready_at: float | None = None
        self._schedule: Schedule | None = None
        self._evaluated = 0
        self._improvements = 0
        self._is_done = False
        self._failure: Failure | None = None

    def run(self) -> SolverAnswer:
        reader = FrameReader()
        with selectors.DefaultSelector() as selector:
            selector.register(self._answers, selectors.EVENT_READ)
            while not self._is_done and self._failure is None:
                left = self._until() - time.monotonic()
                if left <= 0 or not selector.select(left):
                    self._failure = self._late()
                    break
                data = os.read(self._answers, 1 << 20)
                if not data:
                    self._failure = self._died()
                    break
                self._listen(reader, data)
        now = time.monotonic()
        ready_at = self._ready_at if self._ready_at is not None else now
        answer = SolverAnswer(
            schedule=self._schedule,
            evaluated=self._evaluated,
            improvements=self._improvements,
            startup_s=ready_at - self._began,
            search_s=now - ready_at,
            failure=self._failure,
        )
        log.info(
            "solver_answered evaluated=%d improvements=%d startup_s=%.2f search_s=%.2f failure=%s",
            answer.evaluated,
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
            self._improvements += 1
        elif kind == "done":
            self._evaluated = int(frame.get("evaluated", 0))
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
