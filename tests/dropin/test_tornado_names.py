"""Which `tornado` modules are ours, which are Tornado's, and that they share their classes."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from importlib.metadata import version

import pytest
from dropin_process import RunPython

from waterspout.dropin.aliases import OURS, THEIRS

Script = Callable[..., str]

INSTALL = "import waterspout.dropin; waterspout.dropin.install()\n"
# As if Tornado were not installed: nothing else in the environment is touched.
HIDE_TORNADO = """
import importlib.machinery
find = importlib.machinery.PathFinder.find_spec
importlib.machinery.PathFinder.find_spec = staticmethod(
    lambda name, path=None, target=None: None if name == "tornado" else find(name, path, target)
)
"""


@pytest.fixture
def succeeds(run_python: RunPython) -> Script:
    """Run a script, warnings being errors; it must end well. Returns what it printed."""

    def succeeds(script: str) -> str:
        result = run_python("-W", "error", "-c", textwrap.dedent(script))
        assert result.returncode == 0, result.stderr
        return result.stdout

    return succeeds


def test_ours(succeeds: Script) -> None:
    """One module object under both names, whichever is imported first."""
    succeeds(
        INSTALL
        + f"""
from importlib import import_module
import tornado
for number, name in enumerate({OURS!r}):
    names = [f"tornado.{{name}}", f"waterspout.tornado.{{name}}"]
    one, other = map(import_module, names if number % 2 else reversed(names))
    assert one is other is getattr(tornado, name), name
    assert one.__spec__.name == f"waterspout.tornado.{{name}}"
    assert one.__name__ == f"tornado.{{name}}"
"""
    )


def test_theirs(succeeds: Script) -> None:
    """Tornado's modules are what our own code uses too."""
    succeeds(
        INSTALL
        + f"""
from importlib import import_module
import waterspout.tornado.web, waterspout.tornado.testing
for name in {THEIRS!r}:
    one, other = import_module(f"waterspout.tornado.{{name}}"), import_module(f"tornado.{{name}}")
    assert one is other and one.__name__ == f"tornado.{{name}}"
assert waterspout.tornado.testing.IOLoop is import_module("tornado.ioloop").IOLoop
"""
    )


def test_everything_else_is_tornados(succeeds: Script) -> None:
    """And uses our classes by the names it knows."""
    succeeds(
        INSTALL
        + """
import tornado, waterspout.tornado.httputil as httputil
from tornado import http1connection, locks, queues, simple_httpclient, tcpserver, wsgi
assert tornado.__file__.endswith("site-packages/tornado/__init__.py")
assert http1connection.httputil is httputil
assert simple_httpclient.HTTPRequest.__module__ == "tornado.httpclient"
from tornado.httpclient import HTTPRequest
assert type(HTTPRequest("http://x").headers) is httputil.HTTPHeaders
assert queues.__name__ == "tornado.queues"
"""
    )


def test_the_distribution_is_untouched(succeeds: Script) -> None:
    """Programs ask for its version."""
    printed = succeeds(INSTALL + "import tornado, importlib.metadata as m\n"
                       "print(tornado.version, m.version('tornado'))")  # fmt: skip
    assert printed.split() == [version("tornado")] * 2


def test_without_tornado_all_of_it_is_ours(succeeds: Script) -> None:
    """`tornado` itself, and the modules that are Tornado's where it is installed."""
    succeeds(
        HIDE_TORNADO
        + INSTALL
        + """
import tornado, waterspout.tornado, tornado.ioloop, tornado.gen, tornado.httpclient, tornado.web
assert tornado is waterspout.tornado
assert tornado.ioloop.__spec__.name == "waterspout.tornado.ioloop"
assert tornado.httpclient.AsyncHTTPClient.__module__ == "waterspout.tornado.httpclient.client"
try:
    import tornado.curl_httpclient
except ModuleNotFoundError as error:
    assert error.name == "tornado.curl_httpclient"
else:
    raise AssertionError
"""
    )


def test_too_late(run_python: RunPython) -> None:
    """The classes of the real `tornado.web` cannot be exchanged any more; its package can stay."""
    result = run_python("-c", "import tornado.web\n" + INSTALL)
    assert result.returncode == 1
    assert "RuntimeError: The drop-in comes too late: 'tornado." in result.stderr
    assert run_python("-c", "import tornado\n" + INSTALL).returncode == 0


def test_uninstall(succeeds: Script) -> None:
    """Afterwards `tornado.web` is Tornado's."""
    succeeds(
        INSTALL
        + """
import sys, tornado.web
waterspout.dropin.uninstall()
import tornado.web, tornado.ioloop
assert tornado.web.__name__ == "tornado.web"
assert tornado.ioloop.__name__ == "tornado.ioloop"
"""
    )


def test_every_attribute_can_be_read(succeeds: Script) -> None:
    """freezegun and hiro read all attributes of all modules."""
    succeeds(
        INSTALL
        + """
import sys, tornado.web, tornado.websocket, tornado.httpserver, tornado.testing, tornado.auth
for module in list(sys.modules.values()):
    if module.__name__.startswith("waterspout.tornado"):
        for name in dir(module):
            getattr(module, name)
"""
    )


def test_a_test_case_of_tornados_names(run_python: RunPython) -> None:
    """`tornado.testing` is ours, its client is Tornado's, its loop too."""
    script = (
        INSTALL
        + """
import unittest, tornado.gen, tornado.testing, tornado.web

class Hello(tornado.web.RequestHandler):
    @tornado.gen.coroutine
    def get(self):
        yield tornado.gen.sleep(0)
        self.write("hello")

class Case(tornado.testing.AsyncHTTPTestCase):
    def get_app(self):
        return tornado.web.Application([("/", Hello)])

    def test(self):
        self.assertEqual(type(self.http_client).__module__, "tornado.simple_httpclient")
        self.assertEqual(type(self.io_loop).__module__, "tornado.platform.asyncio")
        self.assertEqual(self.fetch("/").body, b"hello")

unittest.main()
"""
    )
    result = run_python("-W", "error", "-c", script)
    assert result.returncode == 0, result.stderr


def test_modules_by_attribute_without_the_drop_in(succeeds: Script) -> None:
    """`from waterspout import tornado`, and all of it as `tornado` has it."""
    succeeds(
        """
from waterspout import tornado
import tornado.locks as locks, tornado.queues as queues, sys
assert tornado.web.RequestHandler.__module__.startswith("waterspout.tornado")
assert tornado.locks.Event is locks.Event
assert tornado.queues.Queue is queues.Queue
assert tornado.ioloop.IOLoop and tornado.tcpserver.TCPServer and tornado.tcpclient.TCPClient
from waterspout.tornado.locks import Lock
"""
    )
