"""The rules of the house (ARCHITECTURE.md), held by reading the sources and by importing them.

Each rule is one test; the places that may break one are listed here, each with its reason.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections import Counter
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

sys.path.insert(0, str(ROOT / "scripts"))

import house  # noqa: E402
from house import modules  # noqa: E402

GROUND, MIDDLE, UPPER, WINGS, ROOF, OUTHOUSES = range(6)
FLOORS = {
    GROUND: (
        "concurrency.private_loop config context.variables env escaping http import_paths"
        " interfaces json log observed peers security signals tracebacks typing"
    ),
    MIDDLE: "concurrency context dispatch.admission routing sessions templating",
    UPPER: (
        "app application blueprints concurrency.background concurrency.streaming csrf dispatch"
        " files flashing routing.urls views websockets"
    ),
    WINGS: "flask tornado",
    ROOF: "__main__ cli dropin gateways server testing",
    OUTHOUSES: "demo ext",
}
FLOOR_OF = {room: floor for floor, rooms in FLOORS.items() for room in rooms.split()}
ROOMS = {room.split(".")[0] for room in FLOOR_OF}


def floor_of(module: str) -> int:
    """Return the floor of a module: its own, where it has one, else that of its room."""
    parts = module.split(".")
    own = ".".join(parts[1:3])
    return FLOOR_OF[own] if own in FLOOR_OF else FLOOR_OF[parts[1]]


# Imports that point up the house: (importing module, room reached) → why it may.
MAY_CLIMB = {
    ("waterspout.flask.cli", "cli"): "Flask has its command line under this name",
    ("waterspout.flask.testing", "testing"): "Flask has its test clients under this name",
    ("waterspout.tornado.autoreload", "server"): "a process is started anew in one way only",
    ("waterspout.tornado.httpserver.server", "server"): "Tornado has the server under this name",
    ("waterspout.tornado.httpserver.tornado_server", "server"): "as above",
}

# Imports inside functions, from our own package: (module, room reached) → why not at the top.
MAY_IMPORT_LATE = {
    ("waterspout.cli.options", "dropin"): "a program that does not ask for it never loads it",
    ("waterspout.cli.program", "dropin"): "as above",
}

# What `ext/` may import besides the public names of `waterspout`: modules that programs use too.
PUBLIC_MODULES = {
    *("waterspout.config", "waterspout.signals", "waterspout.sessions", "waterspout.typing"),
    *("waterspout.tornado.web", "waterspout.tornado.websocket", "waterspout.tornado.escape"),
    *("waterspout.cli", "waterspout.log", "waterspout.server", "waterspout.testing"),
    *("waterspout.concurrency", "waterspout.flask.script"),
}

# Modules that name the package itself instead of a relative path: module prefix → why.
MAY_NAME_THE_PACKAGE = {
    "waterspout.demo": "an example, written as a program outside the package would be",
    "waterspout.ext": "stands on public names only, as a package of its own would",
}

# Importing these does something, by design.
NOT_FOR_IMPORT = {
    "waterspout.__main__": "runs the command line",
    "waterspout.flask.__main__": "runs the command line",
    "waterspout.demo.migrations.env": "run by Alembic",
    "waterspout.ext.migrate.templates.flask.env": "a template, run by Alembic",
    "waterspout.ext.migrate.templates.flask-multidb.env": "as above",
}


def room_of(module: str) -> str:
    return module.split(".")[1]


@cache
def imports() -> list[house.Import]:
    """Return the imports that are done when a program runs; those for types only are not."""
    return [found for found in house.imports() if not found.typing_only]


def is_inner(found: house.Import) -> bool:
    """Tell whether both ends are rooms of the house, not the front door."""
    return "." in found.module and found.room in ROOMS


def test_every_room_has_a_floor() -> None:
    """A new module at the top of the package must be put on a floor here."""
    rooms = {room_of(module) for module in modules() if "." in module}
    assert rooms - ROOMS == set()


def test_the_picture_of_the_house_is_true() -> None:
    """The picture in ARCHITECTURE.md has every room, each on its floor."""
    picture = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").split("```")[1]
    names = ("GROUND", "MIDDLE FLOOR", "UPPER FLOOR", "WINGS", "ROOF", "OUTHOUSES")
    drawn: dict[str, int] = {}
    floor = -1
    for line in picture.splitlines():
        for number, name in enumerate(names):
            if name in line:
                floor = number
        drawn |= dict.fromkeys(re.findall(r"(\w+)(?:/|\.py)", line), floor)
    held = {room: floor for room, floor in FLOOR_OF.items() if "." not in room}
    assert drawn == {room: floor for room, floor in held.items() if room != "__main__"}


def test_imports_point_down() -> None:
    """An import points down the house or stays on its floor."""
    up = [
        str(found)
        for found in imports()
        if is_inner(found)
        and floor_of(found.target) > floor_of(found.module)
        and (found.module, found.room) not in MAY_CLIMB
    ]
    assert up == []


def test_the_wings_never_import_each_other() -> None:
    """Flask's wing and Tornado's know nothing of one another."""
    wings = set(FLOORS[WINGS].split())
    across = [
        str(found)
        for found in imports()
        if is_inner(found)
        and {found.room, room_of(found.module)} <= wings
        and found.room != room_of(found.module)
    ]
    assert across == []


def test_batteries_stand_on_public_names() -> None:
    """``ext/`` imports public names of ``waterspout``, its public modules, and itself."""
    from waterspout import __all__ as public

    allowed = {*PUBLIC_MODULES, *(f"waterspout.{name}" for name in public)}
    private = [
        str(found)
        for found in imports()
        if "." in found.module
        and room_of(found.module) == "ext"
        and found.room != "ext"
        and found.target not in allowed
    ]
    assert private == []


def test_no_import_circle() -> None:
    """No module imports another that imports it, for types only or in functions included."""
    assert house.circles() == []


def test_a_request_passes_few_modules() -> None:
    """A GET of a view passes through twelve modules of ours at most, on our server."""
    printed = run_python(str(ROOT / "scripts" / "house.py"), "walk")
    assert 0 < len(printed.splitlines()) <= 12


def test_no_import_hides_in_a_function() -> None:
    """An import inside a function is an exception with a reason, listed above."""
    late = [
        str(found)
        for found in imports()
        if found.late and (found.module, found.room) not in MAY_IMPORT_LATE
    ]
    assert late == []


def test_the_exceptions_are_still_needed() -> None:
    """An exception nobody uses any more is removed from the lists."""
    climbs = {(f.module, f.room) for f in imports() if is_inner(f)}
    late = {(f.module, f.room) for f in imports() if f.late}
    assert MAY_CLIMB.keys() - climbs == set()
    assert MAY_IMPORT_LATE.keys() - late == set()


def test_modules_inside_use_relative_imports() -> None:
    """Inside the package an import is relative; nobody goes out through the front door."""
    absolute = [
        str(found)
        for found in imports()
        if not found.relative and not found.module.startswith(tuple(MAY_NAME_THE_PACKAGE))
    ]
    through_the_door = [
        str(found)
        for found in imports()
        if found.relative
        and found.module != "waterspout"
        and found.room not in {*ROOMS, "__version__"}
        and not found.module.startswith(tuple(MAY_NAME_THE_PACKAGE))
    ]
    assert absolute + through_the_door == []


def test_files_and_functions_stay_small() -> None:
    """No file passes 600 lines, no function 60 (docstring apart); no name says nothing."""
    vague = [
        module
        for module in modules()
        if module.split(".")[-1] in {"utils", "util", "common", "helpers", "misc"}
        and module
        not in {
            *("waterspout.ext.auth.utils", "waterspout.ext.limits.util"),
            *("waterspout.flask.helpers", "waterspout.tornado.util"),
        }
    ]
    assert house.long_files() + house.long_functions() == []
    assert vague == []


def test_public_functions_say_what_they_raise() -> None:
    """The docstring of a public function that raises an error names it, or says that it raises."""
    silent, _ = house.silent_about_errors()
    assert [str(place) for place in silent] == []


def test_a_perf_note_gives_its_figure() -> None:
    """A comment that explains code by its speed says how much it gains; others say why else."""
    assert [str(place) for place in house.perf_notes_without_figure()] == []


def test_every_module_says_its_subject() -> None:
    """Every file opens with a docstring, and with postponed annotations where it has any."""
    silent = []
    for module, path in modules().items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        code = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.AnnAssign)
        annotated = any(isinstance(node, code) for node in ast.walk(tree))
        postponed = "annotations" in {
            alias.name
            for node in tree.body
            if isinstance(node, ast.ImportFrom) and node.module == "__future__"
            for alias in node.names
        }
        if not ast.get_docstring(tree) or (annotated and not postponed):
            silent.append(module)
    assert silent == []


IMPORT_ALL = """
import importlib, json, sys
for name in json.loads(sys.argv[1]):
    module = importlib.import_module(name)
    for public in getattr(module, "__all__", ()):
        getattr(module, public)
