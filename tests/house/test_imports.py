"""Imports stay light where people wait, and the installed libraries still fit together."""

import subprocess
import sys

import pytest

HEAVY = (
    "torch",
    "mlflow",
    "great_expectations",
    "evidently",
    "prefect",
    "pandas",
    "numba",
    "sqlalchemy",
    "plotly",
)


def loaded_after(code: str) -> set[str]:
    script = f"{code}\nimport sys\nprint(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_help_loads_no_heavy_library() -> None:
    code = (
        "import sys\nsys.argv = ['shopfloor', '--help']\nfrom flows.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass"
    )
    assert not loaded_after(code) & set(HEAVY)


@pytest.mark.parametrize("module", ["shopfloor.domain.validator", "shopfloor.domain.kpis"])
def test_the_domain_is_plain(module: str) -> None:
    assert not loaded_after(f"import {module}") & set(HEAVY)


def test_serving_needs_no_trainer_and_no_server_library() -> None:
    heavy = {"torch", "mlflow", "great_expectations", "evidently", "prefect"}
    assert (
        not loaded_after(
            "import shopfloor.serving.ladder, shopfloor.serving.champion, shopfloor.data.writeback"
        )
        & heavy
    )


def test_prefect_server_and_evidently_import_on_the_locked_set() -> None:
    # FastAPI releases broke Prefect's server at import, pandas 3.1 broke Evidently: see the caps in pyproject.toml.
    subprocess.run(
        [sys.executable, "-c", "import prefect.server.api.server, evidently"], check=True, timeout=120
    )


def test_telemetry_is_off_everywhere() -> None:
    from shopfloor.settings import TELEMETRY_OFF, quiet_environment

    environment: dict[str, str] = {}
    quiet_environment(environment)
    assert environment.items() >= TELEMETRY_OFF.items()
