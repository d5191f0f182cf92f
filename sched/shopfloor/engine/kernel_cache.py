"""Where numba keeps compiled kernels: one sub-folder per version of the kernel sources.

numba notices an edit only in the file of the cached function itself; a changed callee in another file keeps
running the old code (measured). So the folder carries a hash of all engine sources. This is the one module
below the flows that reads the environment: `NUMBA_CACHE_DIR` is numba's own variable, and it must be set
before the first kernel is declared.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from importlib.metadata import version
from pathlib import Path

from numba.core import config as numba_config

from shopfloor.engine.kernel_clock import start_clock

_VARIABLE = "NUMBA_CACHE_DIR"
_MARK = "kernels-"


def kernel_hash() -> str:
    """Return 16 hex digits that change whenever a kernel source changes."""
    engine = Path(__file__).parent
    digest = hashlib.sha256(version("numba").encode())
    for source in [engine / "layout.py", *sorted((engine / "kernel").glob("*.py"))]:
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    return digest.hexdigest()[:16]


def _base_folder() -> Path:
    given = os.environ.get(_VARIABLE, "")
    if given:
        path = Path(given)
        return path.parent if path.name.startswith(_MARK) else path
    beside = Path(__file__).parent / "kernel" / "__pycache__"
    if os.access(Path(__file__).parent / "kernel", os.W_OK):
        return beside
    return Path(tempfile.gettempdir()) / f"shopfloor-numba-{os.getuid()}"


def use_versioned_cache() -> Path:
    """Point numba at the folder of this version of the sources and return it.

    A child process inherits the variable and lands in the same folder.
    """
    folder = _base_folder() / f"{_MARK}{kernel_hash()}"
    os.environ[_VARIABLE] = str(folder)
    vars(numba_config)["CACHE_DIR"] = str(folder)
    return folder


CACHE_FOLDER = use_versioned_cache()
CLOCK = start_clock(CACHE_FOLDER)
"""What compiling has cost this process."""
