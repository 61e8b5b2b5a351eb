"""Which application a command means, and what it says when there is none."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from cli_program import HELLO, Program

from waterspout import App
from waterspout.cli import (
    NoAppException,
    ScriptInfo,
    find_app_by_string,
    find_best_app,
    prepare_import,
)


@pytest.fixture(autouse=True)
def _imports_taken_back(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test imports and where it looks is forgotten afterwards."""
    monkeypatch.setattr(sys, "path", sys.path[:])
    before = set(sys.modules)
    importlib.invalidate_caches()
    yield
    for name in set(sys.modules) - before:
        if not name.startswith("waterspout"):
            del sys.modules[name]


def module(**names: object) -> ModuleType:
    made = ModuleType("program")
    vars(made).update(names)
    return made


def factory(name: str = "made", *, debug: bool = False) -> App:
    return App(f"{name}{'!' if debug else ''}")


APP = App("the_app")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({"app": APP}, "the_app"),
        ({"application": APP}, "the_app"),
        ({"site": APP}, "the_app"),
        ({"site": APP, "again": APP}, "the_app"),
        ({"app": APP, "other": App("other")}, "the_app"),
        ({"create_app": factory}, "made"),
        ({"make_app": factory}, "made"),
        ({"app": APP, "create_app": factory}, "the_app"),
    ],
)
def test_best_app_of_a_module(names: dict[str, object], expected: str) -> None:
    """The usual names, the only application, or a factory with a usual name."""
    assert find_best_app(module(**names)).name == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("app", "the_app"),
        ("factory", "made"),
        ("factory()", "made"),
        ('factory("shop")', "shop"),
        (' factory ( "shop", debug=True, ) ', "shop!"),
        ("factory(name='shop')", "shop"),
    ],
)
def test_app_by_name_or_call(text: str, expected: str) -> None:
    """A name, a factory, a call with literal arguments."""
    assert find_app_by_string(module(app=APP, factory=factory), text).name == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nope", "no 'nope' in module 'program'"),
        ("number", "is not an application but 'int'"),
        ("factory(", "neither a name nor a call"),
        ("app.factory()", "by a simple name"),
        ("factory(app)", "literal values"),
        ("factory(1, 2, 3)", "could not be called with these arguments"),
    ],
)
def test_wrong_names_are_explained(text: str, says: str) -> None:
    """The message says what was expected and what came."""
    with pytest.raises(NoAppException) as caught:
        find_app_by_string(module(app=APP, factory=factory, number=3), text)
    assert says in caught.value.message


def test_several_applications_are_not_guessed() -> None:
    with pytest.raises(NoAppException, match="several applications") as caught:
        find_best_app(module(one=App("one"), two=App("two")))
    assert "one, two" in caught.value.message


def test_an_error_inside_a_factory_is_the_users_own() -> None:
    """Only a call with the wrong arguments is ours to explain."""

    def create_app() -> App:
        raise TypeError("inside")

    with pytest.raises(TypeError, match="inside"):
        find_best_app(module(create_app=create_app))


def test_an_application_of_the_package_flask_gets_a_hint(program: Program) -> None:
    program.write("legacy.py", "from flask import Flask\napp = Flask(__name__)\n")
    ended = program.run("run", "legacy:app")
    assert ended.returncode == 2
    assert "'from waterspout.flask import …', or use the option '--dropin'" in ended.stderr


@pytest.mark.parametrize(
    ("path", "name", "directory"),
    [
        ("program", "program", "."),
        ("program.py", "program", "."),
        ("sub/program", "program", "sub"),
        ("pack/inner/mod.py", "pack.inner.mod", "."),
        ("pack/__init__.py", "pack", "."),
        ("pack.inner", "pack.inner", "."),
    ],
)
def test_paths_become_module_names(
    path: str, name: str, directory: str, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file inside packages is imported from outside of them."""
    program.write("pack/__init__.py", "")
    program.write("pack/inner/__init__.py", "")
    monkeypatch.chdir(program.directory)
    assert prepare_import(path) == name
    assert Path(sys.path[0]) == (program.directory / directory).resolve()


def test_script_info_loads_once(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    path = program.write("cli_once.py", HELLO)
    info = ScriptInfo(str(path) + ":app")
    app = info.load_app()
    assert app.name == "cli_once"
    assert info.load_app() is app


@pytest.mark.parametrize("name", ["app.py", "wsgi.py"])
def test_the_usual_files_need_no_name(program: Program, name: str) -> None:
    program.write(name, HELLO)
    assert "index" in program.run("routes").stdout


@pytest.mark.parametrize("variable", ["FLASK_APP", "WATERSPOUT_APP"])
def test_the_environment_names_the_application(program: Program, variable: str) -> None:
    program.write("site_program.py", HELLO)
    assert "index" in program.run("routes", **{variable: "site_program"}).stdout


def test_our_variable_wins_and_the_option_wins_over_it(program: Program) -> None:
    for name in ("one", "two", "three"):
        program.write(f"{name}.py", HELLO.replace("def index", f"def {name}"))
    both = {"FLASK_APP": "one", "WATERSPOUT_APP": "two"}
    assert "two" in program.run("routes", **both).stdout
    assert "three" in program.run("--app", "three", "routes", **both).stdout


def test_dotenv_files_name_the_application(program: Program) -> None:
    """`.env` wins over `.flaskenv`, the environment over both; a file can be given."""
    for name in ("one", "two", "three"):
        program.write(f"{name}.py", HELLO.replace("def index", f"def {name}"))
    program.write(".flaskenv", "FLASK_APP=one\n")
    assert "one" in program.run("routes").stdout
    program.write(".env", "FLASK_APP=two\n")
    assert "two" in program.run("routes").stdout
    program.write("other.env", "FLASK_APP=three\n")
    assert "three" in program.run("--env-file", "other.env", "routes").stdout
    assert "one" in program.run("routes", FLASK_APP="one").stdout
    assert program.run("routes", FLASK_SKIP_DOTENV="1").returncode == 2


@pytest.mark.parametrize("command", ["routes", "run"])
@pytest.mark.parametrize(
    ("app", "status", "says"),
    [
        ("nope", 2, "Could not import 'nope'"),
        ("fine:nope", 2, "There is no 'nope' in module 'fine'"),
        ("needs", 2, "ModuleNotFoundError: No module named 'not_installed'"),
    ],
)
def test_what_cannot_be_loaded_is_said_in_words(
    program: Program, command: str, app: str, status: int, says: str
) -> None:
    """Exit status 1 or 2 and no traceback of ours."""
    program.write("fine.py", HELLO)
    program.write("needs.py", "import not_installed\n")
    ended = program.run("--app", app, command)
    assert ended.returncode in {1, status}
    assert says in ended.stderr
    assert "waterspout/cli" not in ended.stderr


def test_an_error_in_the_users_module_shows_its_traceback(program: Program) -> None:
    """And nothing of the frames above it."""
    program.write("broken.py", "def start():\n    raise ValueError('no luck')\n\nstart()\n")
    ended = program.run("run", "broken")
    assert ended.returncode == 1
    assert ended.stderr.startswith("Traceback (most recent call last):")
    assert ended.stderr.count("File ") == 2
    assert ended.stderr.endswith("ValueError: no luck\n\n")
