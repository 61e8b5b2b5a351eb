"""An application's own commands, and programs made of groups."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click
import pytest
from cli_program import HELLO, Program
from click.testing import CliRunner

from waterspout import App, Blueprint, current_app, g
from waterspout.cli import AppGroup, FlaskGroup, ScriptInfo, WaterspoutGroup, with_appcontext


@pytest.fixture
def app() -> App:
    return App("shop")


Invoke = Callable[..., Any]


@pytest.fixture
def invoke(app: App) -> Invoke:
    """Run a command line of a program around the application."""
    runner = CliRunner()

    def invoke(*args: str, group: type[FlaskGroup] = FlaskGroup, **options: Any) -> Any:
        return runner.invoke(group(create_app=lambda: app, **options), args)

    return invoke


def test_a_command_of_the_application_runs_in_its_context(app: App, invoke: Invoke) -> None:
    @app.cli.command()
    @click.argument("name", callback=lambda ctx, param, value: f"{value}@{current_app.name}")
    def greet(name: str) -> None:
        g.name = name
        click.echo(f"hello {g.name}")

    result = invoke("greet", "ada")
    assert result.output == "hello ada@shop\n"
    assert not current_app


def test_a_command_may_be_a_coroutine(app: App, invoke: Invoke) -> None:
    """`async def` needs nothing more in a command than in a view."""

    @app.cli.command()
    async def greet() -> None:
        click.echo(f"hello {current_app.name}")

    assert invoke("greet").output == "hello shop\n"


def test_a_command_without_context(app: App, invoke: Invoke) -> None:
    @app.cli.command(with_appcontext=False)
    def bare() -> None:
        click.echo(str(bool(current_app)))

    # The group of the program has pushed one to find the command; a group alone has not.
    assert CliRunner().invoke(app.cli, ["bare"], obj=ScriptInfo()).output == "False\n"


def test_groups_in_groups(app: App, invoke: Invoke) -> None:
    @app.cli.group()
    def stock() -> None:
        """Look after the stock."""

    @stock.command("count")
    def count() -> None:
        click.echo(f"counting in {current_app.name}")

    assert isinstance(stock, AppGroup)
    assert invoke("stock", "count").output == "counting in shop\n"


def test_commands_of_blueprints(app: App, invoke: Invoke) -> None:
    """In a group of the blueprint's name, of another name, or among the application's own."""
    for name, options in [
        ("plain", {}),
        ("renamed", {"cli_group": "other"}),
        ("merged", {"cli_group": None}),
    ]:
        blueprint = Blueprint(name, __name__, **options)

        @blueprint.cli.command(f"do-{name}")
        def command(name: str = name) -> None:
            click.echo(name)

        app.register_blueprint(blueprint)
    assert invoke("plain", "do-plain").output == "plain\n"
    assert invoke("other", "do-renamed").output == "renamed\n"
    assert invoke("do-merged").output == "merged\n"


def test_a_command_of_somebody_elses_group(app: App) -> None:
    """`with_appcontext` gives any click command the application's context."""

    @click.command()
    @with_appcontext
    def name() -> None:
        click.echo(current_app.name)

    result = CliRunner().invoke(name, obj=ScriptInfo(create_app=lambda: app))
    assert result.output == "shop\n"


def test_the_help_lists_the_applications_commands(app: App, invoke: Invoke) -> None:
    app.cli.command("tidy", help="Tidy up.")(lambda: None)
    output = invoke("--help").output
    assert [name for name in ("routes", "run", "shell", "tidy") if f"\n  {name} " in output] == [
        "routes",
        "run",
        "shell",
        "tidy",
    ]


def test_the_help_comes_although_the_application_is_broken() -> None:
    def create_app() -> App:
        raise RuntimeError("no luck")

    result = CliRunner().invoke(FlaskGroup(create_app=create_app), ["--help"])
    assert result.exit_code == 0
    assert "RuntimeError: no luck" in result.stderr
    assert "Commands:" in result.stdout


