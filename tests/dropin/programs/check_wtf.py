"""Flask-WTF: forms, files and CSRF."""

import io
import re

from wtf_program import app


def token_of(client):
    page = client.get("/register").text
    return re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)[1]


def test_valid_form_with_a_file():
    client = app.test_client()
    data = {
        "csrf_token": token_of(client),
        "name": "ada",
        "password": "x",
        "again": "x",
        "avatar": (io.BytesIO(b"png"), "me.png"),
    }
    assert client.post("/register", data=data).json == {"name": "ada", "avatar": "me.png"}


def test_errors_are_listed():
    client = app.test_client()
    data = {
        "csrf_token": token_of(client),
        "password": "x",
        "again": "y",
        "avatar": (io.BytesIO(b"exe"), "me.exe"),
    }
    answer = client.post("/register", data=data)
    assert answer.status_code == 422
    assert answer.json["again"] == ["They differ."]
    assert answer.json["avatar"] == ["PNG only."]
    assert "name" in answer.json


def test_post_without_a_token_is_refused():
    answer = app.test_client().post("/api")
    assert answer.status_code == 400
    assert answer.text == "refused: The CSRF token is missing."


def test_token_in_a_header_and_exempt_view():
    client = app.test_client()
    headers = {"X-CSRFToken": client.get("/token").text}
    assert client.post("/api", headers=headers).text == "accepted"
    assert client.post("/hook").text == "from outside"
