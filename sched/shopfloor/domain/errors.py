"""Every error that `shopfloor` raises on purpose, as one tree.

    ShopfloorError
    ├── InvalidPlant            (ValueError)    the plant's own description contradicts itself
    │   └── InvalidCalendar
    ├── InvalidInstance         (ValueError)    jobs, operations or state contradict each other
    ├── InvalidSettings         (ValueError)    a setting of this installation is impossible
    ├── RefusedInput            (ValueError)    the data is garbage: no plan is made from it
    ├── InvalidPlan             (ValueError)    the validator found violations
    ├── ModelRefused            (ValueError)    a model bundle failed its proof; carries `code`
    ├── StalePromotion          (RuntimeError)  the ledger moved on since the decision was taken
    ├── PromotionHeld           (RuntimeError)  a person rolled back and nobody has lifted the hold
    ├── NothingToRollBack       (RuntimeError)  no earlier champion can be proven
    ├── LeaseHeld               (RuntimeError)  another run holds the lease
    ├── LeaseLost               (RuntimeError)  our lease was taken over, or a newer plan is active
    ├── DatabaseUnavailable     (ConnectionError)
    ├── SchemaMismatch          (RuntimeError)  tables or rights are missing, or of another version
    ├── CommitUnknown           (RuntimeError)  COMMIT was sent, its answer lost, reading back failed
    └── SnapshotCorrupt         (ValueError)    a stored snapshot does not match its manifest

A message says what is wrong, where, and the value; then a `hint:` line.
"""

from __future__ import annotations


class ShopfloorError(Exception):
    """Root of all errors that the package raises on purpose."""


class InvalidPlant(ShopfloorError, ValueError):
    """The plant's description contradicts itself."""


class InvalidCalendar(InvalidPlant):
    """A calendar window, exception or downtime is impossible."""


class InvalidInstance(ShopfloorError, ValueError):
    """Jobs, operations or the starting state contradict each other."""


class InvalidSettings(ShopfloorError, ValueError):
    """A setting of this installation is impossible."""


class RefusedInput(ShopfloorError, ValueError):
    """The input data is garbage and no plan may be made from it."""


class InvalidPlan(ShopfloorError, ValueError):
    """The validator found violations in a schedule."""


class ModelRefused(ShopfloorError, ValueError):
    """A model bundle failed its proof.

    Args:
        code: Stable reason, for example `HASH_MISMATCH`, `SCHEMA_DRIFT`, `WEIGHTS_NONFINITE`.
        message: What was found, where.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class StalePromotion(ShopfloorError, RuntimeError):
    """The promotion ledger moved on since the decision was taken."""


class PromotionHeld(ShopfloorError, RuntimeError):
    """A person rolled back and nobody has lifted the hold yet."""


class NothingToRollBack(ShopfloorError, RuntimeError):
    """The ledger knows no earlier champion whose bundle can be proven."""


class LeaseHeld(ShopfloorError, RuntimeError):
    """Another run holds the lease."""


class LeaseLost(ShopfloorError, RuntimeError):
    """Our lease was taken over, or a newer plan is already active."""


class DatabaseUnavailable(ShopfloorError, ConnectionError):
    """The database refused, hung or went away."""


class SchemaMismatch(ShopfloorError, RuntimeError):
    """Tables are missing, of another version, or not ours to use."""


class CommitUnknown(ShopfloorError, RuntimeError):
    """The outcome of a COMMIT could not be resolved."""


class SnapshotCorrupt(ShopfloorError, ValueError):
    """A stored snapshot does not match its manifest."""
