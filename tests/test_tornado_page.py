"""docs/tornado.md keeps its word: its programs run, and both languages say the same."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from tornado.gen import coroutine
from tornado.httpclient import AsyncHTTPClient
from tornado.locks import Event
from tornado.queues import Queue

from waterspout.dropin.aliases import OURS, THEIRS
from waterspout.server.process.run import serve_in_thread
from waterspout.tornado.web import Application, RequestHandler

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "tornado.md").read_text(encoding="utf-8")
CHINESE = (ROOT / "docs" / "tornado.zh-CN.md").read_text(encoding="utf-8")
SECONDS = 20


def blocks(text: str, language: str) -> list[str]:
    """Return the fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def program(name: str) -> str:
    """Return the example that says it is the file *name*."""
    (found,) = [code for code in blocks(PAGE, "python") if code.startswith(f"# {name}\n")]
    return found


def module_of(name: str) -> types.ModuleType:
    """Import the example that is the file *name*."""
    module = types.ModuleType(name.removesuffix(".py"))
    exec(compile(program(name), name, "exec"), module.__dict__)
    return module


@contextmanager
def visiting(app: object) -> Iterator[httpx.Client]:
    """Serve *app*; gives a client with a cookie jar."""
    with (
        serve_in_thread(app) as server,
        httpx.Client(base_url=server.urls[0], trust_env=False) as client,
    ):
        yield client


def test_both_languages_show_the_same() -> None:
    """The Chinese page has the same programs, commands, sections and tables."""
    for language in ("python", "sh"):
        pairs = zip(blocks(PAGE, language), blocks(CHINESE, language), strict=True)
        for english, chinese in pairs:
            assert [line.partition("#")[0].rstrip() for line in chinese.splitlines()] == [
                line.partition("#")[0].rstrip() for line in english.splitlines()
            ]
    for mark in ("\n## ", "\n|", "\n- "):
        assert CHINESE.count(mark) == PAGE.count(mark)


@pytest.mark.parametrize("text", [PAGE, CHINESE], ids=["english", "chinese"])
def test_the_table_of_names_is_the_drop_ins(text: str) -> None:
    """Whose a name is stands in the table as it stands in `dropin/aliases.py`."""
    rows = [line.split("|")[1:4] for line in text.splitlines() if line.startswith("| `")]
    ours, *theirs, absent = (re.findall(r"`(\w+)`", names) for names, _, _ in rows[1:])
    assert sorted(ours) == sorted(OURS)
    assert sorted(name for names in theirs for name in names) == sorted(THEIRS)
    assert absent
    for name in absent:
        assert importlib.util.find_spec(f"waterspout.tornado.{name}") is None
        assert importlib.util.find_spec(f"tornado.{name}") is not None


@pytest.mark.parametrize("way", ["as written", "drop-in"])
def test_the_program_runs(way: str, tmp_path: Path) -> None:
    """With the imports changed, and unchanged under the drop-in."""
    code = program("hello.py")
    if way == "drop-in":
        code = code.replace("waterspout.tornado", "tornado")
        assert "waterspout" not in code
    # The port is only known to the server: it is asked for any, and says which.
    code = code.replace(
        "make_app().listen(options.port)",
        "s = make_app().listen(options.port)\n"
        "    print(next(iter(s._sockets.values())).getsockname()[1], flush=True)",
    )
    (tmp_path / "hello.py").write_text(code, encoding="utf-8")
    launcher = ["-m", "waterspout.dropin"] if way == "drop-in" else []
    with subprocess.Popen(
        [sys.executable, *launcher, "hello.py", "--port=0"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout
            port = int(process.stdout.readline())
            url = f"http://127.0.0.1:{port}/hello/ann"
            assert httpx.get(url, timeout=SECONDS, trust_env=False).json() == {"hello": "ann"}
        finally:
            process.terminate()
            process.communicate(timeout=SECONDS)


def test_what_stays_tornados_works_in_handlers() -> None:
    """Locks, queues and the HTTP client of the installed Tornado, without the drop-in."""
    waiting, queue = Event(), Queue[str]()

    class Waits(RequestHandler):
        async def get(self) -> None:
            queue.put_nowait("waits")
            await waiting.wait()
            self.write("woken")

    class Wakes(RequestHandler):
        @coroutine
        def get(self) -> Any:
            fetching = AsyncHTTPClient().fetch(f"http://{self.request.host}/waits")
            who = yield queue.get()
            waiting.set()
            fetched = yield fetching
            self.write({who: fetched.body.decode()})

    with visiting(Application([("/waits", Waits), ("/wakes", Wakes)])) as client:
        assert client.get("/wakes").json() == {"waits": "woken"}


def test_handlers_in_an_app() -> None:
    """The second program, as a visitor sees it."""
    module = module_of("site.py")
    with visiting(module.app) as client:
        assert client.get("/me").json() == {"user": None, "visits": 1}
        answer = client.post("/login", data={"name": "ann"})
        assert (answer.status_code, answer.headers["Location"]) == (302, "/me")
        assert client.get("/me").json() == {"user": "ann", "visits": 2}
        assert client.get("/year/2026").text == "in 2026: /year/1999"
        assert client.get("/year/2026/").status_code == 404
    with module.app.test_request_context():
        assert module.app.url_for("year", path_args=[1999]) == "/year/1999"


@pytest.mark.parametrize(
    ("outside", "where", "seen"),
    [("views_outside", "/handlers/where", "/seen"), ("handlers_outside", "/where", "/views/seen")],
)
def test_one_application_in_another(outside: str, where: str, seen: str) -> None:
    """The third program, either way: paths without the prefix, one session."""
    with visiting(getattr(module_of("both.py"), outside)()) as client:
        assert client.get(seen).json() == {"seen": False}
        assert client.get(where).json() == {"path": "/where"}
        assert client.get(seen).json() == {"seen": True}
