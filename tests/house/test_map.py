"""The README's map is the tree, the commands it lists exist, and every cap on a dependency says why."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def test_every_package_is_on_the_map_and_nothing_else_is() -> None:
    packages = {
        f"shopfloor.{path.parent.name if path.name == '__init__.py' else path.stem}"
        for pattern in ("*/__init__.py", "*.py")
        for path in (ROOT / "sched" / "shopfloor").glob(pattern)
        if path != ROOT / "sched" / "shopfloor" / "__init__.py"
    }
    rows = [line for line in README.splitlines() if re.match(r"\| (\d|top|) *\|", line)]
    on_map = set(re.findall(r"`(shopfloor\.\w+)`", "\n".join(rows)))
    assert on_map == packages


def test_every_package_says_what_it_is_and_imports_nothing() -> None:
    for path in [
        *ROOT.glob("sched/shopfloor/**/__init__.py"),
        ROOT / "flows/__init__.py",
        ROOT / "expectations/__init__.py",
    ]:
        text = path.read_text()
        assert text.startswith('"""'), path
        assert not re.search(r"^(from|import) ", text, re.MULTILINE), path


def test_every_command_is_in_the_readme() -> None:
    from flows.cli import app

    commands = {
        command.name or command.callback.__name__ for command in app.registered_commands if command.callback
    } | {group.name for group in app.registered_groups}
    documented = set(re.findall(r"^\| `([\w-]+)` \|", README, re.MULTILINE))
    assert documented == commands


def test_every_upper_cap_below_the_next_major_says_why() -> None:
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    for name in ("fastapi", "pandas", "plotly", "torch", "evidently", "mlflow", "prefect"):
        line = next(line for line in lines if line.strip().startswith(f'"{name}'))
        assert "#" in line, f"say why {name} is capped"


def test_constraints_pin_every_direct_dependency() -> None:
    pins = {
        line.split("==")[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
    }
    block = re.search(
        r"^dependencies = \[(.*?)^\]", (ROOT / "pyproject.toml").read_text(), re.DOTALL | re.MULTILINE
    )
    assert block
    names = {
        re.match(r'\s*"([A-Za-z0-9_-]+)', line)[1].lower()
        for line in block[1].splitlines()
        if line.strip().startswith('"')
    }  # type: ignore[index]
    assert names <= pins
