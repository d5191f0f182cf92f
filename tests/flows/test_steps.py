"""Steps run plainly without Prefect, retry outages only, and never hide garbage."""

import pytest

from flows.steps import is_in_flow_run, step
from shopfloor.domain.errors import DatabaseUnavailable, RefusedInput


def test_a_step_outside_a_flow_run_is_a_plain_call() -> None:
    @step()
    def double(x: int) -> int:
        return 2 * x

    assert double(21) == 42
    assert not is_in_flow_run()


def test_an_outage_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.steps.time.sleep", lambda _seconds: None)
    calls = []

    @step(retries=2)
    def flaky() -> str:
        calls.append(1)
        if len(calls) < 3:
            raise DatabaseUnavailable("refused")
        return "up"

    assert flaky() == "up"
    assert len(calls) == 3


def test_garbage_is_not_tried_again() -> None:
    calls = []

    @step(retries=2)
    def refuse() -> None:
        calls.append(1)
        raise RefusedInput("no rows in machines: 0")

    with pytest.raises(RefusedInput):
        refuse()
    assert len(calls) == 1
