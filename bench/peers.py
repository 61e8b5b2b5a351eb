"""How every server of the bench is started: one worker, access log off, its fastest parts on."""

from __future__ import annotations

import sys

from .servers import Server, command

PROGRAMS = "bench.programs"


def waterspout(program: str, *, name: str = "Waterspout", dropin: bool = False) -> Server:
    """Waterspout on its own server; `dropin` runs a Flask program unchanged."""
    options = ("--dropin",) if dropin else ()
    return Server(
        name,
        (
            command("waterspout"),
            "run",
            *options,
            f"{PROGRAMS}.{program}:app",
            "--port",
            "{port}",
            "--no-access-log",
        ),
    )


def uvicorn(name: str, program: str) -> Server:
    """An ASGI program on uvicorn with uvloop and httptools."""
    return Server(
        f"{name} / uvicorn",
        (
            *(sys.executable, "-m", "uvicorn", f"{PROGRAMS}.{program}:app"),
            *("--port", "{port}", "--loop", "uvloop", "--http", "httptools", "--ws", "none"),
            *("--no-access-log", "--log-level", "warning"),
        ),
    )


def granian(name: str, program: str, interface: str = "asgi") -> Server:
    """An ASGI or WSGI program on granian."""
    # NOTE: for WSGI four threads, as gunicorn has: a third more requests here than its default.
    tuned = ("--loop", "uvloop") if interface == "asgi" else ("--blocking-threads", "4")
    return Server(
        f"{name} / granian",
        (
            *(command("granian"), f"{PROGRAMS}.{program}:app", "--interface", interface),
            *("--port", "{port}", "--workers", "1", "--no-ws", *tuned),
            *("--no-access-log", "--log-level", "warning"),
        ),
    )


def gunicorn(name: str, program: str, threads: int = 4) -> Server:
    """A WSGI program on gunicorn with threads."""
    return Server(
        f"{name} / gunicorn gthread",
        (
            *(command("gunicorn"), f"{PROGRAMS}.{program}:app", "-b", "127.0.0.1:{port}"),
            *("-k", "gthread", "-w", "1", "--threads", str(threads), "--log-level", "warning"),
        ),
    )


BARE = Server("bare protocol", (sys.executable, "-m", f"{PROGRAMS}.bare", "{port}"))

SANIC = Server(
    "Sanic / its own",
    (
        *(command("sanic"), f"{PROGRAMS}.sanic_app:app", "--host", "127.0.0.1"),
        *("--port", "{port}", "--single-process", "--no-access-logs", "--no-motd"),
    ),
)

FLASK_GUNICORN = gunicorn("Flask", "flask_app")

TORNADO = Server("Tornado / uvloop", (sys.executable, "-m", f"{PROGRAMS}.tornado_app", "{port}"))

#: Not on PATH for every user.
NGINX_COMMAND = "/usr/sbin/nginx"
NGINX = Server("nginx", (sys.executable, "-m", f"{PROGRAMS}.nginx", NGINX_COMMAND, "{port}"))

FLASK_GRANIAN = granian("Flask", "flask_app", "wsgi")

ASYNC_PEERS = (
    granian("BlackSheep", "blacksheep_app"),
    uvicorn("BlackSheep", "blacksheep_app"),
    granian("Falcon", "falcon_app"),
    uvicorn("Falcon", "falcon_app"),
    granian("Starlette", "starlette_app"),
    uvicorn("Starlette", "starlette_app"),
    SANIC,
    granian("Litestar", "litestar_app"),
    uvicorn("Litestar", "litestar_app"),
)
