"""EXPLAIN_TEMPLATE_LOADING logs where a template was looked for."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from jinja2 import TemplateNotFound

from waterspout import App, Blueprint, render_template

Write = Callable[[str, str], Any]


@pytest.fixture
def explained(app: App, write: Write) -> App:
    write("templates/a.html", "a")
    write("bp/a.html", "bp")
    blueprint = Blueprint("admin", "upper", root_path=app.root_path, template_folder="bp")
    blueprint.add_url_rule("/<name>", view_func=lambda name: render_template(name))
    app.register_blueprint(blueprint)
    app.config["EXPLAIN_TEMPLATE_LOADING"] = True
    app.logger.setLevel(logging.INFO)
    return app


def test_every_attempt_is_told(explained: App, caplog: pytest.LogCaptureFixture) -> None:
    assert explained.test_client().get("/a.html").text == "a"
    (text,) = caplog.messages
    assert text.startswith(
        "Locating template 'a.html':\n    1: trying loader of application 'upper'"
    )
    assert "    2: trying loader of blueprint 'admin' (upper)" in text
    assert "class: jinja2.loaders.FileSystemLoader" in text
    assert f"  - {explained.root_path}/templates" in text
    assert "-> found ('" in text
    assert "Warning: multiple loaders returned a match for the template." in text


def test_a_missing_template_says_whose_view_asked(
    explained: App, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(TemplateNotFound):
        explained.test_client().get("/missing.html")
    text = caplog.messages[0]
    assert text.count("-> no match") == 2
    assert "Error: the template could not be found." in text
    assert "looked up from an endpoint that belongs to the blueprint 'admin'" in text
    assert "See https://flask.palletsprojects.com/blueprints/#templates" in text


def test_one_match_is_no_reason_to_worry(
    app: App, write: Write, caplog: pytest.LogCaptureFixture
) -> None:
    write("templates/a.html", "a")
    app.config["EXPLAIN_TEMPLATE_LOADING"] = True
    app.logger.setLevel(logging.INFO)
    with app.app_context():
        render_template("a.html")
    (text,) = caplog.messages
    assert "Warning" not in text
    assert "Error" not in text


def test_quiet_unless_asked(app: App, write: Write, caplog: Any) -> None:
    write("templates/a.html", "a")
    with app.app_context():
        render_template("a.html")
    assert caplog.messages == []
