"""`routes` and `shell`."""

from __future__ import annotations

import pytest
from cli_program import Program
from click.testing import CliRunner

from waterspout import App
from waterspout.cli import FlaskGroup

SHOP = """
    from waterspout import App

    app = App(__name__, static_folder=None)
    stock = {"tea": 3}

    @app.post("/b/<int:number>")
    def first(number):
        return ""

    @app.route("/a")
    def second():
        return ""

    @app.shell_context_processor
    def more():
        return {"stock": stock}
"""


def routes(app: App, *arguments: str) -> list[list[str]]:
    """Return the table's rows."""
    result = CliRunner().invoke(FlaskGroup(create_app=lambda: app), ["routes", *arguments])
    assert result.exit_code == 0, result.output
    return [line.split() for line in result.output.splitlines()]


@pytest.fixture
def app() -> App:
    app = App("shop", static_folder=None)
    app.add_url_rule("/b/<int:number>", "first", lambda number: "", methods=["POST"])
    app.add_url_rule("/a", "second", lambda: "")
    return app


def test_routes_shows_a_table(app: App) -> None:
    titles, line, *rows = routes(app)
    assert titles == ["Endpoint", "Methods", "Rule"]
    assert {char for cell in line for char in cell} == {"-"}
    assert rows == [["first", "POST", "/b/<int:number>"], ["second", "GET", "/a"]]


@pytest.mark.parametrize(
    ("sort", "first"),
    [("endpoint", "first"), ("rule", "second"), ("methods", "second"), ("match", "second")],
)
def test_routes_are_sorted(app: App, sort: str, first: str) -> None:
    """By a column, or as they are tried."""
    if sort == "match":
        first = str(next(app.url_map.iter_rules()).endpoint)
    assert routes(app, "--sort", sort)[2][0] == first


def test_all_methods(app: App) -> None:
    assert routes(app, "--all-methods")[3] == ["second", "GET,", "HEAD,", "OPTIONS", "/a"]


def test_hosts_and_subdomains_have_a_column() -> None:
    subdomains = App("shop", static_folder=None)
    subdomains.add_url_rule("/", "api", subdomain="api")
    assert routes(subdomains)[0] == ["Endpoint", "Methods", "Subdomain", "Rule"]
    hosts = App("shop", static_folder=None, host_matching=True)
    hosts.add_url_rule("/", "api", host="api.example")
    assert routes(hosts)[0] == ["Endpoint", "Methods", "Host", "Rule"]
    assert routes(hosts, "-s", "domain")[2] == ["api", "GET", "api.example", "/"]


def test_no_routes() -> None:
    assert routes(App("shop", static_folder=None)) == [["No", "routes", "were", "registered."]]


def test_the_shell_knows_the_application(program: Program) -> None:
    """It runs in the context, with `app`, `g` and the application's own names."""
    program.write("app.py", SHOP)
    program.write("startup.py", "greeting = 'hello'\n")
    asked = "print(current_app.name, app.name, stock, greeting, bool(g))\nfrom app import first\n"
    ended = program.run(
        "shell",
        given="from waterspout import current_app\n" + asked,
        PYTHONSTARTUP="startup.py",
        PYTHON_HISTORY="history",
        HOME=str(program.directory),
    )
    assert ended.returncode == 0, ended.stderr
    assert "app app {'tea': 3} hello True" in ended.stdout
    assert "App: app\n" in ended.stderr
