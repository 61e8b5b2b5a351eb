"""Passwords: kept as hashes that are slow to try, of our kind and of Werkzeug's."""

from __future__ import annotations

import asyncio
import re
import threading
from typing import Any

import pytest
from argon2 import PasswordHasher
from werkzeug.security import generate_password_hash

from waterspout import App, request
from waterspout.ext.auth import (
    hash_password,
    hash_password_async,
    needs_rehash,
    passwords,
    verify_password,
    verify_password_async,
)


@pytest.fixture(scope="module")
def made() -> str:
    return hash_password("corréct horse")


def test_a_hash_is_argon2id_with_a_salt(made: str) -> None:
    """It has the cost that RFC 9106 recommends, and is never the same."""
    found = re.fullmatch(r"\$argon2id\$v=19\$m=(\d+),t=(\d+),p=\d+\$.+", made)
    assert found
    assert int(found[1]) * int(found[2]) >= 64 * 1024 * 3
    assert needs_rehash(made) is False
    assert hash_password("corréct horse") != made


def test_only_the_password_verifies(made: str) -> None:
    """The same text, to the letter."""
    assert verify_password(made, "corréct horse") is True
    assert verify_password(made, "correct horse") is False
    assert verify_password(made, "") is False


@pytest.mark.parametrize("method", ["pbkdf2:sha256:1000", "scrypt:1024:8:1"])
def test_hashes_of_werkzeug_verify_and_are_due(method: str) -> None:
    """A program that has moved knows its users, and replaces their hashes when they log in."""
    older = generate_password_hash("secret", method=method)
    assert verify_password(older, "secret") is True
    assert verify_password(older, "other") is False
    assert needs_rehash(older) is True


def test_a_hash_of_other_costs_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the program has raised the cost, older hashes verify and are replaced."""
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    older = cheap.hash("secret")
    assert verify_password(older, "secret") is True
    assert needs_rehash(older) is True
    monkeypatch.setattr(passwords, "hasher", cheap)
    assert needs_rehash(older) is False


@pytest.mark.parametrize(
    "nonsense",
    ["", "plain", "$argon2id$", "pbkdf2:x", "pbkdf2:sha256:many$a$b", "scrypt:0:0:0$a$b", "$2b$x"],
)
def test_what_is_no_hash_verifies_nothing(nonsense: str) -> None:
    """A column that holds something else is nobody's password."""
    assert verify_password(nonsense, "plain") is False
    assert needs_rehash(nonsense) is True


def test_no_such_user_is_as_much_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who tries names learns nothing from the time: a hash of the same cost is verified."""
    verified: list[str] = []

    class Counting(PasswordHasher):
        def verify(self, hash: Any, password: Any) -> Any:
            verified.append(str(hash))
            return super().verify(hash, password)

    monkeypatch.setattr(passwords, "hasher", Counting(time_cost=1, memory_cost=64, parallelism=1))
    own = hash_password("x")
    assert verify_password(None, "x") is False
    assert verify_password(own, "y") is False
    assert len(verified) == 2
    costs = {hash_.rsplit("$", 2)[0] for hash_ in verified}
    assert len(costs) == 1


def test_the_loop_goes_on_while_a_password_is_hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The twins run in a thread: other requests are answered in between."""
    steps: list[str] = []

    class Noting(PasswordHasher):
        def hash(self, *args: Any, **kwargs: Any) -> str:
            in_thread.set()
            assert went_on.wait(20)
            steps.append("hashed")
            return super().hash(*args, **kwargs)

    in_thread, went_on = threading.Event(), threading.Event()
    monkeypatch.setattr(passwords, "hasher", Noting(time_cost=1, memory_cost=8, parallelism=1))

    async def other() -> None:
        while not in_thread.is_set():
            await asyncio.sleep(0)
        steps.append("other")
        went_on.set()

    async def both() -> tuple[str, None]:
        return await asyncio.gather(hash_password_async("secret"), other())

    made, _ = asyncio.run(both())
    assert steps == ["other", "hashed"]
    assert asyncio.run(verify_password_async(made, "secret")) is True


def test_a_login_that_replaces_older_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the page says: verify, and make a new hash if one is due."""
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "hasher", cheap)
    stored = {"ada": generate_password_hash("secret", method="pbkdf2:sha256:1000")}
    app = App(__name__)

    @app.post("/login")
    async def login() -> tuple[str, int]:
        name, password = request.form["name"], request.form["password"]
        kept = stored.get(name)
        if not await verify_password_async(kept, password):
            return "Wrong name or password.", 401
        if kept and needs_rehash(kept):
            stored[name] = await hash_password_async(password)
        return "in", 200

    client = app.test_client()
    answers = [
        client.post("/login", data={"name": name, "password": password})
        for name, password in (("ada", "wrong"), ("eve", "secret"))
    ]
    assert answers[0].data == answers[1].data
    assert [answer.status_code for answer in answers] == [401, 401]
    assert client.post("/login", data={"name": "ada", "password": "secret"}).text == "in"
    assert stored["ada"].startswith("$argon2id$")
    assert client.post("/login", data={"name": "ada", "password": "secret"}).text == "in"
