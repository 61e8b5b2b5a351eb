"""Without the drop-in, what comes of the installed Flask or Tornado says so, and the way out."""

from __future__ import annotations

import logging
from typing import Any

import flask
import flask_login
import pytest

import tornado.web
from waterspout import App
from waterspout.flask import Flask
from waterspout.tornado.web import Application, RequestHandler, url

WAY_OUT = "waterspout run --dropin"


def notes(error: BaseException) -> str:
    return "\n".join(getattr(error, "__notes__", ()))


@pytest.fixture
def app() -> Flask:
    app = Flask("moved")
    app.secret_key = "k"
    app.testing = True
    return app


class Peer(tornado.web.RequestHandler):
    def get(self) -> None:
        self.write("peer")


class OwnBlueprint(flask.Blueprint):
    pass


@pytest.mark.parametrize("kind", [flask.Blueprint, OwnBlueprint])
def test_a_blueprint_of_the_installed_flask(app: Flask, kind: Any) -> None:
    with pytest.raises(TypeError, match="cannot be registered here") as caught:
        app.register_blueprint(kind("b", "b"))
    assert WAY_OUT in str(caught.value)
    assert "waterspout.flask" in str(caught.value)


def test_proxies_of_the_installed_flask_in_a_view(app: Flask) -> None:
    app.add_url_rule("/", view_func=lambda: flask.request.path)
    with pytest.raises(RuntimeError, match="Working outside of") as caught:
        app.test_client().get("/")
    assert "'test_hints' asked the installed package 'flask'" in notes(caught.value)
    assert WAY_OUT in notes(caught.value)


def test_hooks_of_an_extension_in_the_log(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    app.testing = False
    app.before_request(flask_login.login_fresh)
    app.add_url_rule("/", view_func=lambda: "never")
    with caplog.at_level(logging.ERROR):
        assert app.test_client().get("/").status_code == 500
    assert "'flask_login" in caplog.text
    assert WAY_OUT in caplog.text


def test_an_application_context_at_the_start(app: Flask) -> None:
    def create_all() -> None:
        with app.app_context():
            flask.current_app.config["X"] = 1

    with pytest.raises(RuntimeError, match="Working outside of") as caught:
        create_all()
    assert WAY_OUT in notes(caught.value)


def test_a_programs_own_error_has_no_note(app: Flask) -> None:
    def view() -> str:
        raise RuntimeError("Not about contexts")

    app.add_url_rule("/", view_func=view)
    with pytest.raises(RuntimeError) as caught:
        app.test_client().get("/")
    assert notes(caught.value) == ""


@pytest.mark.parametrize(
    "register",
    [
        lambda: Application([(r"/", Peer)]),
        lambda: Application([url(r"/", Peer)]),
        lambda: Application([(r"/", tornado.web.RedirectHandler, {"url": "/x"})]),
        lambda: App("a").add_handlers(".*", [(r"/", Peer)]),
        lambda: App("a").add_url_rule("/", "peer", Peer),
    ],
)
def test_a_handler_of_the_installed_tornado(register: Any) -> None:
    with pytest.raises(TypeError, match="is a class of the installed package 'tornado'") as caught:
        register()
    assert "from 'waterspout.tornado.web'" in str(caught.value)


def test_our_own_handlers_are_taken() -> None:
    Application([(r"/", RequestHandler)])