"""


def run_python(*arguments: str) -> str:
    """Run a fresh interpreter in which warnings are errors; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.timeout(180)  # half a minute of work, on a machine that may be busy
def test_every_module_can_be_imported() -> None:
    """Each module is imported without a warning, and the names of its ``__all__`` are there. In
    whatever order: no import goes in a circle."""
    run_python(
        "-c", IMPORT_ALL, json.dumps([name for name in modules() if name not in NOT_FOR_IMPORT])
    )


LIGHT = """
import json, sys
before = set(sys.modules)
import waterspout
print(json.dumps(sorted(set(sys.modules) - before)))
"""
HEAVY = "asyncio click gunicorn httptools jinja2 uvloop watchfiles"


def test_the_front_door_is_light() -> None:
    """``import waterspout`` loads no wing, nothing of the roof, and no heavy package."""
    loaded = json.loads(run_python("-c", LIGHT))
    rooms = {*f"{FLOORS[WINGS]} {FLOORS[ROOF]} {FLOORS[OUTHOUSES]}".split()}
    ours = [name for name in loaded if name.startswith("waterspout.") and room_of(name) in rooms]
    theirs = [name for name in loaded if name in HEAVY.split()]
    assert ours + theirs == []


NAMES = """
import json, waterspout
public = sorted(waterspout.__all__)
print(json.dumps([name for name in public if getattr(waterspout, name, None) is None]))
assert set(public) <= set(dir(waterspout)), set(public) - set(dir(waterspout))
"""


