"""How an application writes and reads JSON (Flask's `flask.json.provider`).

Subclass `JSONProvider` for another library, or `DefaultJSONProvider` to change what the
standard one does, and set `app.json_provider_class` or `app.json`.
"""

from __future__ import annotations

import json
import weakref
from collections.abc import Callable, Hashable
from datetime import date
from decimal import Decimal
from typing import IO, Any, AnyStr
from uuid import UUID

from werkzeug.http import http_date
from werkzeug.utils import get_content_type, import_string

from ..observed import Observed
from ..typing import Argument, JSONValue, OwnApp, Values
from .records import note_where, record_fields

__all__ = ["DefaultJSONProvider", "JSONProvider", "provider_class", "read_json"]


def read_json(s: str | bytes, **kwargs: Argument) -> JSONValue:
    """Return the value of JSON text or bytes, as `json.loads` with its keywords does.

    SECURITY: nesting too deep for the interpreter's stack is a `ValueError` like any other
    bad JSON, never a `RecursionError` (CVE-2018-1000656).
    """
    try:
        if type(s) is str and not kwargs:
            # PERF: 3.1 µs instead of 6.6 for three fields, for text without blanks around it. The
            # rest, bad JSON too, goes through `json.loads`, whose errors say what is wrong.
            try:
                value, end = _raw_decode(s)
            except ValueError:
                pass
            else:
                if end == len(s):
                    return value
        return json.loads(s, **kwargs)
    except RecursionError:
        raise ValueError("The JSON text is nested too deeply.") from None


_raw_decode = json.JSONDecoder().raw_decode


class JSONProvider(Observed):
    """The base of JSON providers. A subclass must define at least `dumps` and `loads`.

    The app is kept in `_app` as a `weakref.proxy`, so that the two make no reference cycle.
    """

    def __init__(self, app: OwnApp) -> None:
        self._app = weakref.proxy(app)

    def dumps(self, obj: JSONValue, **kwargs: Argument) -> str:
        """Return *obj* as JSON text."""
        raise NotImplementedError

    def dump(self, obj: JSONValue, fp: IO[str], **kwargs: Argument) -> None:
        """Write *obj* as JSON to a text file."""
        fp.write(self.dumps(obj, **kwargs))

    def loads(self, s: str | bytes, **kwargs: Argument) -> JSONValue:
        """Return the value of JSON text or UTF-8 bytes; bad JSON is a `ValueError`."""
        raise NotImplementedError

    def load(self, fp: IO[AnyStr], **kwargs: Argument) -> JSONValue:
        """Return the value of the JSON in a text or binary file."""
        return self.loads(fp.read(), **kwargs)

    def response(self, *args: JSONValue, **kwargs: Argument) -> Any:
        """Make a response of one value, a list of several, or a dict of keywords."""
        obj = self._prepare_response_obj(args, kwargs)
        return self._app.response_class(self.dumps(obj), mimetype="application/json")

    def _prepare_response_obj(self, args: tuple[object, ...], kwargs: Values) -> JSONValue:
        if args and kwargs:
            raise TypeError("app.json.response() takes either args or kwargs, not both")
        if len(args) == 1:
            return args[0]
        return args or kwargs or None


def _default(o: object) -> object:
    """Convert a value that JSON has no type for (Flask's rules), else raise `TypeError`."""
    if isinstance(o, date):
        return http_date(o)
    if isinstance(o, Decimal | UUID):
        return str(o)
    fields = record_fields(o)
    if fields is not None:
        return fields
    if hasattr(o, "__html__"):
        return str(o.__html__())
    raise TypeError(f"Object of type {type(o).__name__} is not JSON serializable")


def _encode_by(encoder: json.JSONEncoder) -> Callable[[object], str]:
    """Return the `encode` of *encoder* as a function that is set up once, not at every call.

    PERF: 5,400 instructions instead of 13,300 for a small dict.
    """
    make: Any = getattr(json.encoder, "c_make_encoder", None)  # CPython's, not promised
    indent: Any = encoder.indent
    if make is None or indent is not None:
        return encoder.encode
    texts: Any = json.encoder
    pieces = make(
        None,  # no check for cycles, see below
        encoder.default,
        texts.encode_basestring_ascii if encoder.ensure_ascii else texts.encode_basestring,
        indent,
        encoder.key_separator,
        encoder.item_separator,
        encoder.sort_keys,
        encoder.skipkeys,
        encoder.allow_nan,
    )

    def encode(obj: JSONValue) -> str:
        try:
            return "".join(pieces(obj, 0))
        except RecursionError:  # a cycle, perhaps: the encoder itself tells
            return encoder.encode(obj)

    return encode


