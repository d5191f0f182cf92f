"""Benchmark instances of the literature: their text formats, best known values, and what an instance is.

Files are read, never written or downloaded; the folder is an argument. What they mean to the engine is
`twin.public_shop`.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from shopfloor.domain.errors import InvalidInstance

Alternatives = tuple[tuple[int, int], ...]
"""Machines that can do an operation, each with its minutes there: (machine, minutes), machines from 0."""


@dataclass(frozen=True, slots=True)
class PublicInstance:
    """One shop of the literature: everything is open from minute 0, nothing needs setting up.

    Attributes:
        name: As in the literature, for example `ta01`.
        jobs: Of each job its operations in order, of each operation its alternatives.
        weights: Cost of a minute of tardiness of each job; empty = the makespan counts.
        due: Due minute of each job; empty = the makespan counts.
        lower: No plan is better.
        best: Best value known, -1 = none.
        is_proved: Whether `best` is known to be optimal.
    """

    name: str
    jobs: tuple[tuple[Alternatives, ...], ...]
    weights: tuple[int, ...] = ()
    due: tuple[int, ...] = ()
    lower: int = 0
    best: int = -1
    is_proved: bool = False

    @property
    def n_machines(self) -> int:
        """Machines that occur; a file's header is not believed (that of mk06 differs between copies)."""
        return 1 + max(machine for job in self.jobs for operation in job for machine, _ in operation)

    @property
    def n_operations(self) -> int:
        """Operations of all jobs."""
        return sum(len(job) for job in self.jobs)

    @property
    def is_flexible(self) -> bool:
        """Whether an operation may choose its machine."""
        return any(len(operation) > 1 for job in self.jobs for operation in job)

    @property
    def is_tardiness(self) -> bool:
        """Whether weighted tardiness counts, not the makespan."""
        return bool(self.due)

    @property
    def simple_bound(self) -> int:
        """Longest job, and without alternatives also the fullest machine; 0 where tardiness counts."""
        if self.is_tardiness:
            return 0
        bound = max(sum(min(t for _, t in operation) for operation in job) for job in self.jobs)
        if not self.is_flexible:
            load = [0] * self.n_machines
            for job in self.jobs:
                for ((machine, minutes),) in job:
                    load[machine] += minutes
            bound = max(bound, *load)
        return bound


class _Lines:
    """The numbers of a file, line by line; comments (`#`) and empty lines are passed over."""

    def __init__(self, text: str, where: str) -> None:
        self.where = where
        self.rows: list[tuple[int, list[int]]] = []
        for number, line in enumerate(text.splitlines(), start=1):
            words = line.split("#")[0].split()
            if words:
                self.rows.append((number, [self.integer(word, number) for word in words]))
        self.next = 0

    def integer(self, word: str, number: int) -> int:
        try:
            value = float(word)
        except ValueError:
            value = -1.0
        if value < 0 or value != int(value):
            raise self.wrong("not a whole number from 0", number, word)
        return int(value)

    def row(self, what: str) -> tuple[int, list[int]]:
        if self.next >= len(self.rows):
            last = self.rows[-1][0] if self.rows else 1
            raise self.wrong("the file ends too early", last, f"{what} is missing")
        self.next += 1
        return self.rows[self.next - 1]

    def wrong(self, what: str, number: int, value: object) -> InvalidInstance:
        return InvalidInstance(
            f"{what}, {self.where} line {number}: {value}\n"
            "hint: first the numbers of jobs and machines, then one line per job; machines count from 0"
        )


def parse_job_shop(text: str, name: str, where: str = "") -> PublicInstance:
    """Return a job shop: `n m`, per job `machine minutes` pairs; with due dates then per job `weight due`.

    Raises:
        InvalidInstance: Not that format; names the file, the line and the value.
    """
    lines = _Lines(text, where or name)
    n_jobs, n_machines = _header(lines)
    jobs = []
    for j in range(n_jobs):
        number, row = lines.row(f"job {j + 1} of {n_jobs}")
        if len(row) % 2:
            raise lines.wrong("machine without minutes", number, row[-1])
        pairs = list(zip(row[::2], row[1::2], strict=True))
        for machine, _ in pairs:
            if machine >= n_machines:
                raise lines.wrong(f"no such machine among {n_machines}", number, machine)
        jobs.append(tuple((pair,) for pair in pairs))
    weights, due = [], []
    if lines.next < len(lines.rows):
        for j in range(n_jobs):
            number, row = lines.row(f"weight and due date of job {j + 1}")
            if len(row) != 2:
                raise lines.wrong("not a weight and a due date", number, row)
            weights.append(row[0])
            due.append(row[1])
    return PublicInstance(name, tuple(jobs), tuple(weights), tuple(due))