def test_the_public_names_are_there() -> None:
    """Each name of ``waterspout.__all__`` can be had, and ``dir`` shows it."""
    assert json.loads(run_python("-c", NAMES)) == []


# -- every setting is documented -------------------------------------------------------------------


SETTINGS_PAGES = ("settings.md", "settings.zh-CN.md")
PRESETS_PAGES = ("presets.md", "presets.zh-CN.md")

#: The units of the app's settings in the Chinese page.
CHINESE_UNITS = {
    "bytes": "字节",
    "bytes, after decompression": "字节，解压之后",
    "connections": "个连接",
    "files": "个文件",
    "fragments": "个片段",
    "messages": "条消息",
    "messages a second": "条消息每秒",
    "parts": "个部分",
    "pings and pongs a second": "个 ping 和 pong 每秒",
    "seconds": "秒",
    "seconds or timedelta": "秒或 timedelta",
    "timedelta or seconds": "timedelta 或秒",
}


def documented(page: str = "settings.md") -> str:
    return (ROOT / "docs" / page).read_text(encoding="utf-8")


def modern_cell(name: str) -> str:
    from waterspout.config import MODERN_DEFAULTS

    return f"`{MODERN_DEFAULTS[name]!r}`" if name in MODERN_DEFAULTS else ""


def test_every_setting_of_an_app_is_documented() -> None:
    """docs/settings.md has the row of every setting in ``waterspout.config``, defaults included."""
    from waterspout.config import SETTINGS

    rows = []
    for name, setting in SETTINGS.items():
        about = setting.about + (f" ({setting.unit})" if setting.unit else "")
        rows.append(f"| `{name}` | `{setting.default!r}` | {modern_cell(name)} | {about} |")
    missing = [row for row in rows if row not in documented()]
    assert missing == [], "\n".join(["docs/settings.md lacks:", *missing])


