"""`JSONEncoder`, `JSONDecoder`, and the app attributes that named them until Flask 2.3.

An old program writes `app.json_encoder = MyEncoder`, or sets the attribute in a subclass of
`Flask`. Either gives the app a JSON provider that uses that class.
"""

from __future__ import annotations

import json
from typing import Any

from ..json.provider import DefaultJSONProvider, _default, read_json
from ..typing import Argument, JSONValue, OwnApp
from ._old_app import warn


class JSONEncoder(json.JSONEncoder):
    """Python's encoder with the extra types of `DefaultJSONProvider`; `default` gives more."""

    def default(self, o: JSONValue) -> JSONValue:
        """Turn *o* into something JSON has a word for, or raise `TypeError`."""
        return _default(o)


class JSONDecoder(json.JSONDecoder):
    """Python's decoder."""


class ClassesProvider(DefaultJSONProvider):
    """Reads and writes JSON with an encoder and a decoder class."""

    json_encoder: type[json.JSONEncoder] = JSONEncoder
    json_decoder: type[json.JSONDecoder] = JSONDecoder

    def dumps(self, obj: JSONValue, **kwargs: Argument) -> str:
        """Return *obj* as JSON text. *kwargs* are those of `json.dumps`."""
        kwargs.setdefault("cls", self.json_encoder)
        kwargs.setdefault("ensure_ascii", self.ensure_ascii)
        kwargs.setdefault("sort_keys", self.sort_keys)
        return json.dumps(obj, **kwargs)

    def loads(self, s: str | bytes, **kwargs: Argument) -> JSONValue:
        """Return the value of JSON text or bytes. *kwargs* are those of `json.loads`."""
        kwargs.setdefault("cls", self.json_decoder)
        return read_json(s, **kwargs)


class JSONClassAttribute:
    """`app.json_encoder` or `app.json_decoder`. Setting it on an app exchanges `app.json`."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, app: OwnApp, owner: type) -> type:
        provider = ClassesProvider if app is None else app.json
        found: type = getattr(provider, self.name, getattr(ClassesProvider, self.name))
        return found

    def __set__(self, app: OwnApp, value: type) -> None:
        _warn(self.name)
        provider = app.json
        if not isinstance(provider, ClassesProvider):
            provider = ClassesProvider(app)
            vars(provider).update(vars(app.json))  # `app.json.sort_keys = False` and the like
            app.json = provider
        setattr(provider, self.name, value)

    @classmethod
    def adopt_all(cls, app_class: Any) -> None:
        """Take over what *app_class*, a subclass of `Flask`, names in its body."""
        for name in ("json_encoder", "json_decoder"):
            value = app_class.__dict__.get(name)
            if value is None:
                continue
            delattr(app_class, name)  # it would hide the descriptor
            _warn(name)
            base = app_class.json_provider_class
            if not issubclass(base, ClassesProvider):
                base = ClassesProvider
            app_class.json_provider_class = type("ClassesProvider", (base,), {name: value})


def _warn(name: str) -> None:
    warn(
        f"'app.{name}' was removed; set 'app.json', or 'json_provider_class' in a subclass, to a"
        " 'flask.json.provider.JSONProvider'."
    )
