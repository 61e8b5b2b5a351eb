"""Naming an application behind a command, and what is said when that goes wrong."""

from __future__ import annotations

import pytest
from cli_program import Program

HELLO = """
    import os
    from waterspout import App

    app = App(__name__, static_folder=None)

    @app.get("/")
    def index():
        return "x"

    @app.websocket("/live")
    async def live(ws):
        pass

    @app.cli.command("seed-db")
    def seed():
        print("seeded", os.environ.get("FROM_FILE"))
"""


@pytest.fixture
def hello(program: Program) -> Program:
    program.write("hello.py", HELLO)
    return program


@pytest.mark.parametrize("named", [["hello:app"], ["--app", "hello:app"], ["-A", "hello.py"]])
def test_routes_of_what_is_named_behind(hello: Program, named: list[str]) -> None:
    shown = hello.run("routes", *named)
    assert shown.returncode == 0, shown.stderr
    rows = [line.split() for line in shown.stdout.splitlines()[2:]]
    assert rows == [["index", "GET", "/"], ["live", "WS", "/live"]]


def test_a_shell_of_what_is_named_behind(hello: Program) -> None:
    shown = hello.run("shell", "hello:app")
    assert shown.returncode == 0, shown.stderr
    assert "App: hello" in shown.stdout + shown.stderr


def test_the_file_named_behind_wins_over_the_usual_ones(program: Program) -> None:
    program.write("prod.env", "FROM_FILE=prod\n")
    program.write(".env", "FROM_FILE=usual\n")
    program.write(
        "told.py",
        """
        import os
        from waterspout import App

        app = App(__name__, static_folder=None)
        app.add_url_rule("/" + os.environ["FROM_FILE"], "told")
        """,
    )
    assert "/usual" in program.run("routes", "told:app").stdout
    assert "/prod" in program.run("routes", "told:app", "--env-file", "prod.env").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "nofile.py"], "Error: There is no file 'nofile.py' in "),
        (["run", "helo.py"], "Did you mean 'hello.py'?"),
        (["run", "helo:app"], "there is no module 'helo' in "),
        (["run", "helo:app", "-w", "2"], "Did you mean 'hello.py'?"),
        (["routes", "helo:app"], "Did you mean 'hello.py'?"),
        (["run", "site:app"], "'site' is already a module of Python itself"),
        (["rnu", "hello:app"], "No such command 'rnu'. Did you mean 'run'?"),
        (["--app", "hello", "seed-bd"], "No such command 'seed-bd'. Did you mean 'seed-db'?"),
        (["--app", "nofile", "seed-db"], "there is no module 'nofile'"),
        (["seed-db"], "An application may have more: name one with the option '--app'."),
    ],
)
def test_one_error_that_says_what_to_do(hello: Program, arguments: list[str], said: str) -> None:
    hello.write("site.py", HELLO)
    ended = hello.run(*arguments)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert ended.stderr.count("Error:") == 1
    assert "Serving" not in ended.stderr


def test_an_installed_module_may_be_named(program: Program) -> None:
    shown = program.run("routes", "waterspout.demo:make_app")
    assert shown.returncode == 0, shown.stderr
