from prefect import flow


@flow
def monitor_plan(end_of_day: bool = False): ...
