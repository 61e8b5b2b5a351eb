"""JSON by the current application's provider (Flask's `flask.json`).

Inside an application context these functions call its provider, `app.json`; outside, they
are Python's `json` with the same extra types. Values: `provider`; the session's lossless
format: `tag`; the faster provider on msgspec: `fast`.
"""

from __future__ import annotations

import json as _json
from typing import IO, AnyStr

from ..context.variables import app_var
from ..typing import Argument, JSONValue
from .provider import JSONProvider, _default, read_json

__all__ = ["dump", "dumps", "load", "loads"]


def _provider() -> JSONProvider | None:
    ctx = app_var.get(None)
    return None if ctx is None else ctx.app.json


def dumps(obj: JSONValue, **kwargs: Argument) -> str:
    """Return *obj* as JSON text. *kwargs* go to the provider's `dumps`."""
    provider = _provider()
    if provider is not None:
        return provider.dumps(obj, **kwargs)
    kwargs.setdefault("default", _default)
    return _json.dumps(obj, **kwargs)


def dump(obj: JSONValue, fp: IO[str], **kwargs: Argument) -> None:
    """Write *obj* as JSON to a text file. *kwargs* go to the provider's `dump`."""
    provider = _provider()
    if provider is not None:
        provider.dump(obj, fp, **kwargs)
        return
    kwargs.setdefault("default", _default)
    _json.dump(obj, fp, **kwargs)


def loads(s: str | bytes, **kwargs: Argument) -> JSONValue:
    """Return the value of JSON text or UTF-8 bytes. *kwargs* go to the provider's `loads`.

    Bad JSON, and JSON nested too deeply to read, is a `ValueError`.
    """
    provider = _provider()
    return read_json(s, **kwargs) if provider is None else provider.loads(s, **kwargs)


def load(fp: IO[AnyStr], **kwargs: object) -> JSONValue:
    """Return the value of the JSON in a text file, or in a binary file of UTF-8."""
    provider = _provider()
    return read_json(fp.read(), **kwargs) if provider is None else provider.load(fp, **kwargs)