def test_every_setting_of_an_app_is_documented_in_chinese() -> None:
    """docs/settings.zh-CN.md has them too, with defaults, a meaning in Chinese and the unit."""
    from waterspout.config import SETTINGS

    missing = []
    for name, setting in SETTINGS.items():
        row = f"| `{name}` | `{setting.default!r}` | {modern_cell(name)} | "
        unit = f"（{CHINESE_UNITS[setting.unit]}）" if setting.unit else ""
        meaning = rf"^{re.escape(row)}[^|\n]*[\u4e00-\u9fff][^|\n]*{re.escape(unit)} \|$"
        if not re.search(meaning, documented("settings.zh-CN.md"), re.MULTILINE):
            missing.append(f"{row}…{unit} |")
    assert missing == [], "\n".join(["docs/settings.zh-CN.md lacks:", *missing])


def test_both_settings_pages_have_the_same_rows() -> None:
    """The same settings with the same defaults, in the same order, and the same programs."""
    english, chinese = (documented(page) for page in SETTINGS_PAGES)
    for found in (r"^\| (`\S+`) \| (`.*?`) \|", r"^```python\n(.*?)^```"):
        english_rows, chinese_rows = (
            re.findall(found, re.sub(r"  #.*", "", page), re.MULTILINE | re.DOTALL)
            for page in (english, chinese)
        )
        assert english_rows == chinese_rows


@pytest.mark.parametrize("page", PRESETS_PAGES)
def test_every_difference_between_the_presets_is_documented(page: str) -> None:
    """The page has a row, with both values and a sentence, for each setting that differs, in their
    order, and for no other."""
    from waterspout.config import MODERN_DEFAULTS, SETTINGS

    row = r"^\| `(\w+)` \| `(.*?)` \| `(.*?)` \| \S.*\|$"
    rows = re.findall(row, documented(page), re.MULTILINE)
    assert rows == [
        (name, repr(SETTINGS[name].default), repr(value)) for name, value in MODERN_DEFAULTS.items()
    ]


@pytest.mark.parametrize("name", ["ServerSettings", "Limits", "Timeouts", "Threads"])
def test_every_setting_of_the_server_is_documented(name: str) -> None:
    """docs/settings.md has a row, with the default, for every field of the server's settings."""
    from waterspout.server import settings

    group = getattr(settings, name)
    prefix = "" if name == "ServerSettings" else name.lower() + "."
    defaults = group()
    rows = [
        f"| `{prefix}{field.name}` | `{value!r}` |"
        for field in fields(group)
        if field.init and not is_dataclass(value := getattr(defaults, field.name))
    ]
    missing = [row for row in rows if row not in documented()]
    assert missing == [], "\n".join(["docs/settings.md lacks:", *missing])


def test_the_settings_page_has_no_ghosts() -> None:
    """A row of docs/settings.md names a setting that exists."""
    from waterspout.config import SETTINGS
    from waterspout.server import settings

    groups = {"": settings.ServerSettings} | {
        f"{kind.__name__.lower()}.": kind
        for kind in (settings.Limits, settings.Timeouts, settings.Threads)
    }
    known = set(SETTINGS) | {
        prefix + field.name for prefix, kind in groups.items() for field in fields(kind)
    }
    rows = [line for line in documented().splitlines() if line.startswith("| `")]
    assert {row.split("`")[1] for row in rows} - known == set()


def test_the_escapes_from_typing_and_privacy_only_shrink() -> None:
    """The uses of `Any`, and of private names of other objects, are fewer from change to change:
    who removes some lowers the figure here."""
    assert len(house.any_uses()) <= 880
    assert len(house.foreign_private()) <= 40


def test_files_of_tests_have_names_of_their_own() -> None:
    """pytest imports them by name: a second file of a name is an error of the whole run."""
    names = Counter(path.name for path in ROOT.glob("tests/**/test_*.py"))
    assert [name for name, number in names.items() if number > 1] == []
