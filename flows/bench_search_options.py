"""How much the search's bench measures. Plain values, read by the command line; measures nothing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SearchBenchOptions:
    """How much is measured.

    Attributes:
        n_cases: Of the daily suite.
        n_factories: Of each family of equal CPU.
        n_anchors: Small instances.
        n_bounds: Cases of the daily suite for which a bound is proved, half a minute each the first time.
        n_presets: Cases of the daily suite on which the objectives are compared.
        seconds: Wall seconds of the long search, on two workers; the short one has 1 s on one core.
        reference_seconds: Of CP-SAT, on two workers.
        proof_seconds: Of the exact model, at most.
        sizes: Operations of the large books.
        objective: Preset that the search minimises.
    """

    n_cases: int = 30
    n_factories: int = 10
    n_anchors: int = 8
    seconds: float = 5.0
    reference_seconds: float = 10.0
    proof_seconds: float = 30.0
    sizes: tuple[int, ...] = (500, 2000, 5000)
    objective: str = "balanced"
    n_bounds: int = 0
    n_presets: int = 6
    seed: int = 0

    @classmethod
    def quick(cls) -> SearchBenchOptions:
        """Return what two minutes allow: numbers to look at, not to quote."""
        return cls(
            n_cases=4, n_factories=2, n_anchors=4, n_presets=2, seconds=2.0, reference_seconds=4.0, proof_seconds=8.0,
            sizes=(500, 2000),
        )  # fmt: skip
