"""The plant: machines, work centres, setups and restrictions. What is true before any order exists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from shopfloor.domain.errors import InvalidPlant


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine; `capacity` identical slots that each run one operation at a time.

    Attributes:
        machine_id: Name.
        machine_type: Its work centre: machines of one type are interchangeable.
        setup_time_same: Setup minutes when the previous operation was of the same family, >= 0.
        setup_time_different: Setup minutes otherwise, >= 0.
        capacity: Number of identical slots, >= 1.
        speed_factor: Divides processing times, > 0; 1.0 = nominal.
        current_setup_family: Family it is set up for at first; None = unknown (counts as different).
    """

    machine_id: str
    machine_type: str
    setup_time_same: int = 0
    setup_time_different: int = 0
    capacity: int = 1
    speed_factor: float = 1.0
    current_setup_family: str | None = None

    def __post_init__(self) -> None:
        if self.capacity < 1:
            raise InvalidPlant(f"machine {self.machine_id!r} has no slot: capacity {self.capacity}")
        if not self.speed_factor > 0:
            raise InvalidPlant(f"machine {self.machine_id!r} has no speed: speed_factor {self.speed_factor}")
        if self.setup_time_same < 0 or self.setup_time_different < 0:
            raise InvalidPlant(
                f"machine {self.machine_id!r} has a negative setup time: "
                f"same {self.setup_time_same}, different {self.setup_time_different}"
            )


@dataclass(frozen=True, slots=True)
class SetupRule:
    """An override of the machine's own setup times; None = any. The most specific rule wins."""

    minutes: int
    from_family: str | None = None
    to_family: str | None = None
    machine_type: str | None = None


@dataclass(frozen=True, slots=True)
class Restriction:
    """Excludes a machine for a family, a process step, or both; None = any."""

    machine_id: str
    family: str | None = None
    sequence: int | None = None


@dataclass(frozen=True)
class Plant:
    """Machines (active ones only), setup overrides and restrictions.

    Attributes:
        machines: In the order that defines `machine_index` everywhere.
    """

    machines: tuple[Machine, ...]
    setup_rules: tuple[SetupRule, ...] = ()
    restrictions: tuple[Restriction, ...] = ()

    def __post_init__(self) -> None:
        if len(self.machine_index) != len(self.machines):
            raise InvalidPlant("two machines share one machine_id")

    @cached_property
    def machine_index(self) -> Mapping[str, int]:
        """Position of each machine by its id."""
        return {machine.machine_id: index for index, machine in enumerate(self.machines)}

    @cached_property
    def machine_types(self) -> tuple[str, ...]:
        """Work centres, sorted: the order that defines `agent_index`."""
        return tuple(sorted({machine.machine_type for machine in self.machines}))

    def setup_override(self, machine_type: str, from_family: str | None, to_family: str) -> int | None:
        """Return the minutes of the most specific matching setup rule, or None.

        Specificity: a named (from, to) pair beats one named family, which beats none; with equal families a
        rule that names the machine type beats one that does not; `from` beats `to`; the later rule beats the
        earlier.
        """
        for key in (
            (machine_type, from_family, to_family),
            (None, from_family, to_family),
            (machine_type, from_family, None),
            (machine_type, None, to_family),
            (None, from_family, None),
            (None, None, to_family),
            (machine_type, None, None),
            (None, None, None),
        ):
            minutes = self._setup_rule_minutes.get(key)
            if minutes is not None:
                return minutes
        return None

    @cached_property
    def _setup_rule_minutes(self) -> dict[tuple[str | None, str | None, str | None], int]:
        """Minutes by machine type, family before and family after; None = whatever it is."""
        return {
            (rule.machine_type, rule.from_family, rule.to_family): rule.minutes for rule in self.setup_rules
        }

    def setup_minutes(self, machine: Machine, from_family: str | None, to_family: str) -> int:
        """Return the setup minutes on `machine` when `to_family` follows `from_family` (None = unknown)."""
        override = self.setup_override(machine.machine_type, from_family, to_family)
        if override is not None:
            return override
        return machine.setup_time_same if from_family == to_family else machine.setup_time_different

    def is_restricted(self, machine_id: str, family: str, sequence: int) -> bool:
        """Tell whether a restriction excludes `machine_id` for this step of this family."""
        return any(
            rule.machine_id == machine_id
            and rule.family in (None, family)
            and rule.sequence in (None, sequence)
            for rule in self.restrictions
        )
