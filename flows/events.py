"""Events on Prefect's bus: incident, drift, promotion. Outside a flow run they are only logged."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from flows.steps import is_in_flow_run

log = logging.getLogger(__name__)

INCIDENT_RAISED = "shopfloor.incident.raised"
DRIFT_DETECTED = "shopfloor.drift.detected"
MODEL_PROMOTED = "shopfloor.model.promoted"
MODEL_REFUSED = "shopfloor.model.refused"
PLAN_ACTIVATED = "shopfloor.plan.activated"


def emit(event: str, *, resource: str, payload: Mapping[str, Any]) -> None:
    """Emit `event` about `shopfloor.<resource>`; never fails its caller."""
    log.info("event name=%s resource=%s payload=%s", event, resource, dict(payload))
    if not is_in_flow_run():
        return
    from prefect.events import emit_event

    try:
        emit_event(
            event=event, resource={"prefect.resource.id": f"shopfloor.{resource}"}, payload=dict(payload)
        )
    except Exception as error:
        log.warning("event_lost name=%s cause=%s", event, error)
