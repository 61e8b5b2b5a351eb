"""The cookie that remembers a user: a name and its signature, in Flask-Login's format."""

from __future__ import annotations

import hmac
from hashlib import sha512

from waterspout import current_app

from .config import COOKIE_NAME

__all__ = ["cookie_name", "decode_cookie", "encode_cookie", "secret_key"]


def encode_cookie(payload: str, key: str | bytes | None = None) -> str:
    """Return *payload* signed with *key* (SECRET_KEY), in Flask-Login's format."""
    return f"{payload}|{_cookie_digest(payload, key)}"


def decode_cookie(cookie: str, key: str | bytes | None = None) -> str | None:
    """Return the payload of a signed cookie, None if the signature is not of *key* (SECRET_KEY, or
    one of SECRET_KEY_FALLBACKS)."""
    payload, bar, digest = cookie.rpartition("|")
    if not bar or not digest.isascii():
        return None
    fallbacks = current_app.config.get("SECRET_KEY_FALLBACKS") if key is None else None
    for each in (key, *(fallbacks or ())):
        if hmac.compare_digest(_cookie_digest(payload, each), digest):
            return payload
    return None


def _cookie_digest(payload: str, key: str | bytes | None = None) -> str:
    return hmac.new(secret_key(key), payload.encode(), sha512).hexdigest()


def secret_key(key: str | bytes | None = None) -> bytes:
    """Return *key*, or SECRET_KEY, as bytes."""
    found = current_app.config["SECRET_KEY"] if key is None else key
    secret: bytes = found.encode("latin-1") if isinstance(found, str) else found
    return secret


def cookie_name() -> str:
    """Return the name of the cookie."""
    name: str = current_app.config.get("REMEMBER_COOKIE_NAME", COOKIE_NAME)
    return name
