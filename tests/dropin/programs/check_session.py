"""Flask-Session: the interface is replaced, the cookie holds an identifier only."""

import pytest
from session_program import create_app


@pytest.fixture
def app(tmp_path):
    return create_app(str(tmp_path / "sessions"))


def test_values_stay_on_the_server(app):
    client = app.test_client()
    sid = client.get("/put/colour/blue").text
    assert client.get_cookie("sid").value == sid
    assert client.get("/get/colour").text == "blue"
    assert app.test_client().get("/get/colour").text == "nothing"


def test_more_than_a_cookie_holds(app):
    client = app.test_client()
    assert client.post("/big", data="x" * 100_000).text == "100000"
    assert len(client.get("/get/text").text) == 100_000


def test_cleared_session_takes_its_cookie_away(app):
    client = app.test_client()
    client.get("/put/colour/blue")
    client.get("/clear")
    assert client.get_cookie("sid") is None