def test_without_an_application(program: Program) -> None:
    """Our help is silent about it, a command that needs one is not."""
    shown = program.run("--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    asked = program.run("tidy")
    assert asked.returncode == 2
    assert "'--app'" in asked.stderr
    assert "No such command 'tidy'" in asked.stderr


@pytest.mark.parametrize(
    ("arguments", "variables", "expected"),
    [
        ([], {}, "False"),
        (["--debug"], {}, "True"),
        ([], {"FLASK_DEBUG": "1"}, "True"),
        ([], {"WATERSPOUT_DEBUG": "1"}, "True"),
        (["--no-debug"], {"FLASK_DEBUG": "1"}, "False"),
    ],
)
def test_debug_mode(
    program: Program, arguments: list[str], variables: dict[str, str], expected: str
) -> None:
    """By option or environment; the application sees it while it is imported."""
    program.write("app.py", HELLO + "    print(app.debug)\n")
    assert program.run(*arguments, "routes", **variables).stdout.splitlines()[0] == expected


def test_run_in_a_module_is_ignored_by_other_commands(program: Program) -> None:
    """`app.run()` without a main guard does not serve while another command loads the module."""
    program.write("app.py", HELLO + "    app.run()\n")
    ended = program.run("routes")
    assert ended.returncode == 0
    assert "Ignoring a call of 'app.run()'" in ended.stdout


PLUGIN = """
    import click

    @click.command("from-package")
    def command():
        print("plugin", {name!r})
"""


@pytest.fixture
def package(program: Program, monkeypatch: pytest.MonkeyPatch) -> Program:
    """An installed distribution that adds a command to each of the two programs."""
    monkeypatch.setenv("PYTHONPATH", str(program.directory))
    for name in ("flask", "waterspout"):
        program.write(f"plugin_{name}.py", PLUGIN.format(name=name))
    program.write("plug-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: plug\nVersion: 1\n")
    program.write(
        "plug-1.dist-info/entry_points.txt",
        "[flask.commands]\nfrom-flask = plugin_flask:command\n"
        "[waterspout.commands]\nfrom-waterspout = plugin_waterspout:command\n",
    )
    return program


@pytest.mark.parametrize(
    ("module", "arguments", "expected"),
    [
        ("waterspout.flask", ["from-flask"], "plugin flask"),
        ("waterspout", ["from-waterspout"], "plugin waterspout"),
        ("waterspout", ["--dropin", "from-flask"], "plugin flask"),
    ],
)
def test_commands_of_installed_packages(
    package: Program, module: str, arguments: list[str], expected: str
) -> None:
    ended = package.run(*arguments, module=module)
    assert ended.stdout.strip() == expected, ended.stderr


def test_flask_plugins_stay_out_of_a_program_without_flask(package: Program) -> None:
    """They would import another framework; and a built-in command looks at no package."""
    package.write("plugin_waterspout.py", "raise SystemExit('looked at')")
    package.write("app.py", HELLO)
    assert package.run("from-flask").returncode != 0
    assert package.run("routes").returncode == 0


def test_options_and_object_of_a_users_own_program(app: App) -> None:
    """Group callback and parameters are the user's; default commands can be left out."""
    group = FlaskGroup(
        name="tool",
        create_app=lambda: app,
        add_default_commands=False,
        add_version_option=False,
        params=[click.Option(["--loud"], is_flag=True)],
        callback=lambda loud: click.echo(f"loud={loud}"),
    )

    @group.command()
    def name() -> None:
        click.echo(current_app.name)

    assert CliRunner().invoke(group, ["--loud", "name"]).output == "loud=True\nshop\n"
    assert sorted(group.commands) == ["name"]
    assert CliRunner().invoke(group, ["--version"]).exit_code == 2


def test_versions() -> None:
    """`--version` names what matters to the program at hand."""
    flask = CliRunner().invoke(FlaskGroup(), ["--version"]).output
    ours = CliRunner().invoke(WaterspoutGroup(), ["--version"]).output
    python = f"Python {'.'.join(map(str, sys.version_info[:3]))}"
    assert [line.split()[0] for line in flask.splitlines()] == [
        *("Python", "Flask", "Waterspout", "Werkzeug"),
    ]
    assert ours.splitlines()[0] == python
    assert "Flask" not in ours
