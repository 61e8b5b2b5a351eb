"""``waterspout.tornado.options``: options of modules, the command line, config files."""

from __future__ import annotations

import io
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from waterspout.tornado.options import Error, OptionParser


def parser(**defaults: Any) -> OptionParser:
    options = OptionParser()
    for name, default in defaults.items():
        options.define(name, default)
    return options


# -- the command line ------------------------------------------------------------------------------


def test_options_of_the_command_line() -> None:
    """Values by type, bools without one, what follows is returned."""
    options = parser(port=8000, debug=False, ratio=0.5)
    options.define("name")
    rest = options.parse_command_line(["main", "--port=1", "--debug", "-ratio=2", "a", "--name=x"])
    assert (options.port, options.debug, options.ratio, options.name) == (1, True, 2.0, None)
    assert rest == ["a", "--name=x"]
    assert options.parse_command_line(["main", "--debug=F", "--", "--port=2"]) == ["--port=2"]
    assert (options.debug, options.port) == (False, 1)
    assert options.parse_command_line(["main"]) == []


def test_dashes_and_underscores_are_the_same() -> None:
    """However a name is written, it is the same option."""
    options = OptionParser()
    options.define("db_host", "a")
    options.parse_command_line(["main", "--db-host=b"])
    assert options.db_host == options["db-host"] == options["db_host"] == "b"
    assert "db-host" in options
    assert "db_host" in options
    with pytest.raises(Error, match=r"Option 'db-host' already defined in .*test_options"):
        options.define("db-host")


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (datetime, "2013-04-28 05:16", datetime(2013, 4, 28, 5, 16)),
        (datetime, "2013-04-28T05:16", datetime(2013, 4, 28, 5, 16)),
        (datetime, "20130428", datetime(2013, 4, 28)),
        (timedelta, "45", timedelta(seconds=45)),
        (timedelta, "2h 30min", timedelta(hours=2, minutes=30)),
        (timedelta, "1.5 weeks", timedelta(days=10.5)),
        (timedelta, "-1e3ms", timedelta(seconds=-1)),
        (int, "-3", -3),
        (str, "é=1", "é=1"),
        (Path, "/a", Path("/a")),
    ],
)
def test_types(kind: type[Any], text: str, value: Any) -> None:
    """Moments, durations, numbers, text, and any type that is made of text."""
    options = OptionParser()
    options.define("x", type=kind)
    options.parse_command_line(["main", f"--x={text}"])
    assert options.x == value


@pytest.mark.parametrize(
    ("kind", "text", "says"),
    [
        (datetime, "soon", "Unrecognized date/time format: 'soon'"),
        (timedelta, "5 fortnights", "Unrecognized duration: '5 fortnights'"),
        (timedelta, "h", "Unrecognized duration: 'h'"),
    ],
)
def test_text_that_is_no_such_value(kind: type[Any], text: str, says: str) -> None:
    """An Error says what came."""
    options = OptionParser()
    options.define("x", type=kind)
    with pytest.raises(Error, match=says):
        options.parse_command_line(["main", f"--x={text}"])


def test_a_bad_number_names_its_option() -> None:
    """ValueError as from int() itself, with a note that says which option."""
    with pytest.raises(ValueError, match="invalid literal") as caught:
        parser(port=1).parse_command_line(["main", "--port=x"])
    assert caught.value.__notes__ == ["(the value of the command line option --port)"]


def test_several_values() -> None:
    """Multiple options are lists; among integers a range has two ends."""
    options = OptionParser()
    options.define("n", type=int, multiple=True)
    options.define("s", multiple=True)
    assert (options.n, options.s) == ([], [])
    options.parse_command_line(["main", "--n=1,3,5:7", "--s=a,b"])
    assert (options.n, options.s) == ([1, 3, 5, 6, 7], ["a", "b"])


def test_errors_of_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown option shows the help; a value that is missing is said."""
    options = parser(port=1)
    with pytest.raises(Error, match="Unrecognized command line option: 'prot'"):
        options.parse_command_line(["main", "--prot=2"])
    assert "--port" in capsys.readouterr().err
    with pytest.raises(Error, match="Option 'port' requires a value"):
        options.parse_command_line(["main", "--port"])


# -- values ----------------------------------------------------------------------------------------


def test_values_are_set_by_attribute_and_item() -> None:
    """Of the option's type, or None; unknown names are AttributeErrors."""
    options = parser(port=1)
    options.define("many", type=int, multiple=True)
    options.port = 2
    options["many"] = [1, 2]
    assert options.as_dict() == {"help": None, "port": 2, "many": [1, 2]}
    assert dict(options.items()) == options.as_dict()
    assert list(options) == ["help", "port", "many"]
    with pytest.raises(Error, match="Option 'port' is required to be a int"):
        options.port = "2"
    with pytest.raises(Error, match="Option 'many' is required to be a list of int"):
        options.many = ["1"]
    with pytest.raises(AttributeError, match="Unrecognized option 'prot'"):
        _ = options.prot
    with pytest.raises(AttributeError, match="Unrecognized option 'prot'"):
        options.prot = 1


