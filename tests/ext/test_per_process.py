"""A server with several workers says what its processes do not share."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from waterspout import App
from waterspout.ext.cache import Cache
from waterspout.ext.captcha import Captcha
from waterspout.ext.limits import Limiter
from waterspout.ext.limits.util import get_remote_address
from waterspout.ext.rooms import Rooms
from waterspout.ext.tasks import Tasks
from waterspout.server.process.per_process import not_shared

PROGRAM = """
from waterspout import App
from waterspout.ext.rooms import Rooms

app = App(__name__)
Rooms(app)

@app.on_startup
async def begun():
    print("begun", flush=True)
"""
COMMAND = ("gunicorn", "program:app", "-k", "waterspout.server.Worker", "-b", "127.0.0.1:0")


def make_app(url: str) -> App:
    """Return an application with all that may be in memory, in it and in one that is mounted."""
    app, inner = App("outer"), App("inner")
    app.mount("/inner", inner)
    for name in ("CACHE_URL", "RATELIMIT_URL", "ROOMS_URL", "TASKS_URL"):
        app.config[name] = inner.config[name] = url
    Captcha(app, store=Cache(app))
    Limiter(get_remote_address, app=inner)
    Rooms(app)
    Tasks(app)
    return app


TOLD = (
    "4 worker processes, and each has its own captchas (the store of Captcha), rooms (ROOMS_URL),"
    " tasks (TASKS_URL), rate limits (RATELIMIT_URL): what one knows the others do not. Name a"
    " server that all of them ask, such as Redis, or run one worker."
)


@pytest.mark.parametrize(
    ("url", "workers", "told"),
    [("memory://", 4, TOLD), ("memory://", 1, None), ("redis://127.0.0.1:1/0", 4, None)],
    ids=["several", "one", "shared"],
)
def test_what_workers_do_not_share(url: str, workers: int, told: str | None) -> None:
    assert not_shared(make_app(url), workers) == told


def test_the_first_worker_says_it(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    with subprocess.Popen(
        [sys.executable, "-m", *COMMAND, "-w", "2"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout
        said = ""
        for line in process.stdout:
            said += line
            if said.count("begun\n") == 2:
                break
        process.terminate()
        said += process.communicate(timeout=30)[0]
    assert said.count("2 worker processes, and each has its own rooms (ROOMS_URL):") == 1
