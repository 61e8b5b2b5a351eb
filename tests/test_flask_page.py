"""docs/flask.md keeps its word: its program runs each way, and both languages say the same."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path

import httpx
import pytest

from processes import running

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "flask.md").read_text(encoding="utf-8")
CHINESE = (ROOT / "docs" / "flask.zh-CN.md").read_text(encoding="utf-8")
SECONDS = 30
PROGRAM = re.findall(r"^```python\n(# shop\.py\n.*?)^```", PAGE, re.DOTALL | re.MULTILINE)[0]


def blocks(text: str, language: str) -> list[str]:
    """Return the fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def test_both_languages_show_the_same() -> None:
    """The Chinese page has the same programs, commands, sections and tables."""
    for language in ("python", "sh"):
        pairs = zip(blocks(PAGE, language), blocks(CHINESE, language), strict=True)
        for english, chinese in pairs:
            assert [line.partition("  #")[0].rstrip() for line in chinese.splitlines()] == [
                line.partition("  #")[0].rstrip() for line in english.splitlines()
            ]
    for mark in ("\n## ", "\n|", "\n- "):
        assert CHINESE.count(mark) == PAGE.count(mark)


@pytest.mark.parametrize(
    "page", ["README.zh-CN.md", "docs/flask.zh-CN.md", "docs/tornado.zh-CN.md"]
)
def test_the_drop_in_has_one_name_in_chinese(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert "替换模式（drop-in）" in text
    assert not re.search("替身|无缝替换|直接替换|插入式", text)
    assert "无需重新登录" in text


def test_the_extensions_are_those_of_the_tests() -> None:
    table = dict(re.findall(r"^\| (Flask-\w+) \| (\S+) \|$", PAGE, re.MULTILINE))
    programs = (ROOT / "tests/dropin/programs").glob("check_*.py")
    checks = {path.stem.removeprefix("check_") for path in programs}
    listed = {name.partition("-")[2].lower() for name in table}
    assert listed | PACKAGES.keys() | {"csrf"} == checks  # which is another of Flask-WTF
    for name, tested in table.items():
        assert numbers(version(name)) >= numbers(tested)
    for page in (PAGE, CHINESE):
        assert [name for name in PACKAGES.values() if f"`{name}`" not in page] == []


#: Packages that are no extensions, by the names of their programs.
PACKAGES = {
    "elasticapm": "elastic-apm",
    "opentelemetry": "opentelemetry-instrumentation-flask",
    "peewee": "peewee",
    "sentry": "sentry-sdk",
    "structlog": "structlog",
}


def numbers(release: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", release)]


WAYS = {
    "alone": ("shop.py",),
    "by the runner": ("-m", "waterspout", "run", "shop:app", "--port", "0"),
    "alone under the drop-in": ("-m", "waterspout.dropin", "shop.py"),
    "by the runner under the drop-in": (
        *("-m", "waterspout", "run", "--dropin", "shop:create_app()", "--port", "0"),
    ),
}


@pytest.mark.parametrize(
    ("way", "is_prefixed"),
    [*((way, True) for way in WAYS), *((way, False) for way in WAYS if "drop-in" in way)],
)
def test_the_program_runs(way: str, is_prefixed: bool, tmp_path: Path) -> None:
    """As written, and unmodified under the drop-in; both at once as well."""
    code = PROGRAM.replace("port=5000", "port=0")
    if not is_prefixed:
        code = code.replace("waterspout.flask", "flask")
    (tmp_path / "shop.py").write_text(code, encoding="utf-8")
    with (
        running(tmp_path, *WAYS[way]) as url,
        httpx.Client(base_url=url, trust_env=False, timeout=SECONDS) as client,
    ):
        assert client.get("/?name=Ada").text == "Hello, Ada!"
        assert client.get("/goods/7").json() == {"number": 7, "visits": 2}


def test_a_session_is_the_same_on_both_sides() -> None:
    """Who is logged in stays logged in, there and back."""
    import flask  # the installed one

    import waterspout.flask

    apps = []
    for module in (flask, waterspout.flask):
        app = module.Flask("shop")
        app.secret_key = "a long random text"
        app.add_url_rule("/", view_func=lambda m=module: m.session.get("user", "nobody"))
        app.add_url_rule("/in", "in", lambda m=module: m.session.update(user="ann") or "in")
        apps.append(app)
    for here, there in (apps, reversed(apps)):
        cookie = here.test_client().get("/in").headers["Set-Cookie"].partition(";")[0]
        answer = there.test_client(use_cookies=False).get("/", headers={"Cookie": cookie})
        assert answer.text == "ann"
