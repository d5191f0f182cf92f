"""A real browser for tests of pages: what the page's elements are after its scripts ran."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_browser = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("CI"), reason="no chromium on this machine; red in CI"
)


def dom_of(html: Path, tmp_path: Path, *, anchor: str = "") -> str:
    """Return the page's elements after its scripts ran.

    Args:
        anchor: What follows `#` in the address.
    """
    flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    flags += ["--window-size=1600,1200", "--virtual-time-budget=5000", "--dump-dom"]
    command = [str(CHROMIUM), *flags, html.as_uri() + (f"#{anchor}" if anchor else "")]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


def with_script(html: Path, script: str) -> Path:
    """Add a script that plays the user, and take away the page's policy, which would forbid it."""
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", html.read_text("utf-8"))
    html.write_text(text.replace("</body>", f"<script>{script}</script></body>"), encoding="utf-8")
    return html
