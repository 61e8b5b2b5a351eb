"""How a session is written in a store: msgpack or JSON, as Flask-Session does it."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from typing import Any

import msgspec

from waterspout.typing import JSONValue

__all__ = ["MsgSpecSerializer", "Serializer"]

_logger = logging.getLogger("waterspout.sessions")


class Serializer(ABC):
    """What writes and reads the values of a store."""

    @abstractmethod
    def encode(self, session: Any) -> bytes:
        """Return the mapping *session* as bytes."""

    @abstractmethod
    def decode(self, serialized_data: bytes) -> dict[str, JSONValue]:
        """Return the dict that was written. Raises `ValueError` if it cannot be read."""


class MsgSpecSerializer(Serializer):
    """Writes *format*, ``msgpack`` or ``json``, and reads both.

    SECURITY: what other versions of Flask-Session have pickled is not read, a pickle runs code.
    """

    def __init__(self, app: object = None, format: str = "msgpack") -> None:
        packs, texts = msgspec.msgpack, msgspec.json
        if format not in {"msgpack", "json"}:
            raise ValueError(f"SESSION_SERIALIZATION_FORMAT is 'msgpack' or 'json', not {format!r}")
        self.app = app
        self.encoder: Any = packs.Encoder() if format == "msgpack" else texts.Encoder()
        decoders: list[Any] = [packs.Decoder(), texts.Decoder()]
        if format == "json":
            decoders.reverse()
        self.decoder, self.alternate_decoder = decoders

    def encode(self, session: Any) -> bytes:
        """Return the mapping *session* as bytes.

        Raises:
            TypeError: A value is of a type that neither format knows.
        """
        try:
            written: bytes = self.encoder.encode(dict(session))
        except (TypeError, msgspec.MsgspecError) as error:
            raise TypeError(
                f"The session holds a value that cannot be stored: {error}. Put str, numbers,"
                " bytes, dates, lists and dicts of them into it."
            ) from error
        return written

    def decode(self, serialized_data: bytes) -> dict[str, JSONValue]:
        """Return the dict that was written. Raises `ValueError` if it cannot be read."""
        for decoder in (self.decoder, self.alternate_decoder):
            try:
                read = decoder.decode(serialized_data)
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue
            if isinstance(read, dict):
                return read
        raise ValueError("The stored session is neither msgpack nor JSON of an object")
