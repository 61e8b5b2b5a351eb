"""Names that a Flask program gives to its application are its own."""

from __future__ import annotations

import pytest

import waterspout.flask
from waterspout import App


@pytest.mark.parametrize("kind", [App, waterspout.flask.Flask])
def test_an_application_has_a_revision_of_its_program(kind: type[App]) -> None:
    """As many keep the commit they were deployed from; routes and hooks go on being noticed."""
    app = kind(__name__)
    app.revision = "5d13bbd"  # type: ignore[attr-defined]
    app.add_url_rule("/", "index", lambda: "first")
    client = app.test_client()
    assert client.get("/").text == "first"
    app.view_functions["index"] = lambda: "second"
    assert client.get("/").text == "second"
    assert app.revision == "5d13bbd"  # type: ignore[attr-defined]
