"""The names of Flask's and Tornado's modules, and the modules that serve them.

Flask's names are ours, all of them. Of Tornado's we have those that web programs are written
with; the others belong to the installed Tornado, and programs use both at once. So where Tornado
is installed its names are divided:

- `OURS` lead to Waterspout. Tornado's own modules (its HTTP client, its streams) import them by
  these names, and share the classes: one `HTTPHeaders` for all.
- `THEIRS` lead to Tornado, *also for Waterspout*: `waterspout.tornado.ioloop` is
  `tornado.ioloop`, so that there is one `IOLoop`, one `gen.Return`, one set of processes. All
  of it stands on asyncio, and so does our server.
- Every other name (`platform`, `simple_httpclient`, …) is Tornado's, as ever.

Without an installed Tornado the whole package is ours.
"""

from __future__ import annotations

from importlib.machinery import PathFinder

__all__ = ["FLASK", "OURS", "THEIRS", "alias_table", "never_loaded"]

#: Name that programs import → module of ours that serves it, submodules included.
FLASK = {
    "flask": "waterspout.flask",
    "flask.scaffold": "waterspout.flask.sansio.scaffold",  # its name in Flask 2.0 to 2.2
    "flask_script": "waterspout.flask.script",
    "werkzeug.contrib": "waterspout.dropin.legacy.contrib",
    "werkzeug._compat": "waterspout.dropin.legacy.compat",
    "werkzeug.wrappers.base_request": "waterspout.dropin.legacy.wrappers",
    "werkzeug.wrappers.base_response": "waterspout.dropin.legacy.wrappers",
    "werkzeug.wrappers.json": "waterspout.dropin.legacy.wrappers",
    "werkzeug.useragents": "waterspout.dropin.legacy.useragents",
    "itsdangerous.jws": "waterspout.dropin.legacy.jws",
}

OURS = (
    *("auth", "autoreload", "escape", "httpserver", "httputil", "locale", "log", "options"),
    *("routing", "template", "testing", "util", "web", "websocket", "wsgi"),
)

#: Modules that we have as well, for programs without the drop-in.
THEIRS = (
    *("concurrent", "gen", "httpclient", "ioloop", "iostream", "locks", "netutil", "process"),
    *("queues", "tcpclient", "tcpserver"),
)


def alias_table() -> dict[str, str]:
    """Return the table for this environment."""
    return {**FLASK, **_tornado()}


def _tornado() -> dict[str, str]:
    if PathFinder.find_spec("tornado") is None:
        return {"tornado": "waterspout.tornado"}
    ours = {f"tornado.{name}": f"waterspout.tornado.{name}" for name in OURS}
    theirs = {f"waterspout.tornado.{name}": f"tornado.{name}" for name in THEIRS}
    return {**ours, **theirs}


def never_loaded(name: str) -> bool:
    """Tell whether the real module *name* must not have been imported before the drop-in: its
    classes are in use then, and cannot be exchanged any more."""
    package, _, rest = name.partition(".")
    return package == "flask" or (package == "tornado" and rest.partition(".")[0] in OURS)