_layout = frozenset({"separators", "indent"})


class DefaultJSONProvider(JSONProvider):
    """Python's `json` with Flask's extra types, byte for byte what Flask writes.

    Dates become HTTP dates (RFC 9110 §5.6.7), UUID and Decimal their text, dataclasses, msgspec
    structs and attrs classes become objects, and anything with ``__html__()`` that text. As in
    Flask, ``NaN`` and ``Infinity`` are read and written, although RFC 8259 does not allow them.
    ``NaN`` and ``Infinity`` are read and written, although RFC 8259 does not know them.
    """

    #: Called for a value `json` cannot write; returns one it can, or raises `TypeError`.
    default: Callable[[JSONValue], JSONValue] = staticmethod(_default)
    #: Write ASCII only, the rest as ``\\u`` escapes.
    ensure_ascii = True
    #: Write the keys of objects in order; they must then be of one type.
    sort_keys = True
    #: Responses without spaces and line ends; None means unless in debug mode.
    compact: bool | None = None
    #: The content type of responses.
    mimetype = "application/json"

    _encoders: dict[Hashable, Callable[[JSONValue], str]] | None = None

    def dumps(self, obj: JSONValue, **kwargs: Argument) -> str:
        """Return *obj* as JSON text. *kwargs* are those of `json.dumps`; the attributes of
        the provider are their defaults."""
        try:
            if kwargs.keys() <= _layout:
                return self._encoder(**kwargs)(obj)
            kwargs.setdefault("default", self.default)
            kwargs.setdefault("ensure_ascii", self.ensure_ascii)
            kwargs.setdefault("sort_keys", self.sort_keys)
            return json.dumps(obj, **kwargs)
        except TypeError as error:
            note_where(error, obj, kwargs.get("default", self.default))
            raise

    def _encoder(
        self, separators: Argument = None, indent: Argument = None
    ) -> Callable[[JSONValue], str]:
        # PERF: json.dumps() makes two encoders per call, 2 us of the 2.7 us a small dict
        # takes. The attributes are part of the key, so a change of them is noticed.
        key = (self.default, self.ensure_ascii, self.sort_keys, separators, indent)
        kept = self._encoders
        if kept is None:
            kept = self._encoders = {}
        try:
            return kept[key]
        except (KeyError, TypeError) as miss:  # TypeError: an unhashable hook or separators
            made = _encode_by(
                json.JSONEncoder(
                    default=self.default,
                    ensure_ascii=self.ensure_ascii,
                    sort_keys=self.sort_keys,
                    separators=separators,
                    indent=indent,
                )
            )
            if isinstance(miss, KeyError) and len(kept) < 16:
                kept[key] = made
            return made

    def loads(self, s: str | bytes, **kwargs: Argument) -> JSONValue:
        """Return the value of JSON text or bytes. *kwargs* are those of `json.loads`."""
        return read_json(s, **kwargs)

    def response(self, *args: JSONValue, **kwargs: Argument) -> Any:
        """Make a response of one value, a list of several, or a dict of keywords: compact
        or indented (see `compact`), with a line end, of type `mimetype`."""
        obj = self._prepare_response_obj(args, kwargs)
        return self._app.response_class(self._body(obj), mimetype=self.mimetype)

    def _is_compact(self) -> bool:
        return not self._app.debug if self.compact is None else self.compact

    def _body(self, obj: object) -> str | bytes:
        """Return the body of `response`, as str or bytes."""
        if self._is_compact():
            return self.dumps(obj, separators=(",", ":")) + "\n"
        return self.dumps(obj, indent=2) + "\n"

    @property
    def plain_encoder(self) -> Callable[[], tuple[str, Callable[[JSONValue], bytes]]] | None:
        """Return the content type and the encoder of a dict or list, for the pipeline, which
        sends it without a response object where it can; None if a program has its own
        `response`."""
        if getattr(self.response, "__func__", None) is not _RESPONSE:
            return None
        return lambda: (get_content_type(self.mimetype, "utf-8"), self._encode_body)

    def _encode_body(self, obj: object) -> bytes:
        body: str | bytes = self._body(obj)
        return body.encode() if isinstance(body, str) else body


#: As shipped, to tell whether a program has replaced it.
_RESPONSE = DefaultJSONProvider.response

_known = {
    "stdlib": "waterspout.json.provider:DefaultJSONProvider",
    "msgspec": "waterspout.json.fast:MsgspecProvider",
}


def provider_class(name: str) -> type[JSONProvider]:
    """Return the class that the setting JSON_PROVIDER names: ``stdlib``, ``msgspec``, or an
    import name."""
    found: type[JSONProvider] = import_string(_known.get(name, name))
    return found