def parse_flexible(text: str, name: str, where: str = "") -> PublicInstance:
    """Return a flexible job shop: `n m`, per job `#operations {#alternatives {machine minutes}}`.

    Raises:
        InvalidInstance: Not that format; names the file, the line and the value.
    """
    lines = _Lines(text, where or name)
    n_jobs, _ = _header(lines)
    jobs = []
    for j in range(n_jobs):
        number, row = lines.row(f"job {j + 1} of {n_jobs}")
        at = 1
        operations: list[Alternatives] = []
        for _ in range(row[0]):
            count = row[at] if at < len(row) else 0
            pairs = row[at + 1 : at + 1 + 2 * count]
            if count < 1 or len(pairs) != 2 * count:
                raise lines.wrong(f"operation {len(operations) + 1} is cut short", number, row[at:])
            operations.append(tuple(zip(pairs[::2], pairs[1::2], strict=True)))
            at += 1 + 2 * count
        if at != len(row):
            raise lines.wrong("more numbers than the operations need", number, row[at:])
        jobs.append(tuple(operations))
    return PublicInstance(name, tuple(jobs))


def _header(lines: _Lines) -> tuple[int, int]:
    number, row = lines.row("the header")
    if len(row) < 2 or row[0] < 1 or row[1] < 1:
        raise lines.wrong("not the numbers of jobs and machines", number, row)
    return row[0], row[1]


@dataclass(frozen=True, slots=True)
class Bound:
    """What is known of an instance: no plan is better than `lower`, one reaches `best` (-1 = none known)."""

    lower: int
    best: int
    is_proved: bool


def read_bounds(folder: Path) -> dict[str, Bound]:
    """Return what is known of each instance by its path inside the folder.

    From `bounds.csv` (instance, problem, path, lower_bound, upper_bound, status) and `twt_bounds.csv`
    (path, best, proved_here, ...), where they are there.

    Raises:
        InvalidInstance: A number is none.
    """
    known: dict[str, Bound] = {}
    for row, where in _table(folder / "bounds.csv"):
        lower, upper = (_whole(row[name], where) for name in ("lower_bound", "upper_bound"))
        known[row["path"]] = Bound(lower, upper, row["status"] == "closed")
    for row, where in _table(folder / "twt_bounds.csv"):
        is_proved = row["proved_here"] == "1"
        best = _whole(row["best"], where)
        known[row["path"]] = Bound(best if is_proved else 0, best, is_proved)
    return known


def _table(path: Path) -> list[tuple[dict[str, str], str]]:
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return [(row, f"{path} line {number}") for number, row in enumerate(csv.DictReader(file), start=2)]


def _whole(text: str, where: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise InvalidInstance(f"not a whole number, {where}: {text!r}\nhint: minutes, no unit") from None


SETS: dict[str, str] = {
    "ft": "jsp/ft", "la": "jsp/la", "abz": "jsp/abz", "orb": "jsp/orb", "ta": "jsp/ta",
    "brandimarte": "fjsp/brandimarte", "dauzere": "fjsp/dauzere", "fattahi": "fjsp/fattahi",
    "kacem": "fjsp/kacem", "twt": "jsp_twt",
}  # fmt: skip
"""Folder of each set."""


def read_set(folder: Path, name: str, only: Sequence[str] = ()) -> list[PublicInstance]:
    """Return the instances of a set in order of name, with their bounds.

    Args:
        name: One of `SETS`.
        only: Names to keep; empty = all.

    Raises:
        InvalidInstance: No such set or folder, or a file is broken.
    """
    if name not in SETS:
        raise InvalidInstance(f"no set {name!r}\nhint: one of {', '.join(SETS)}")
    inside = folder / SETS[name]
    paths = sorted(inside.glob("*.txt"))
    if not paths:
        raise InvalidInstance(
            f"no instances in {inside}\nhint: --folder is the folder that holds {SETS[name]}"
        )
    bounds = read_bounds(folder)
    found = [read_file(path, bounds.get(f"{SETS[name]}/{path.name}")) for path in paths]
    return [item for item in found if not only or item.name in only]


def read_file(path: Path, bound: Bound | None = None) -> PublicInstance:
    """Return the instance of one file; a path with `fjsp` in it is flexible.

    Raises:
        InvalidInstance: The file is broken.
    """
    name = path.stem.removesuffix("js")
    parse = parse_flexible if "fjsp" in path.parts else parse_job_shop
    read = parse(path.read_text(), name, str(path))
    lower = max(read.simple_bound, bound.lower if bound else 0)
    return PublicInstance(
        name, read.jobs, read.weights, read.due, lower,
        bound.best if bound else -1, bound.is_proved if bound else False,
    )  # fmt: skip
