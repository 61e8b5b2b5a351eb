"""Unmodified programs over the real server, however they are started, asked by http.client."""

from __future__ import annotations

import contextlib
import http.client
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dropin_process import PROGRAMS, environment

START_SECONDS = 20


@contextlib.contextmanager
def serving(directory: Path, port: int, *arguments: str) -> Iterator[http.client.HTTPConnection]:
    """Start the interpreter with *arguments*, which must serve on *port*; end it afterwards."""
    log = directory / "log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=directory,
            env=environment(),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                connection.connect()
                break
            except OSError:
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.02)
        yield connection
    finally:
        connection.close()
        process.terminate()
        process.wait(10)


def ask(
    connection: http.client.HTTPConnection, method: str, path: str, **form: str
) -> http.client.HTTPResponse:
    """Send a request with a form; the answer is read completely, its body put in `.text`."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
    cookie = getattr(connection, "cookie", None)
    if cookie:
        headers["Cookie"] = cookie
    connection.request(method, path, urllib.parse.urlencode(form) or None, headers)
    answer = connection.getresponse()
    answer.text = answer.read().decode()  # type: ignore[attr-defined]
    for value in answer.headers.get_all("Set-Cookie") or ():
        connection.cookie = value.partition(";")[0]  # type: ignore[attr-defined]
    return answer


INSTALL_AND_RUN = (
    "import runpy, sys, waterspout.dropin; waterspout.dropin.install();"
    " sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
)


def arguments_for(way: str, program: str, port: int) -> list[str]:
    """Return the interpreter's arguments that start *program* in some *way*."""
    if way == "waterspout run --dropin":
        return ["-m", "waterspout", "run", "--dropin", f"{program}:app", "--port", str(port)]
    if way == "flask run":
        run_flask = (
            "import runpy, waterspout.dropin; waterspout.dropin.install();"
            " runpy.run_module('flask', run_name='__main__', alter_sys=True)"
        )
        return ["-c", run_flask, "--app", program, "run", "--port", str(port)]
    return ["-c", INSTALL_AND_RUN, str(PROGRAMS / f"{program}.py"), str(port)]


@pytest.mark.parametrize(
    ("way", "program"),
    [
        ("waterspout run --dropin", "classic_program"),
        ("flask run", "classic_program"),
        ("app.run()", "classic_program"),
        ("run_simple()", "direct_program"),
    ],
)
def test_program_is_served_by_waterspout(
    tmp_path: Path, reserve: Callable[[], int], way: str, program: str
) -> None:
    """Whatever starts the program, our server answers."""
    port = reserve()
    with serving(tmp_path, port, *arguments_for(way, program, port)) as connection:
        assert ask(connection, "GET", "/").text == "GET nobody"
        assert ask(connection, "POST", "/", name="ada").text == "POST ada"
        assert "werkzeug" not in ask(connection, "GET", "/server").text.lower()
        answer = ask(connection, "GET", "/")
        assert "werkzeug" not in answer.headers.get("Server", "").lower()
        assert ask(connection, "GET", "/absent").status == 404
        if program == "direct_program":
            assert ask(connection, "GET", "/other/").text == "the other application"


def test_login_over_the_server(tmp_path: Path, reserve: Callable[[], int]) -> None:
    """Flask-Login's cookies and redirects, request by request over one connection."""
    port = reserve()
    arguments = arguments_for("waterspout run --dropin", "login_program", port)
    with serving(tmp_path, port, *arguments) as connection:
        answer = ask(connection, "GET", "/member")
        assert (answer.status, answer.headers["Location"]) == (302, "/login?next=%2Fmember")
        assert ask(connection, "POST", "/login", id="1").headers["Location"] == "/member"
        assert ask(connection, "GET", "/member").text == "hello ada, visit 1"
        assert ask(connection, "GET", "/member").text == "hello ada, visit 2"
        ask(connection, "POST", "/logout")
        assert ask(connection, "GET", "/who").text == "a guest"
