"""Mounted programs: whose keys they sign with, and which of them a path belongs to."""

from __future__ import annotations

from typing import Any

import pytest
from security_sites import asgi_program

from waterspout import App, session
from waterspout.application.handlers import core_of
from waterspout.tornado import web


def site(**config: Any) -> App:
    app = App("mounts", static_folder=None)
    app.config.update(TESTING=True, **config)

    @app.get("/login")
    def login() -> str:
        session["user"] = "ann"
        return "in"

    @app.get("/who")
    def who() -> str:
        return str(session.get("user"))

    return app


# -- keys ------------------------------------------------------------------------------------------


def test_a_key_that_is_set_after_the_mount_is_shared() -> None:
    outer, inner = site(), site()
    outer.mount("/in", inner)
    outer.config["SECRET_KEY"] = "late"
    client = outer.test_client()
    assert client.get("/login").status_code == 200
    assert client.get("/in/who").text == "ann"
    assert inner.secret_key == "late"


def test_a_key_that_rotates_is_noticed_with_its_fallbacks() -> None:
    outer, middle, inner = site(SECRET_KEY="first"), site(), site()
    outer.mount("/a", middle)
    middle.mount("/b", inner)
    client = outer.test_client()
    assert client.get("/a/b/login").status_code == 200
    assert client.get("/who").text == "ann"
    outer.config.update(SECRET_KEY="second", SECRET_KEY_FALLBACKS=["first"])
    assert client.get("/a/b/who").text == "ann"
    outer.config["SECRET_KEY_FALLBACKS"] = []
    assert client.get("/a/b/who").text == "None"


def test_an_application_with_a_key_of_its_own_keeps_it() -> None:
    outer, inner = site(SECRET_KEY="one", SECRET_KEY_FALLBACKS=["old"]), site(SECRET_KEY="two")
    outer.mount("/in", inner)
    client = outer.test_client()
    client.get("/login")
    assert client.get("/in/who").text == "None"
    assert inner.secret_key == "two"


def test_without_any_key_there_is_no_session() -> None:
    outer, inner = site(), site()
    outer.mount("/in", inner)
    inner.waterspout_mounts.append(("/round", outer))
    outer.waterspout_mounted_in.append(
        ("/round", inner)
    )  # each in the other: the search still ends
    assert inner.secret_key is None
    with pytest.raises(RuntimeError, match="no secret key was set"):
        outer.test_client().get("/in/login")


def test_in_a_tornado_program_the_cookie_secret_is_shared() -> None:
    """With the keys of older versions as those that only verify."""
    inner = site()
    program = web.Application([], cookie_secret="first")
    program.mount("/in", inner)
    client = core_of(program).test_client()
    assert client.get("/in/login").status_code == 200
    program.settings.update(cookie_secret={1: "first", 2: "second"}, key_version=2)
    assert client.get("/in/who").text == "ann"
    assert inner.secret_key == "second"
    program.settings["cookie_secret"] = {2: "second"}
    assert client.get("/in/who").text == "None"


# -- prefixes --------------------------------------------------------------------------------------


def program_of(kind: str, name: str) -> Any:
    """Return a program that answers its name."""
    if kind == "app":
        app = App(name, static_folder=None)
        app.add_url_rule("/<path:rest>", view_func=lambda rest: name)
        return app
    if kind == "tornado":

        class Handler(web.RequestHandler):
            def get(self) -> None:
                self.write(name)

        return web.Application([("/.*", Handler)])
    if kind == "wsgi":

        def wsgi(environ: Any, start_response: Any) -> list[bytes]:
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [name.encode()]

        return wsgi

    async def asgi(scope: Any, receive: Any, send: Any) -> None:
        async def named(event: Any) -> None:
            await send({**event, "body": name.encode()} if "body" in event else event)

        await asgi_program(scope, receive, named)

    return asgi


KINDS = ("app", "tornado", "wsgi", "asgi")


@pytest.mark.parametrize("long_first", [False, True])
@pytest.mark.parametrize("long", KINDS)
@pytest.mark.parametrize("short", KINDS)
def test_of_overlapping_prefixes_the_longest_counts(
    short: str, long: str, long_first: bool
) -> None:
    outer = App("outer", static_folder=None)
    programs = [("/a", program_of(short, "short")), ("/a/b", program_of(long, "long"))]
    for prefix, program in reversed(programs) if long_first else programs:
        outer.mount(prefix, program)
    outer.mount("/a/b/c/d", program_of("wsgi", "longest"))
    client = outer.test_client()
    for path, name in [
        ("/a/x", "short"),
        ("/a/bc/x", "short"),
        ("/a/b/x", "long"),
        ("/a/b/c/x", "long"),
        ("/a/b/c/d/x", "longest"),
    ]:
        answer = client.get(path)
        assert (answer.status_code, answer.text) == (200, name), path
    assert client.get("/ab/x").status_code == 404
