"""Tracebacks in the log and on the error page: the program's frames, the framework's folded."""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from pathlib import Path
from typing import Any

import pytest

from waterspout import App, RequestHandler, render_template, run_in_thread, spawn, url_for
from waterspout.flask import Flask
from waterspout.server import serve_in_thread
from waterspout.tracebacks import folded_runs

FOLDED = re.compile(r"^  … \d+ frames? of waterspout …$", re.MULTILINE)
OURS = str(Path(__import__("waterspout").__file__).parent)
FORMAT = logging.Formatter()


def fail() -> str:
    raise KeyError("from the program")


def make_app(tmp_path: Path, kind: Any = App) -> Any:
    app = kind("traced", root_path=str(tmp_path))
    (tmp_path / "templates").mkdir(exist_ok=True)
    (tmp_path / "templates" / "page.html").write_text("one\n{{ fail() }}\n")
    app.jinja_env.globals["fail"] = fail
    app.add_url_rule("/view", "view", lambda: fail())

    @app.get("/async")
    async def asynchronous() -> str:
        await asyncio.sleep(0)
        return fail()

    @app.get("/template")
    def template() -> str:
        return render_template("page.html")

    @app.get("/thread")
    async def thread() -> str:
        await run_in_thread(fail)
        return "never"

    @app.get("/ours")
    def ours() -> str:
        return url_for("nowhere")

    @app.get("/spawned")
    async def spawned() -> str:
        async def work() -> None:
            fail()

        spawn(work())
        return "spawned"

    @app.route("/handler")
    class Handler(RequestHandler):
        def get(self) -> None:
            self.write(fail())

    return app


class Kept(logging.Handler):
    """Keeps the tracebacks of records as a plain handler writes them."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.came = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        text = FORMAT.format(record)
        if "Traceback" in text:
            self.texts.append(text)
            self.came.set()


@pytest.fixture
def kept() -> Any:
    kept = Kept()
    loggers = [logging.getLogger(name) for name in ("traced", "tornado.application")]
    for logger in loggers:
        logger.addHandler(kept)
    yield kept
    for logger in loggers:
        logger.removeHandler(kept)


WAYS = ["/view", "/async", "/template", "/thread", "/spawned", "/handler"]


@pytest.mark.parametrize("path", WAYS)
def test_the_log_shows_the_programs_frames(kept: Kept, tmp_path: Path, path: str) -> None:
    with serve_in_thread(make_app(tmp_path)) as server:
        ask(server.urls[0], path)
        assert kept.came.wait(20)
    [text] = kept.texts
    assert "in fail" in text
    assert "test_tracebacks.py" in text
    assert OURS not in text
    if path != "/spawned":
        assert FOLDED.search(text)
    if path == "/template":
        assert "page.html" in text


def test_the_last_frame_is_shown_whose_ever_it_is(kept: Kept, tmp_path: Path) -> None:
    client = make_app(tmp_path).test_client()
    assert client.get("/ours").status_code == 500
    [text] = kept.texts
    assert "BuildError" in text
    assert "in ours" in text


@pytest.mark.parametrize("is_set", [False, True])
def test_all_frames(kept: Kept, tmp_path: Path, is_set: bool) -> None:
    """By one setting; and in a Flask program."""
    app = make_app(tmp_path, App if is_set else Flask)
    if is_set:
        app.config["TRACEBACK"] = "all"
    assert app.test_client().get("/view").status_code == 500
    [text] = kept.texts
    assert OURS in text
    assert not FOLDED.search(text)


def test_the_error_page_opens_what_is_folded(tmp_path: Path) -> None:
    app = make_app(tmp_path)
    app.debug = True
    with serve_in_thread(app) as server:
        page = ask(server.urls[0], "/view")
    visible = re.sub(r"<details>.*?</details>", "", page.partition("<!--")[0], flags=re.DOTALL)
    assert "<summary>… " in page
    assert 'in <code class="function">fail</code>' in visible
    assert f'"{OURS}' not in visible.partition('<div class="plain">')[0]
    assert page.count("<details>") == page.count("</details>")
    assert OURS in page


def test_causes_are_folded_too(kept: Kept, tmp_path: Path) -> None:
    app = App("traced", root_path=str(tmp_path))

    @app.get("/")
    def view() -> str:
        try:
            return fail()
        except KeyError as error:
            raise ValueError("second") from error

    assert app.test_client().get("/").status_code == 500
    [text] = kept.texts
    assert "direct cause" in text
    assert "'from the program'" in text
    assert OURS not in text


def test_runs() -> None:
    ours, between, program = f"{OURS}/a.py", asyncio.__file__, "/site/app.py"
    assert list(folded_runs([ours, between, program])) == [(0, 2)]
    assert list(folded_runs([program, between, program])) == []  # not ours
    assert list(folded_runs([program, ours, ours])) == [(1, 2)]  # where the error is
    assert list(folded_runs([ours])) == []
    assert list(folded_runs([ours, f"{OURS}/demo/pages.py", ours, program])) == [(0, 1), (2, 3)]


def ask(url: str, path: str) -> str:
    import httpx

    return httpx.get(url.rstrip("/") + path, trust_env=False, timeout=20).text
