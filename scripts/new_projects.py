"""Make every project that `waterspout new` makes, and use each as its README says.

    python scripts/new_projects.py [--fresh] [TEMPLATE-WING ...]

For each of three templates and three wings: ruff, mypy and the project's tests; its migrations;
and a page from `waterspout run`, `gunicorn` and `manage.py runserver`. With ``--fresh`` each has a
virtual environment of its own, in which it and this checkout are installed. The exit status is 1 if
anything fails.
"""

from __future__ import annotations

import argparse
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = ("minimal", "site", "api")
WINGS = ("flask", "tornado", "both")
SECONDS = 300  # for one command
START_SECONDS = 30  # for a server


class Failed(Exception):
    """A command of a project that did not do what it should."""


def run(folder: Path, *command: str) -> str:
    """Run a command in a project; return what it says. Raises `Failed`."""
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    said = done.stdout + done.stderr
    if done.returncode:
        raise Failed(f"{' '.join(command)} ended with {done.returncode}:\n{said}")
    return said


@contextmanager
def serving(folder: Path, *command: str) -> Iterator[None]:
    """Run a server meanwhile; what it says is shown if it fails."""
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT)
        try:
            yield
        except Exception as error:
            log.seek(0)
            raise Failed(f"{' '.join(command)}: {error}\n{log.read()}") from error
        finally:
            process.terminate()
            process.wait(START_SECONDS)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def status_of(url: str) -> int:
    """Return the status of a page as soon as there is a server."""
    until = time.monotonic() + START_SECONDS
    opener = build_opener(ProxyHandler({}))
    while True:
        try:
            with opener.open(url, timeout=START_SECONDS) as answer:
                return int(answer.status)
        except HTTPError as error:
            return error.code
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def use(folder: Path, binaries: Path, template: str) -> None:
    """Do with a project what its README says. Raises `Failed`."""
    python = str(binaries / "python")
    run(folder, python, "-m", "ruff", "check")
    run(folder, python, "-m", "ruff", "format", "--check")
    run(folder, python, "-m", "mypy")
    run(folder, python, "-m", "pytest", "-q")
    if template != "minimal":
        run(folder, str(binaries / "waterspout"), "db", "upgrade")
        run(folder, str(binaries / "waterspout"), "db", "check")
        run(folder, python, "manage.py", "db", "history")
    app = "app:app" if template == "minimal" else "wsgi:app"
    path = "/api/v1/notes" if template == "api" else "/"
    for command in (
        (str(binaries / "waterspout"), "run", "--port", "PORT"),
        (str(binaries / "gunicorn"), "--no-control-socket", "-b", "127.0.0.1:PORT", app),
        (python, "manage.py", "runserver", "-h", "127.0.0.1", "-p", "PORT", "-d", "-r"),
    ):
        port = free_port()
        with serving(folder, *(re.sub("PORT", str(port), word) for word in command)):
            status = status_of(f"http://127.0.0.1:{port}{path}")
            if status != 200:
                raise Failed(f"status {status}")


def main() -> int:
    """Make and use the projects; return the exit status."""
    names = [f"{template}-{wing}" for template in TEMPLATES for wing in WINGS]
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="TEMPLATE-WING", help=", ".join(names))
    parser.add_argument("--fresh", action="store_true", help="a virtual environment for each")
    arguments = parser.parse_args()
    failures = 0
    with tempfile.TemporaryDirectory() as directory:
        os.environ["MYPY_CACHE_DIR"] = str(Path(directory, "mypy"))
        for name in arguments.names or names:
            template, _, wing = name.partition("-")
            folder, started = Path(directory, name), time.monotonic()
            binaries = Path(sys.executable).parent
            try:
                options = ("--template", template, "--wing", wing)
                run(ROOT, str(binaries / "waterspout"), "new", str(folder), *options)
                if arguments.fresh:
                    venv.create(folder / ".venv", with_pip=True)
                    binaries = folder / ".venv" / "bin"
                    pip = (str(binaries / "python"), "-m", "pip", "install", "-q")
                    run(folder, *pip, str(ROOT), "-e", ".[dev]")
                use(folder, binaries, template)
                print(f"{name:16} ok    {time.monotonic() - started:6.1f} s", flush=True)
            except Failed as error:
                failures += 1
                print(f"{name:16} FAILS {error}", flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
