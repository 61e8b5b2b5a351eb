"""Programs that end in `manager.run()`, as Flask-Script's users wrote them."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from cli_program import Program

from waterspout.flask import Flask, current_app
from waterspout.flask.script import (
    Command,
    Group,
    InvalidCommand,
    Manager,
    Option,
    Server,
    Shell,
    cli,
    prompt,
    prompt_bool,
    prompt_choices,
    prompt_pass,
)


@pytest.fixture
def app() -> Flask:
    return Flask("shop")


@pytest.fixture
def manager(app: Flask) -> Manager:
    return Manager(app)


def run(manager: Manager, line: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Handle a command line; return what it printed."""
    manager.handle("manage.py", line.split())
    return capsys.readouterr().out.strip()


def test_default_commands(app: Flask) -> None:
    """The first manager has `shell` and `runserver`; others, and who does not want them, not."""
    assert sorted(Manager(app)._commands) == ["runserver", "shell"]
    assert Manager(app, with_default_commands=False)._commands == {}
    assert Manager()._commands == {}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("hello joe", "hello joe 1 False"),
        ("hello joe --times=3 -s", "hello joe 3 True"),
        ("hello -t 3 --shout joe", "hello joe 3 True"),
    ],
)
def test_a_function_is_a_command(
    manager: Manager, capsys: pytest.CaptureFixture[str], line: str, expected: str
) -> None:
    """Parameters are arguments, defaults options, booleans flags; all of it in the context."""

    @manager.command
    def hello(name: str, times: Any = 1, shout: bool = False) -> None:
        """Say hello."""
        assert current_app.name == "shop"
        print("hello", name, times, shout)

    assert run(manager, line, capsys) == expected


def test_a_command_may_be_a_coroutine(manager: Manager, capsys: pytest.CaptureFixture[str]) -> None:
    @manager.command
    async def hello() -> None:
        print("hello from", current_app.name)

    assert run(manager, "hello", capsys) == "hello from shop"


def test_two_parameters_of_one_letter(manager: Manager, capsys: pytest.CaptureFixture[str]) -> None:
    """The first one has the letter."""

    @manager.command
    def make(name: str = "a", number: str = "b") -> None:
        print(name, number)

    assert run(manager, "make -n x --number y", capsys) == "x y"


def test_options_by_decorators(manager: Manager, capsys: pytest.CaptureFixture[str]) -> None:
    @manager.option("-n", "--name", dest="name", default="joe")
    @manager.option("-u", "--url", dest="url", default=None)
    def hello(name: str, url: str | None) -> None:
        print("hello", name, url)

    assert run(manager, "hello -u example.org", capsys) == "hello joe example.org"


class Listing(Command):
    """List the stock."""

    option_list = (
        Option("what", choices=["tea", "milk"]),
        Group(Option("--asc", action="store_true"), Option("--desc", action="store_true"),
              exclusive=True),
        Group(Option("-n", type=int, default=10), title="paging"),
    )  # fmt: skip

    def run(self, what: str, asc: bool, desc: bool, n: int) -> None:
        print(what, asc, desc, n)


def test_a_command_class(manager: Manager, capsys: pytest.CaptureFixture[str]) -> None:
    """With options, choices and groups; added as class or object, with or without a name."""
    manager.add_command("list", Listing)
    manager.add_command(Listing())
    assert run(manager, "list tea --desc -n 3", capsys) == "tea False True 3"
    assert run(manager, "listing milk", capsys) == "milk False False 10"
    with pytest.raises(SystemExit):
        manager.handle("manage.py", ["list", "tea", "--asc", "--desc"])
    assert "not allowed with argument" in capsys.readouterr().err


def test_options_of_one_object_are_its_own() -> None:
    one, other = Listing(), Listing()
    one.add_option(Option("--more"))
    assert len(one.get_options()) == len(other.get_options()) + 1