def test_groups() -> None:
    """Named groups; without a name, the file that defines the option."""
    options = parser(a=1)
    options.define("b", 2, group="application")
    assert options.groups() == {"", __file__, "application"}
    assert options.group_dict("application") == {"b": 2}
    assert options.group_dict("unknown") == {}


def test_callbacks() -> None:
    """Of an option with each new value, of the parser when parsing is done."""
    seen: list[Any] = []
    options = OptionParser()
    options.define("a", type=int, callback=seen.append)
    options.add_parse_callback(lambda: seen.append("parsed"))
    options.parse_command_line(["main", "--a=1"], final=False)
    options.a = 2
    options.parse_command_line(["main"])
    assert seen == [1, 2, "parsed"]


def test_options_can_be_patched() -> None:
    """`mockable` for `mock.patch.object`, also one in another."""
    options = parser(a=1)
    with mock.patch.object(options.mockable(), "a", 2):
        with mock.patch.object(options.mockable(), "a", 3):
            assert options.a == 3
        assert options.a == 2
    assert options.a == 1


def test_sets_of_options_are_independent() -> None:
    """Two parsers in one process share nothing."""
    first, second = parser(a=1), parser(a=2)
    first.a = 3
    assert (first.a, second.a) == (3, 2)


# -- config files ----------------------------------------------------------------------------------


def test_a_config_file_is_python(tmp_path: Path) -> None:
    """Its variables are the values; text is parsed where no text is wanted."""
    file = tmp_path / "é.conf"
    file.write_text(
        "import os\nport = 80\nname = 'é'\nhosts = 'a,b'\nlimits = [1, 2]\n"
        "wait = '2m'\nunknown = 1\nhere = __file__\n",
        encoding="utf-8",
    )
    options = parser(port=1, name="", here="")
    options.define("hosts", multiple=True)
    options.define("limits", type=int, multiple=True)
    options.define("wait", type=timedelta)
    options.parse_config_file(str(file))
    assert (options.port, options.name, options.hosts) == (80, "é", ["a", "b"])
    assert (options.limits, options.wait) == ([1, 2], timedelta(minutes=2))
    assert options.here == str(file)


def test_a_config_file_of_an_option(tmp_path: Path) -> None:
    """``--config`` by callback: later arguments win over the file."""
    file = tmp_path / "app.conf"
    file.write_text("a = 5\nb = 5\n")
    options = parser(a=1, b=1)
    options.define(
        "config", type=str, callback=lambda path: options.parse_config_file(path, final=False)
    )
    options.parse_command_line(["main", "--a=2", f"--config={file}", "--b=3"])
    assert (options.a, options.b) == (5, 3)


def test_a_config_file_of_the_wrong_types(tmp_path: Path) -> None:
    """What an option cannot be is an Error."""
    file = tmp_path / "app.conf"
    options = parser(port=1)
    options.define("hosts", multiple=True)
    file.write_text("port = 1.5\n")
    with pytest.raises(Error, match="Option 'port' is required to be a int"):
        options.parse_config_file(str(file))
    file.write_text("hosts = 1\n")
    with pytest.raises(Error, match="a list of str or a comma-separated string"):
        options.parse_config_file(str(file))


# -- help ------------------------------------------------------------------------------------------


def test_help() -> None:
    """By group, with placeholders, wrapped, with defaults."""
    options = OptionParser()
    options.define("port", 8000, help="the port to listen on " * 3, group="net")
    options.define("name", metavar="NAME", group="net", help="a name")
    printed = io.StringIO()
    options.print_help(printed)
    assert printed.getvalue().startswith(f"Usage: {sys.argv[0]} [OPTIONS]\n\nOptions:\n\n")
    _, lines = printed.getvalue().split("\nnet options:\n\n")
    assert lines == (
        "  --name=NAME                      a name\n"
        "  --port                           the port to listen on the port to listen on\n"
        f"{' ' * 35}the port to listen on  (default 8000)\n"
        "\n"
    )


def test_help_ends_the_program(capsys: pytest.CaptureFixture[str]) -> None:
    """``--help`` prints and exits with 0."""
    with pytest.raises(SystemExit) as caught:
        parser(port=1).parse_command_line(["main", "--help"])
    assert caught.value.code == 0
    assert "show this help information" in capsys.readouterr().err


# -- the options of the process --------------------------------------------------------------------

PROGRAM = """
import logging
from waterspout.tornado.options import add_parse_callback, define, options, parse_command_line
define("port", default=8000, help="port")
add_parse_callback(lambda: print("parsed", options.port, options.logging))
print(parse_command_line(), "program.py" in " ".join(map(str, options.groups())))
logging.info("hello")
"""


@pytest.mark.parametrize(
    ("arguments", "logged"), [(["--port=1"], True), (["--port=1", "--logging=none"], False)]
)
def test_the_options_of_the_process(tmp_path: Path, arguments: list[str], logged: bool) -> None:
    """The global functions; logging is set up by parsing, unless it is not wanted."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, str(program), *arguments, "rest"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    level = "info" if logged else "none"
    assert done.stdout == f"parsed 1 {level}\n['rest'] True\n"
    assert ("program:7] hello" in done.stderr) is logged
