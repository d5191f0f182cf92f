"""A dispatch model is consistent or is refused."""

import pytest

from shopfloor.engine.rules import Rule, RuleSpec
from shopfloor.policies.model import DispatchModel


def test_a_rule_model_is_dispatched_by_its_rule() -> None:
    rule = RuleSpec(Rule.ATCS, k1=3.0)
    model = DispatchModel("rule", rule)
    assert model.spec() is rule
    assert model.name == "rule:ATCS"


def test_an_actor_without_weights_is_refused() -> None:
    with pytest.raises(ValueError, match="needs weights"):
        DispatchModel("actor", RuleSpec())


def test_a_negative_temperature_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        DispatchModel("rule", RuleSpec(), temperature=-0.1)