def test_capture_all_args(manager: Manager, capsys: pytest.CaptureFixture[str]) -> None:
    """What no option takes is passed on, as a list."""

    class Pass(Command):
        capture_all_args = True

        def get_options(self) -> list[Option | Group]:
            return [Option("--foo", action="store_true")]

        def run(self, rest: list[str], foo: bool) -> None:
            print(rest, foo)

    manager.add_command("pass", Pass())
    assert run(manager, "pass one --foo --bar", capsys) == "['one', '--bar'] True"


def test_options_of_the_program_go_to_the_factory(capsys: pytest.CaptureFixture[str]) -> None:
    def create_app(config: str | None = None) -> Flask:
        app = Flask("shop")
        app.config["FROM"] = config
        return app

    manager = Manager(create_app)
    manager.add_option("-c", "--config", dest="config")
    manager.command(show)
    assert run(manager, "-c dev.cfg show", capsys) == "dev.cfg"


def show() -> None:
    print(current_app.config["FROM"])


def test_managers_in_managers(manager: Manager, capsys: pytest.CaptureFixture[str]) -> None:
    """`manage.py db migrate`, as Flask-Migrate had it, and by namespace."""
    database = Manager(usage="Look after the database.")

    @database.option("-m", "--message", dest="message")
    def migrate(message: str) -> None:
        print("migrate", message, current_app.name)

    manager.add_command("db", database)
    manager.add_command("list", Listing(), namespace="stock")
    assert run(manager, "db migrate -m first", capsys) == "migrate first shop"
    assert run(manager, "stock list tea", capsys) == "tea False False 10"
    assert manager.handle("manage.py", ["db"]) == 2
    assert "migrate" in capsys.readouterr().out


def test_a_manager_needs_an_application() -> None:
    manager = Manager()
    manager.command(show)
    with pytest.raises(InvalidCommand):
        manager.handle("manage.py", ["show"])


@pytest.mark.parametrize(
    ("line", "status"),
    [("good", 0), ("number", 3), ("absent", 2), ("", 2), ("good --absent", 2), ("-?", 0)],
)
def test_run_ends_with_a_status(
    manager: Manager, monkeypatch: pytest.MonkeyPatch, line: str, status: int
) -> None:
    """What the command returns; 2 for a wrong command line."""
    manager.command(_named("good", lambda: None))
    manager.command(_named("number", lambda: 3))
    monkeypatch.setattr(sys, "argv", ["manage.py", *line.split()])
    with pytest.raises(SystemExit) as ended:
        manager.run()
    assert ended.value.code == status


def _named(name: str, function: Any) -> Any:
    function.__name__ = name
    return function


def test_run_with_more_commands_and_a_default(
    manager: Manager, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["manage.py"])
    with pytest.raises(SystemExit) as ended:
        manager.run({"hello": Command(lambda: print("hello"))}, default_command="hello")
    assert (ended.value.code, capsys.readouterr().out) == (0, "hello\n")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", {"host": "127.0.0.1", "port": 5000, "use_debugger": False, "use_reloader": False}),
        ("-h 0.0.0.0 -p 80 -d", {"host": "0.0.0.0", "port": 80, "use_reloader": True}),
        ("-d -R", {"debug": True, "use_debugger": True, "use_reloader": False}),
        ("-r", {"debug": False, "use_reloader": True}),
        ("--processes 3", {"processes": 3, "threaded": False}),
        ("--ssl-crt a --ssl-key b", {"ssl_context": ("a", "b")}),
    ],
)
def test_runserver_options(line: str, expected: dict[str, Any]) -> None:
    """`-h -p -d -r` and the rest become the arguments of `app.run()`."""
    given: dict[str, Any] = {}

    class Recording(Flask):
        def run(self, *args: Any, **options: Any) -> None:
            given.update(options)

    Manager(Recording("shop")).handle("manage.py", ["runserver", *line.split()])
    assert {key: given[key] for key in expected} == expected


