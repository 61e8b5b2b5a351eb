"""flask-openapi3: checked input, the description, and its command."""

import json

import pytest
from openapi3_program import app, books


@pytest.fixture
def client():
    books.clear()
    return app.test_client()


def test_models(client):
    answer = client.post("/books", json={"title": "A", "year": 2001})
    assert (answer.status_code, answer.json) == (201, {"title": "A", "year": 2001})
    assert client.get("/books/1").json["title"] == "A"
    assert client.get("/books?year=2000").json == []
    assert len(client.get("/books?year=2001").json) == 1


def test_bad_input(client):
    answer = client.post("/books", json={"title": "", "year": "x"})
    assert answer.status_code == 422
    assert {error["loc"][0] for error in answer.json} == {"title", "year"}


def test_description(client):
    described = client.get("/openapi/openapi.json").json
    assert described["info"]["title"] == "Books"
    assert set(described["paths"]) == {"/books", "/books/{number}"}
    assert described["paths"]["/books"]["post"]["summary"] == "Add a book"


def test_command():
    result = app.test_cli_runner().invoke(args=["openapi"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.output)["openapi"].startswith("3.")
