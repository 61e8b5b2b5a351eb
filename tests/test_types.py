"""What type checkers say of programs: the examples of `tests/typing`, strictly, and the programs of
README and docs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = sorted((ROOT / "tests" / "typing").glob("*.py"))
#: Apart, because checkers read the libraries under them, which takes them long.
BATTERIES = ROOT / "tests" / "typing" / "batteries.py"
EXAMPLES.remove(BATTERIES)
PAGES = ["README.md", "docs/flask.md", "docs/tornado.md"]
SECONDS = 55


def run(*command: str) -> str:
    """Run a checker; return what it says, empty if it finds nothing."""
    ended = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return "" if ended.returncode == 0 else ended.stdout + ended.stderr


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The programs of the pages, each in a file of its own."""
    folder = tmp_path_factory.mktemp("programs")
    paths = []
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        for number, code in enumerate(re.findall(r"^```python\n(.*?)^```", text, re.S | re.M)):
            path = folder / f"{Path(page).stem.lower()}_{number}.py"
            path.write_text(code, encoding="utf-8")
            paths.append(str(path))
    return paths


STRICT = ("mypy", "--config-file=", "--strict", "--no-error-summary", "--python-version=3.11")


@pytest.mark.timeout(60)
@pytest.mark.parametrize("paths", [EXAMPLES, [BATTERIES]], ids=["core", "batteries"])
def test_examples_under_mypy(paths: list[Path]) -> None:
    assert run(*STRICT, *map(str, paths)) == ""


@pytest.mark.timeout(60)
def test_pages_under_mypy(programs: list[str]) -> None:
    """Strictly but for annotations, which programs on a page leave out."""
    loose = ("--allow-untyped-defs", "--allow-incomplete-defs", "--allow-untyped-calls")
    assert run(*STRICT, *loose, "--check-untyped-defs", *programs) == ""


@pytest.mark.timeout(60)
def test_examples_and_pages_under_pyright(programs: list[str]) -> None:
    paths = [*map(str, EXAMPLES), str(BATTERIES), *programs]
    assert run("pyright", "--pythonpath", sys.executable, *paths) == ""