def test_a_server_with_other_defaults(app: Flask) -> None:
    options = {
        name: option.kwargs.get("default")
        for option in Server(host="::1", port=8000).get_options()
        if isinstance(option, Option)
        for name in [option.kwargs["dest"]]
    }
    assert (options["host"], options["port"]) == ("::1", 8000)


MANAGE = """
    from flask import Flask
    from flask_script import Manager, Shell
    from flask_script.commands import Clean, ShowUrls

    app = Flask(__name__)
    app.route("/")(lambda: "hello")
    manager = Manager(app)
    manager.add_command("shell", Shell(make_context=lambda: {"answer": 42}, banner="hi there"))
    manager.add_command("urls", ShowUrls)
    manager.add_command("clean", Clean)

    if __name__ == "__main__":
        manager.run()
"""
DROPIN = "import runpy, sys, waterspout.dropin; waterspout.dropin.install(); del sys.argv[0];"
MANAGED = [sys.executable, "-c", DROPIN + " runpy.run_path(sys.argv[0], run_name='__main__')"]


def test_an_old_program_is_served(program: Program) -> None:
    """The imports are the old ones, `runserver` is our server."""
    program.write("manage.py", MANAGE)
    served = program.start_process([*MANAGED, "manage.py", "runserver", "-p", "0"])
    assert served.ask() == (200, "hello")
    assert served.stop() == 0


def test_the_other_commands_of_an_old_program(program: Program) -> None:
    program.write("manage.py", MANAGE)
    program.write("old.pyc", "")
    for command, expected in [
        (["urls"], "/static/<path:filename>  static"),
        (["urls", "/"], "{}"),
        (["urls", "/absent"], "404 Not Found"),
        (["clean"], "Removing old.pyc"),
    ]:
        served = program.start_process([*MANAGED, "manage.py", *command])
        assert served.wait() == 0
        served.stop()
        assert expected in served.said
    assert not (program.directory / "old.pyc").exists()


def test_shell(program: Program) -> None:
    """Its names come from `make_context`."""
    program.write("manage.py", MANAGE.replace("from flask", "from waterspout.flask").replace(
        "waterspout.flask_script", "waterspout.flask.script"))  # fmt: skip
    ended = program.run("shell", given="print('the answer is', answer)\n", module="manage")
    assert "the answer is 42" in ended.stdout
    assert "hi there" in ended.stderr


def test_the_shell_can_be_a_decorated_function(manager: Manager) -> None:
    @manager.shell
    def names() -> dict[str, Any]:
        return {"one": 1}

    shell = manager._commands["shell"]
    assert isinstance(shell, Shell)
    assert shell.get_context() == {"one": 1}


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Answer the questions of a prompt, and keep them."""
    asked: list[str] = []

    def answer(*answers: str) -> list[str]:
        remaining = list(answers)

        def read(question: str) -> str:
            asked.append(question)
            return remaining.pop(0)

        monkeypatch.setattr("builtins.input", read)
        monkeypatch.setattr(cli.getpass, "getpass", read)
        return asked

    return answer


def test_prompts(typed: Any) -> None:
    """They ask again until there is an answer."""
    asked = typed("", "ada")
    assert prompt("name") == "ada"
    assert asked == ["name: ", "name: "]
    asked = typed("")
    assert prompt_pass("secret", default="x") == "x"
    assert asked[-1] == "secret [x]: "


def test_prompt_bool(typed: Any) -> None:
    asked = typed("perhaps", "YES")
    assert prompt_bool("sure?") is True
    assert asked[-1] == "sure? [n] "
    typed("")
    assert prompt_bool("sure", default=True) is True
    typed("ja")
    assert prompt_bool("sure", yes_choices=["ja"], no_choices=["nein"]) is True


def test_prompt_choices(typed: Any) -> None:
    asked = typed("water", "TEA")
    assert prompt_choices("drink", ["tea", ("m", "milk")]) == "tea"
    assert asked[-1] == "drink - (tea, milk [m]): "
    typed("none")
    assert prompt_choices("drink", ["tea"]) is None
