from prefect import flow


@flow
def incident_response(code: str = "", incident_id: str = ""): ...
