"""What assembling an instance had to assume or set aside, said in codes: a plan must be able to tell."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Note:
    """One assumption.

    Attributes:
        code: Stable name, for example `OPEN_BREAKDOWN`.
        where: Machine, operation or calendar.
        detail: What was assumed, with its value.
    """

    code: str
    where: str
    detail: str


@dataclass
class Notebook:
    """Collects notes while an instance is assembled."""

    notes: list[Note] = field(default_factory=list)

    def add(self, code: str, where: str, detail: str) -> None:
        self.notes.append(Note(code, where, detail))
