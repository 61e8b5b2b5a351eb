"""Both versions of login.py behave alike."""

from __future__ import annotations

import login
import pytest

from waterspout.testing import FlaskClient

ANN = {"name": "ann", "password": "ann's password"}


@pytest.fixture
def client() -> FlaskClient:
    return login.create_app("a secret of the test").test_client()


pytestmark = pytest.mark.parametrize("version", ["/cookie", "/session"])


def test_in_and_out(client: FlaskClient, version: str) -> None:
    assert "Hello, guest!" in client.get(version).text
    answer = client.post(f"{version}/login", data=ANN, follow_redirects=True)
    assert "Hello, ann!" in answer.text
    assert client.get(f"{version}/secret").text == "ann, this is for users only."
    client.post(f"{version}/logout")
    assert "Hello, guest!" in client.get(version).text
    assert client.get(f"{version}/secret").status_code == 302


@pytest.mark.parametrize("name", ["ann", "nobody"])
def test_wrong_name_or_password(client: FlaskClient, version: str, name: str) -> None:
    """The page does not tell which."""
    answer = client.post(f"{version}/login", data={"name": name, "password": "x"})
    assert answer.status_code == 401
    assert login.WRONG in answer.text
    assert "Hello, guest!" in client.get(version).text


def test_a_forged_cookie(client: FlaskClient, version: str) -> None:
    client.set_cookie("user", "ann")
    client.set_cookie("session", "eyJ1c2VyIjoiYW5uIn0.x.y")
    assert "Hello, guest!" in client.get(version).text


def test_another_site_logs_nobody_in(client: FlaskClient, version: str) -> None:
    """A form of another site is refused without a line of code here."""
    other = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    answer = client.post(f"{version}/login", data=ANN, headers=other)
    assert answer.status_code == 403
