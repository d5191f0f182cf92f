"""Run the real command in a process of its own, with a home of its own and no servers unless given."""

import os
import subprocess
import sys
from pathlib import Path

SERVERS = ("PREFECT_API_URL", "MLFLOW_TRACKING_URI", "SHOPFLOOR_DATABASE_URL")


def shopfloor(*arguments: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Return the finished command; `environment` is added to ours."""
    clean = {name: value for name, value in os.environ.items() if name not in SERVERS}
    return subprocess.run(
        [sys.executable, "-m", "flows", *arguments],
        env=clean | {"SHOPFLOOR_HOME": str(home)} | environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
