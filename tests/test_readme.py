"""The README keeps its word: its code runs, its commands exist, both languages say the same."""

from __future__ import annotations

import http.client
import importlib
import json
import re
import subprocess
import sys
import types
from contextlib import closing
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
CHINESE = (ROOT / "README.zh-CN.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    """Return the fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def without_comments(code: str) -> list[str]:
    """Return the code with neither comments nor the space before them."""
    return [line.partition("#")[0].rstrip() for line in code.splitlines()]


@pytest.fixture
def hello(tmp_path: Path) -> Path:
    """The first example, as the file it says it is."""
    path = tmp_path / "hello.py"
    path.write_text(blocks(README, "python")[0], encoding="utf-8")
    return path


def test_it_is_short_and_shows_code_early() -> None:
    """Under 110 lines, with code by line 20."""
    lines = README.splitlines()
    assert len(lines) < 110
    assert any(line.startswith("@app.") for line in lines[:20])


def test_both_languages_show_the_same_code() -> None:
    """The Chinese page has the same examples, commands and sections."""
    for language in ("python", "sh"):
        pairs = zip(blocks(README, language), blocks(CHINESE, language), strict=True)
        for english, chinese in pairs:
            assert without_comments(chinese) == without_comments(english)
    assert CHINESE.count("\n## ") == README.count("\n## ")
    assert CHINESE.count("\n|") == README.count("\n|")


@pytest.mark.parametrize("text", [README, CHINESE], ids=["english", "chinese"])
def test_links_lead_somewhere(text: str) -> None:
    """A file that is linked exists."""
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_first_example_works(hello: Path) -> None:
    """A ``def`` and an ``async def`` view answer."""
    module = types.ModuleType("hello")
    exec(compile(hello.read_text(encoding="utf-8"), hello, "exec"), module.__dict__)
    client = module.app.test_client()
    assert client.get("/").text == "Hello, world!"
    assert client.get("/?name=Ada").text == "Hello, Ada!"
    assert client.get("/?name=<script>").text == "Hello, &lt;script&gt;!"
    assert client.get("/numbers/12").json == {"number": 12, "square": 144}


def test_the_second_example_works() -> None:
    """A view, a handler and a socket share an application and a user."""
    module = types.ModuleType("both")
    exec(compile(blocks(README, "python")[1], "both.py", "exec"), module.__dict__)
    client = module.app.test_client()
    assert client.get("/me").json == {"user": None}
    assert client.post("/login/Ada").text == "Welcome!"
    assert client.get("/me").json == {"user": "Ada"}
    with client.websocket("/echo") as socket:
        socket.send("hello")
        assert socket.receive() == "hello"


def test_the_imports_for_moving_programs_exist() -> None:
    """Every name of the moving example is there."""
    lines = blocks(README, "python")[2].splitlines()
    found = [re.fullmatch(r"from (\S+) import (.*)", line) for line in lines]
    assert len(found) == 2
    for match in found:
        assert match
        wing = importlib.import_module(match[1])
        assert all(hasattr(wing, name) for name in match[2].split(", "))


def test_the_run_command_serves_the_example(hello: Path) -> None:
    """``waterspout run hello:app`` says where it listens and serves the file."""
    assert "waterspout run hello:app" in README
    with subprocess.Popen(
        [sys.executable, "-m", "waterspout", "run", "hello:app", "--port", "0"],
        cwd=hello.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as server:
        try:
            assert server.stdout
            said = ""
            for line in server.stdout:
                said += line
                if found := re.search(r"http://(127\.0\.0\.1:\d+)", line):
                    break
            else:
                raise AssertionError(f"The server ended and said:\n{said}")
            with closing(http.client.HTTPConnection(found[1], timeout=20)) as connection:
                connection.request("GET", "/numbers/7")
                assert json.load(connection.getresponse()) == {"number": 7, "square": 49}
        finally:
            server.terminate()
            server.communicate(timeout=15)
    assert server.returncode == 0


def test_the_commands_are_those_of_the_program() -> None:
    """Each option that the README shows is in the help of ``waterspout run``."""
    shown = subprocess.run(
        [sys.executable, "-m", "waterspout", "run", "--help"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    ).stdout
    assert {"--dropin", "-w"} <= set(re.findall(r"(?<!\S)--?[a-z]+", shown.replace(",", " ")))
