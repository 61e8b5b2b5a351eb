"""docs/auth.md, docs/forms.md and docs/captcha.md keep their word: their programs run, and their
tables name what there is."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

import pages
import pytest
from argon2 import PasswordHasher
from browsing import token_in

from waterspout.ext.auth import passwords

PAGES = ("auth", "forms", "captcha")


@pytest.fixture
def page(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    name: str = request.param
    return pages.program(name, tmp_path)


@pytest.mark.parametrize("name", PAGES)
def test_both_languages_agree(name: str) -> None:
    """The Chinese page has the same programs and tables."""
    pages.assert_both_languages_agree(name)


@pytest.mark.parametrize("page", ["auth"], indirect=True)
def test_the_program_of_users(page: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Register, log in, be known in both wings, log out."""
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "hasher", cheap)
    client = page["app"].test_client()
    assert client.get("/account").location == "/login?next=%2Faccount"
    assert client.get("/orders").location == "/login?next=%2Forders"
    assert client.get("/login").status_code == 200
    ada = {"name": "ada", "password": "right"}
    assert client.post("/register", data=ada).status_code == 201
    assert client.post("/register", data=ada).status_code == 409
    for wrong in ({**ada, "password": "x"}, {**ada, "name": "eve"}):
        assert client.post("/login", data=wrong).status_code == 401
    assert client.post("/login?next=//evil", data=ada).location == "/account"
    assert client.get("/account").text == "This is ada's."
    assert client.get("/orders").text == "Orders of ada"
    assert client.get("/admin").status_code == 403
    page["USERS"]["ada"].roles = ("admin",)
    assert client.get("/admin").text == "For admins."
    assert client.post("/account/password", data={"password": "new"}).text == "changed"
    assert client.post("/logout").location == "/login"
    assert client.post("/login", data=ada).status_code == 401
    assert client.post("/login", data={**ada, "password": "new"}).status_code == 302
    there = client.get("/login/forge").location
    assert there.startswith("https://forge.example/oauth/authorize?")
    assert "code_challenge_method=S256" in there


@pytest.mark.parametrize("page", ["forms"], indirect=True)
def test_the_program_of_forms(page: dict[str, Any]) -> None:
    """The form in three ways, the front end's cookie, the upload."""
    app = page["app"]
    client = app.test_client()
    for path in ("/register", "/register/def", "/register/handler"):
        shown = client.get(path).text
        assert '<label for="name">Name</label>' in shown
        data = {"csrf_token": token_in(shown), "name": "ada", "password": "x", "again": "y"}
        wrong = client.post(path, data=data).text
        assert "This name is taken." in wrong
        assert "Passwords differ." in wrong
        good = {**data, "name": "Grace", "again": "x"}
        assert client.post(path, data=good).text == "Welcome, Grace!"
        assert client.post(path, data={**good, "csrf_token": ""}).status_code == 400
    token = client.get_cookie("csrf_token")
    assert token is not None
    assert client.post("/api/orders", json={}).status_code == 400
    ordered = client.post("/api/orders", json={}, headers={"X-CSRFToken": token.value})
    assert ordered.status_code == 201
    assert client.post("/hooks/payment").status_code == 204
    Path(app.instance_path).mkdir()
    png = b"\x89PNG\r\n\x1a\n" + b"\0" * 40
    for content, status in ((png, 201), (b"<script>", 422)):
        sent = {"picture": (BytesIO(content), "a.png"), "csrf_token": token.value}
        assert client.post("/avatar", data=sent).status_code == status


@pytest.mark.parametrize("page", ["captcha"], indirect=True)
def test_the_program_of_captchas(page: dict[str, Any]) -> None:
    """The picture, and the answer that is good once, in three ways and as a field."""
    app, captcha = page["app"], page["captcha"]
    app.testing = True
    client = app.test_client()
    for path in ("/register", "/register/def", "/register/handler"):
        shown = client.get("/register").text
        found = re.search(r"/captcha/([0-9a-f-]{36})", shown)
        assert found
        assert client.get(found[0]).mimetype == "image/png"
        with app.app_context():
            data = {"id": found[1], "code": captcha.peek(found[1])}
        assert client.post(path, data=data).status_code in {200, 201}
        assert client.post(path, data=data).status_code == 400
    shown = client.get("/comment").text
    found = re.search(r"/captcha/([0-9a-f-]{36})", shown)
    assert found
    client.get(found[0])
    with app.app_context():
        letters = captcha.peek(found[1])
    data = {"csrf_token": token_in(shown), "letters-id": found[1], "letters": letters}
    assert client.post("/comment", data=data).text == "thank you"
    assert "not the letters" not in client.get("/comment").text


@pytest.mark.parametrize(
    ("name", "modules"),
    [
        ("auth", ["config"]),
        ("forms", ["csrf", "form", "recaptcha", "recaptcha.validators", "recaptcha.widgets"]),
    ],
)
def test_every_setting_is_on_the_page(name: str, modules: list[str]) -> None:
    """The table has the settings that the modules read, and no others."""
    read: set[str] = set()
    for module in modules:
        import_module(f"waterspout.ext.{name}.{module}")
        file = sys.modules[f"waterspout.ext.{name}.{module}"].__file__
        text = Path(str(file)).read_text(encoding="utf-8")
        read |= set(re.findall(r"\b((?:WTF|RECAPTCHA|REMEMBER_COOKIE)_[A-Z_]+[A-Z])\b", text))
        read |= set(re.findall(r"\b((?:LOGIN_DISABLED|SESSION_PROTECTION|FORCE_HOST\w+))", text))
        read |= set(re.findall(r"\b((?:USE_SESSION_FOR_NEXT|AUTH_HEADER_NAME))\b", text))
    read -= {name for name in read if name.endswith("_DEFAULT") and name[0] == "R"}
    read -= {"RECAPTCHA_ERROR_CODES"}
    page = (pages.DOCS / f"{name}.md").read_text(encoding="utf-8").partition("## Settings")[2]
    assert set(re.findall(r"^\| `([A-Z_]+)`", page, re.MULTILINE)) == read
