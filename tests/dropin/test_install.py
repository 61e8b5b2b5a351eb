"""`waterspout.dropin.install` and its companions, each in a fresh process."""

from __future__ import annotations

import sys
import textwrap
import venv
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest
from dropin_process import RunPython

Script = Callable[..., str]

INSTALL = "import waterspout.dropin; waterspout.dropin.install()\n"


@pytest.fixture
def succeeds(run_python: RunPython) -> Script:
    """Run a script, warnings being errors; it must end well. Returns what it printed."""

    def succeeds(script: str, *options: str, **variables: str) -> str:
        script = textwrap.dedent(script)
        result = run_python("-W", "error", *options, "-c", script, **variables)
        assert result.returncode == 0, result.stderr
        return result.stdout

    return succeeds


def test_flask_is_waterspout_in_every_form(succeeds: Script) -> None:
    """Same module objects, same classes; extensions see them as well."""
    succeeds(
        INSTALL
        + """
import flask, flask.json.provider as provider
from flask import Flask, json
from flask.sansio.app import App
import waterspout.flask, waterspout.json.provider, flask_login
assert flask is waterspout.flask
assert json is flask.json is waterspout.flask.json
assert provider.JSONProvider is waterspout.json.provider.JSONProvider
assert issubclass(Flask, App) and Flask.__module__ == "waterspout.flask.app"
assert flask_login.login_manager.g is waterspout.flask.g
assert flask.__spec__.name == "waterspout.flask"
"""
    )


def test_version_of_the_distribution_is_untouched(succeeds: Script) -> None:
    """Extensions ask for it, and so does `flask --version`."""
    printed = succeeds(
        INSTALL + "import importlib.metadata; print(importlib.metadata.version('flask'))"
    )
    assert printed.strip() == version("flask")


def test_old_extension_and_script_names(succeeds: Script) -> None:
    """`flask.ext.X` and `flask_script`, as programs of 2013 have them."""
    succeeds(
        """
        import warnings; warnings.simplefilter("ignore", DeprecationWarning)
        import waterspout.dropin; waterspout.dropin.install()
        from flask.ext.login import LoginManager
        from flask.ext.script import Manager
        import flask_login, flask_script, waterspout.flask.script
        assert LoginManager is flask_login.LoginManager
        assert flask_script is waterspout.flask.script
        assert Manager is flask_script.Manager
        from flask_script.commands import ShowUrls
        from flask.scaffold import setupmethod
        from werkzeug.useragents import UserAgent
        from werkzeug._compat import text_type
        from werkzeug.wrappers.json import JSONMixin
        from werkzeug.wrappers.base_response import BaseResponse
        from itsdangerous.jws import TimedJSONWebSignatureSerializer
        from itsdangerous import TimedJSONWebSignatureSerializer as Serializer, json
        from jinja2 import Markup, contextfunction
        from markupsafe import soft_unicode
        assert text_type is str and Serializer is TimedJSONWebSignatureSerializer
        assert json.dumps({}) == "{}"
        """
    )


def test_install_when_flask_is_loaded_explains_itself(run_python: RunPython) -> None:
    """The classes of the real Flask cannot be exchanged any more."""
    result = run_python("-c", "import flask.globals\n" + INSTALL)
    assert result.returncode == 1
    assert "RuntimeError: The drop-in comes too late: 'flask" in result.stderr
    assert "site-packages" in result.stderr
    assert "waterspout run --dropin" in result.stderr


def test_install_twice_and_uninstall(succeeds: Script) -> None:
    """After `uninstall`, the installed Flask is Flask again."""
    succeeds(
        """
        import os, sys, werkzeug.serving, waterspout.dropin as dropin
        from werkzeug.serving import run_simple
        dropin.install(); dropin.install()
        assert dropin.installed()
        assert os.environ["WATERSPOUT_DROPIN"] == "1"
        assert sum(type(f).__name__ == "DropinFinder" for f in sys.meta_path) == 1
        import flask, flask.json, flask_script
        assert flask.__spec__.name == "waterspout.flask"
        ours = flask
        assert werkzeug.serving.run_simple.__module__ == "waterspout.dropin.removed"
        dropin.uninstall(); dropin.uninstall()
        assert not dropin.installed()
        assert "WATERSPOUT_DROPIN" not in os.environ
        assert werkzeug.serving.run_simple is run_simple
        import flask
        assert flask.__spec__.name == "flask"
        assert ours.__name__ == "waterspout.flask"
        assert "flask_script" not in sys.modules
        """
    )


