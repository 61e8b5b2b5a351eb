"""The resource of goods.py: nouns, methods, status codes, errors."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import goods
import pytest

from waterspout import App
from waterspout.ext.captcha import Captcha
from waterspout.testing import FlaskClient


@pytest.fixture
def app() -> App:
    app = goods.create_app()
    app.testing = True
    return app


@pytest.fixture
def client(app: App) -> FlaskClient:
    return app.test_client()


def solved(app: App) -> dict[str, str]:
    """Look at a captcha, as a person does, and return what belongs to it."""
    name = str(uuid4())
    picture = app.test_client().get(f"/captcha/{name}")
    assert (picture.status_code, picture.mimetype) == (200, "image/png")
    captcha: Captcha = app.extensions["captcha"]
    with app.app_context():
        return {"captcha_id": name, "captcha": captcha.peek(name) or ""}


def test_the_life_of_goods(app: App, client: FlaskClient) -> None:
    made = client.post("/goods", json={"name": "tea", "price": "2.50", **solved(app)})
    assert (made.status_code, made.headers["Location"]) == (201, "/goods/1")
    tea = {"number": 1, "url": "/goods/1", "name": "tea", "price": "2.50"}
    assert made.get_json() == tea
    assert client.get("/goods").get_json() == {"goods": [tea]}
    assert client.patch("/goods/1", json={"price": "3"}).get_json() == {**tea, "price": "3"}
    put = client.put("/goods/1", json={"name": "coffee", "price": "4"})
    assert put.get_json() == {**tea, "name": "coffee", "price": "4"}
    assert client.delete("/goods/1").status_code == 204
    assert client.get("/goods/1").status_code == 404


def test_a_captcha_is_good_once(app: App, client: FlaskClient) -> None:
    order = {"name": "tea", "price": "1", **solved(app)}
    assert client.post("/goods", json=order).status_code == 201
    assert client.post("/goods", json=order).status_code == 403
    wrong = {**order, **solved(app), "captcha": "wrong"}
    assert client.post("/goods", json=wrong).status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("GET", "/goods/7", None, 404),
        ("GET", "/nothing", None, 404),
        ("DELETE", "/goods", None, 405),
        ("POST", "/goods", {"name": "tea"}, 422),
        ("POST", "/goods", [], 422),
        ("PUT", "/goods/1", {"name": "", "price": "1"}, 422),
        ("PATCH", "/goods/1", {"price": "cheap"}, 422),
        ("PATCH", "/goods/1", {"price": "NaN"}, 422),
    ],
)
def test_errors_are_json(
    app: App, client: FlaskClient, method: str, path: str, content: Any, status: int
) -> None:
    client.post("/goods", json={"name": "tea", "price": "2.50", **solved(app)})
    answer = client.open(path, method=method, json=content)
    assert answer.status_code == status
    assert answer.get_json()["error"]["status"] == status


def test_what_is_no_json(client: FlaskClient) -> None:
    assert client.post("/goods", data="name=tea").status_code == 415
    broken = client.post("/goods", data="{", content_type="application/json")
    assert broken.status_code == 400
    assert broken.is_json
