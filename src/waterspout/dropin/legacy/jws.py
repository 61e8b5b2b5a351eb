"""`JSONWebSignatureSerializer` and its timed kind, which itsdangerous 2.1 removed (RFC 7515).

Programs of Flask 0.10 to 2.0 make their tokens for passwords and APIs with them. Tokens that were
made then are read, and the other way round.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any

from itsdangerous import BadHeader, BadPayload, BadSignature, SignatureExpired
from itsdangerous.encoding import base64_decode, base64_encode, want_bytes
from itsdangerous.serializer import Serializer
from itsdangerous.signer import HMACAlgorithm, NoneAlgorithm, Signer, SigningAlgorithm

from ...typing import JSONObject, JSONValue


class JSONWebSignatureSerializer(Serializer[bytes]):
    """Signs JSON values: `dumps` returns ``header.payload.signature`` as bytes."""

    jws_algorithms: dict[str, SigningAlgorithm] = {
        "HS256": HMACAlgorithm(hashlib.sha256),
        "HS384": HMACAlgorithm(hashlib.sha384),
        "HS512": HMACAlgorithm(hashlib.sha512),
        "none": NoneAlgorithm(),
    }
    default_algorithm = "HS512"

    def __init__(
        self,
        secret_key: Any,
        salt: str | bytes | None = None,
        serializer: object = None,
        serializer_kwargs: JSONObject | None = None,
        signer: type[Signer] | None = None,
        signer_kwargs: JSONObject | None = None,
        algorithm_name: str | None = None,
    ) -> None:
        super().__init__(
            secret_key,
            salt=b"" if salt is None else salt,
            serializer=serializer,
            serializer_kwargs=serializer_kwargs or {"separators": (",", ":")},
            signer=signer,
            signer_kwargs=signer_kwargs,
        )
        self._has_salt = salt is not None
        self.algorithm_name = algorithm_name or self.default_algorithm
        if self.algorithm_name not in self.jws_algorithms:
            raise NotImplementedError("Algorithm not supported")
        self.algorithm = self.jws_algorithms[self.algorithm_name]

    def make_signer(
        self, salt: str | bytes | None = None, algorithm: SigningAlgorithm | None = None
    ) -> Signer:
        """Make what signs; without a salt with the key as it is, as other libraries do."""
        with_salt = salt is not None or self._has_salt
        return self.signer(
            self.secret_keys,
            salt=self.salt if salt is None else salt,
            sep=".",
            key_derivation=None if with_salt else "none",
            algorithm=self.algorithm if algorithm is None else algorithm,
        )

    def make_header(self, header_fields: Mapping[str, object] | None) -> JSONObject:
        """Return the header of a token."""
        return {**(header_fields or {}), "alg": self.algorithm_name}

    def dumps(
        self,
        obj: object,
        salt: str | bytes | None = None,
        header_fields: Mapping[str, object] | None = None,
    ) -> bytes:
        """Return a token of *obj*."""
        parts = (self.make_header(header_fields), obj)
        text = b".".join(base64_encode(self.dump_payload(part)) for part in parts)
        return self.make_signer(salt).sign(text)

    def loads(  # type: ignore[override]  # as it was
        self, s: str | bytes, salt: str | bytes | None = None, return_header: bool = False
    ) -> JSONValue:
        """Return the value in a token, with *return_header* its header too.

        Raises `BadSignature`, `BadHeader`, `BadPayload`; SECURITY: a header that names another
        algorithm is one.
        """
        signed = self.make_signer(salt).unsign(want_bytes(s))
        header, payload = self._split(signed)
        if header.get("alg") != self.algorithm_name:
            raise BadHeader("Algorithm mismatch", header=header, payload=payload)
        return (payload, header) if return_header else payload

    def _split(self, signed: bytes) -> tuple[dict[str, object], object]:
        head, dot, body = signed.partition(b".")
        if not dot:
            raise BadPayload('No "." found in value')
        try:
            header = self.load_payload(base64_decode(head))
        except Exception as error:
            raise BadHeader("Could not read the header", original_error=error) from error
        if not isinstance(header, dict):
            raise BadHeader("Header payload is not a JSON object", header=header)
        try:
            return header, self.load_payload(base64_decode(body))
        except Exception as error:
            raise BadPayload("Could not read the payload", original_error=error) from error


class TimedJSONWebSignatureSerializer(JSONWebSignatureSerializer):
    """The same for *expires_in* seconds."""

    DEFAULT_EXPIRES_IN = 3600

    def __init__(self, secret_key: Any, expires_in: int | None = None, **kwargs: Any) -> None:
        super().__init__(secret_key, **kwargs)
        self.expires_in = self.DEFAULT_EXPIRES_IN if expires_in is None else expires_in

    def make_header(self, header_fields: Mapping[str, object] | None) -> JSONObject:
        """Return the header of a token, with the times it was made and ends at."""
        now = self.now()
        return {**super().make_header(header_fields), "iat": now, "exp": now + self.expires_in}

    def loads(  # type: ignore[override]  # as it was
        self, s: str | bytes, salt: str | bytes | None = None, return_header: bool = False
    ) -> JSONValue:
        """Return the value in a token. Raises `SignatureExpired` besides, `BadSignature` if it
        does not say when it ends."""
        payload, header = super().loads(s, salt, return_header=True)
        if "exp" not in header:
            raise BadSignature("Missing expiry date", payload=payload)
        try:
            ends = int(header["exp"])
        except (ValueError, TypeError):
            ends = -1
        if ends < 0:
            raise BadHeader("Expiry date is not an IntDate", header=header, payload=payload)
        if ends < self.now():
            raise SignatureExpired(
                "Signature expired", payload=payload, date_signed=self.get_issue_date(header)
            )
        return (payload, header) if return_header else payload

    def get_issue_date(self, header: Mapping[str, object]) -> datetime | None:
        """Return when a token was made, if its header says it."""
        made = header.get("iat")
        return None if not isinstance(made, int) else datetime.fromtimestamp(made, tz=timezone.utc)  # noqa: UP017

    def now(self) -> int:
        """Return the time, in seconds since the epoch."""
        return int(clock())


clock: Callable[[], float] = time.time