def test_hooks_that_wait_for_an_import(succeeds: Script) -> None:
    """wrapt's, which tracing packages have: they run for what an import brings along too, with the
    module that programs get, wherever the first import of it is."""
    succeeds(
        """
        import importlib, sys, wrapt
        import waterspout.dropin; waterspout.dropin.install()
        ran = {}
        FLASK = ["flask", "flask.app", "flask.blueprints", "flask.templating"]
        TORNADO = ["tornado.web", "tornado.routing", "tornado.httputil", "tornado.ioloop"]
        for name in [*FLASK, *TORNADO, "flask.views", "flask_script", "werkzeug.serving", "jinja2"]:
            wrapt.register_post_import_hook(
                lambda module, name=name: ran.setdefault(name, []).append(module), name
            )
        from flask import Flask
        assert set(FLASK) <= ran.keys(), ran
        assert not set(TORNADO) & ran.keys()
        import waterspout.tornado.web
        import tornado.web, tornado.ioloop, werkzeug.serving, flask_script
        assert set(TORNADO) | {"flask_script", "werkzeug.serving", "jinja2"} <= ran.keys(), ran
        import flask.views
        for name, modules in ran.items():
            assert modules == [sys.modules[name]], name
            assert modules[0].__name__ == name
            assert importlib.import_module(name) is modules[0]
        """
    )


def test_python_m_flask(run_python: RunPython) -> None:
    """`python -m flask` finds Waterspout through runpy."""
    script = (
        INSTALL + "import runpy; runpy.run_module('flask', run_name='__main__', alter_sys=True)"
    )
    result = run_python("-c", script, "--version")
    assert result.returncode == 0, result.stderr
    assert f"Flask {version('flask')}" in result.stdout


def test_every_module_attribute_can_be_read(succeeds: Script) -> None:
    """freezegun and hiro read all attributes of all modules, and call `isinstance` on them."""
    succeeds(
        INSTALL
        + """
import datetime, sys
import flask, flask.cli, flask.testing, werkzeug.urls, waterspout
for _ in range(2):
    for module in list(sys.modules.values()):
        if module.__name__.partition(".")[0] in {"flask", "waterspout", "werkzeug"}:
            for name in dir(module):
                isinstance(getattr(module, name), datetime.datetime)
"""
    )


def test_removed_flask_names_warn(succeeds: Script) -> None:
    """One warning names the old name and the new one, at the line of the program."""
    succeeds(
        INSTALL
        + """
import warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("default")
    from flask import Markup
import markupsafe
assert Markup is markupsafe.Markup
assert str(caught[0].message) == "'flask.Markup' was removed; use 'markupsafe.Markup'."
assert caught[0].filename == "<string>", caught[0].filename
"""
    )


class TestPth:
    """The switch by environment variable, in an environment of its own."""

    @pytest.fixture(scope="class")
    def python(self, tmp_path_factory: pytest.TempPathFactory) -> str:
        """Return the interpreter of a new virtual environment without packages."""
        directory = tmp_path_factory.mktemp("environment")
        venv.create(directory, with_pip=False, symlinks=True)
        return str(directory / "bin" / "python")

    @pytest.fixture
    def paths(self) -> str:
        """Return this environment's packages, as PYTHONPATH: read, but without its .pth files."""
        return next(path for path in sys.path if path.endswith("site-packages"))

    def test_enable_use_disable(
        self, run_python: RunPython, python: str, paths: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Enabled, the variable decides; disabled, nothing is left. Subprocesses are included."""
        monkeypatch.setenv("PYTHONPATH", paths)
        tell = "import flask; print(flask.Flask.__module__)"
        nested = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {tell!r}])"

        def run(*arguments: str, **variables: str) -> str:
            result = run_python(*arguments, python=python, **variables)
            assert result.stderr == ""
            return result.stdout.strip()

        def switch(verb: str) -> str:
            return run("-m", "waterspout.dropin", verb)

        assert run_python("-m", "waterspout.dropin", "status", python=python).returncode == 1
        assert switch("enable").startswith("Wrote ")
        assert switch("status").startswith("enabled (")
        assert run("-c", tell, WATERSPOUT_DROPIN="1") == "waterspout.flask.app"
        assert run("-c", nested, WATERSPOUT_DROPIN="1") == "waterspout.flask.app"
        assert run("-m", "flask", "--version", WATERSPOUT_DROPIN="1").startswith("Python ")
        loop = "import asyncio; print(type(asyncio.new_event_loop()).__module__)"
        usual = "asyncio.unix_events" if sys.version_info >= (3, 14) else "uvloop"
        assert run("-c", loop, WATERSPOUT_DROPIN="1") == usual
        declined = run("-c", loop, WATERSPOUT_DROPIN="1", WATERSPOUT_LOOP="asyncio")
        assert declined == "asyncio.unix_events"
        assert run("-c", tell) == "flask.app"
        assert run("-c", tell, WATERSPOUT_DROPIN="0") == "flask.app"
        assert switch("disable").startswith("Removed ")
        assert run("-c", tell, WATERSPOUT_DROPIN="1") == "flask.app"
        assert switch("disable").endswith("nothing to do.")
        assert not list(Path(python).parents[1].rglob("waterspout*.pth"))
