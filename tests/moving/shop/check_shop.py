"""The program's own tests, with Flask's test client."""

import re

import pytest
from shop import create_app
from shop.extensions import db
from shop.models import Item


@pytest.fixture
def app():
    app = create_app({"TESTING": True, "WTF_CSRF_ENABLED": False})
    with app.app_context():
        yield app
        db.drop_all()


@pytest.fixture
def client(app):
    return app.test_client()


def register(client, name="ann"):
    return client.post(
        "/auth/register", data={"name": name, "password": "secret"}, follow_redirects=True
    )


def test_register_and_sell(client):
    assert client.get("/new").status_code == 302
    page = register(client)
    assert "Welcome, ann!" in page.text
    page = client.post("/new", data={"name": "tea", "cents": "350"}, follow_redirects=True)
    assert "tea: 3.50 €" in page.text
    assert client.get("/api/items").json == [
        {"id": 1, "name": "tea", "cents": 350, "seller": "ann"}
    ]
    assert client.post("/new", data={"name": "tea", "cents": "x"}).status_code == 422


def test_sign_out_and_in(client):
    register(client)
    assert "nobody" in client.post("/auth/sign-out", follow_redirects=True).text
    page = client.post("/auth/sign-in?next=/new", data={"name": "ann", "password": "secret"})
    assert (page.status_code, page.location) == (302, "/new")


def test_errors(client):
    assert client.get("/api/items/7", headers={"Accept": "application/json"}).json == {
        "error": "not found"
    }
    assert "nothing at /nowhere" in client.get("/nowhere").text
    assert client.get("/api/refused").status_code == 422


def test_stream_and_command(app, client):
    assert "seeded 2" in app.test_cli_runner().invoke(args=["seed"]).output
    assert client.get("/items.csv").text.splitlines()[0] == "1,tea,350,/items.csv"
    assert db.session.query(Item).count() == 2


def test_visits(client):
    pages = [client.get("/") for _ in range(3)]
    assert [int(re.search(r"visit (\d+)", page.text)[1]) for page in pages] == [1, 2, 3]
    assert pages[0].headers["Server-Timing"].startswith("app;dur=")
