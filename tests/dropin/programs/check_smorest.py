"""flask-smorest: schemas, errors, pages, ETags and the description."""

import json

import pytest
from smorest_program import create_app, things


@pytest.fixture
def app():
    things.clear()
    return create_app()


@pytest.fixture
def client(app):
    client = app.test_client()
    for name in "abc":
        assert client.post("/things/", json={"name": name}).status_code == 201
    return client


def test_schemas_and_errors(client):
    assert client.get("/things/2").json == {"id": 2, "name": "b"}
    missing = client.get("/things/9")
    assert (missing.status_code, missing.json["message"]) == (404, "No such thing.")
    bad = client.post("/things/", json={"nam": "x"})
    assert bad.status_code == 422
    assert set(bad.json["errors"]["json"]) == {"name", "nam"}


def test_pages(client):
    answer = client.get("/things/?page=2&page_size=2")
    assert [thing["name"] for thing in answer.json] == ["c"]
    assert json.loads(answer.headers["X-Pagination"])["total_pages"] == 2


def test_etag(client):
    answer = client.get("/things/")
    assert answer.headers["ETag"]
    again = client.get("/things/", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_description(app):
    spec = app.extensions["flask-smorest"]["apis"][""]["ext_obj"].spec.to_dict()
    assert set(spec["paths"]) == {"/things/", "/things/{number}"}
