"""The independent judge of every plan: rules, greedy's, searched, learned or edited by hand.

It shares no code with any solver: each rule works its answer out again from the instance. It does not repair,
score or explain; it says which rule is broken where, with the numbers. A new rule is a function in
`rules_*.py` and a line in `RULES`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from shopfloor.domain import rules_assignment, rules_sequence, rules_time
from shopfloor.domain.errors import InvalidPlan
from shopfloor.domain.instance import Instance
from shopfloor.domain.schedule import Schedule
from shopfloor.domain.violation import PlanView, Violation

__all__ = ["RULES", "Violation", "require_valid", "validate"]

SHOWN = 5

RULES: tuple[Callable[[PlanView], Iterator[Violation]], ...] = (
    rules_assignment.unknown_operation,
    rules_assignment.duplicate_operation,
    rules_assignment.missing_operation,
    rules_assignment.scheduled_and_unassigned,
    rules_assignment.set_aside_scheduled,
    rules_assignment.unassigned_without_code,
    rules_assignment.unjustified,
    rules_assignment.unknown_machine,
    rules_assignment.wrong_job,
    rules_assignment.wrong_machine_type,
    rules_assignment.restricted_machine,
    rules_assignment.pin_violated,
    rules_time.level_range,
    rules_time.empty_interval,
    rules_time.before_now,
    rules_time.before_release,
    rules_time.closed_start,
    rules_time.work_minutes,
    rules_time.not_contiguous,
    rules_time.run_minutes,
    rules_sequence.precedence,
    rules_sequence.predecessor_unassigned,
    rules_sequence.slot_out_of_range,
    rules_sequence.slot_overlap,
    rules_sequence.setup_minutes,
    rules_sequence.commitment_moved,
    rules_sequence.commitment_flag,
)
"""Every rule, in the order of the report; the code of a rule is its name in upper case."""


def validate(instance: Instance, schedule: Schedule) -> tuple[Violation, ...]:
    """Return every violation of every rule; none means that people can run the plan."""
    view = PlanView(instance, schedule)
    return tuple(violation for rule in RULES for violation in rule(view))


def require_valid(instance: Instance, schedule: Schedule) -> None:
    """Raise unless the plan breaks no rule.

    Raises:
        InvalidPlan: With the number of violations and the first few.
    """
    violations = validate(instance, schedule)
    if violations:
        shown = "\n".join(f"  {violation}" for violation in violations[:SHOWN])
        raise InvalidPlan(
            f"plan of {schedule.solver!r} breaks {len(violations)} rules:\n{shown}\n"
            "hint: the solver is at fault, not the data; the plan must not be written"
        )
