"""Signed values: itsdangerous' bytes, key rotation, and what is refused."""

from __future__ import annotations

import hashlib
import threading
from random import Random
from typing import Any

import pytest
from itsdangerous import TimestampSigner, URLSafeTimedSerializer

from waterspout.security.signing import BadSignature, key_ring, serializer, sha1, sha256, signer


@pytest.mark.parametrize("derivation", ["hmac", "concat", "django-concat", "none"])
@pytest.mark.parametrize("digest", [sha1, sha256, hashlib.sha512], ids=lambda d: d.__name__)
def test_values_are_those_of_itsdangerous_h3(derivation: str, digest: Any) -> None:
    ours = serializer("new", salt="s", fallbacks=["old"], key_derivation=derivation, digest=digest)
    theirs = URLSafeTimedSerializer(
        ["old", "new"],
        salt="s",
        signer_kwargs={"key_derivation": derivation, "digest_method": digest},
    )
    for value in ({"a": 1}, "é" * 500, [1, None]):
        assert theirs.loads(ours.dumps(value), max_age=60) == value
        assert ours.loads(theirs.dumps(value), max_age=60) == value


def test_what_is_compressed_is_what_itsdangerous_compresses_h3() -> None:
    """Small values are tried with small buffers first: the choice must be the same."""
    ours = serializer("k", salt="s", digest=sha1)
    theirs = URLSafeTimedSerializer("k", salt="s", signer_kwargs={"digest_method": sha1})
    for alphabet in ("a", "ab", "abcdefgh0123", "".join(map(chr, range(32, 127)))):
        random = Random(alphabet)
        for size in range(200):
            value = {"v": "".join(random.choices(alphabet, k=size)), "w": size}
            assert ours.dump_payload(value) == theirs.dump_payload(value), value


def test_bytes_signer_is_that_of_itsdangerous_h3() -> None:
    theirs = TimestampSigner("k", salt="s", key_derivation="hmac", digest_method=hashlib.sha256)
    ours = signer("k", salt="s")
    assert theirs.unsign(ours.sign(b"v"), max_age=60) == b"v"
    assert ours.unsign(theirs.sign("v"), max_age=60) == b"v"


def test_the_new_key_signs_and_old_keys_verify_h3() -> None:
    """rotation. An old key never signs, and stops to verify when it is dropped."""
    before = serializer("old", salt="s").dumps(1)
    rotated = serializer("new", salt="s", fallbacks=["older", "old"])
    assert rotated.loads(before) == 1
    assert serializer("new", salt="s").loads(rotated.dumps(2)) == 2
    with pytest.raises(BadSignature):
        serializer("old", salt="s").loads(rotated.dumps(2))
    with pytest.raises(BadSignature):
        serializer("new", salt="s", fallbacks=["older"]).loads(before)


def test_key_ring_has_the_signing_key_last_h3() -> None:
    assert key_ring("new") == ("new",)
    assert key_ring("new", ["a", b"b"]) == ("a", b"b", "new")


def test_a_value_of_one_purpose_is_refused_for_another_h3() -> None:
    """Also where names run into each other (``ab`` + ``c`` against ``a`` + ``bc``)."""
    value = serializer("key", salt="ab").dumps("c")
    for other in (serializer("key", salt="a"), serializer("bkey", salt="a")):
        with pytest.raises(BadSignature):
            other.loads(value)
    confirm = serializer("key", salt="confirm")
    with pytest.raises(BadSignature):
        confirm.loads(value)
    assert confirm.loads(value, salt="ab") == "c"


GOOD = serializer("key", salt="s").dumps({"user": 1})


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "...",
        GOOD[:-1],
        GOOD[1:],
        GOOD + "A",
        GOOD[:-1] + "=",
        GOOD.replace(".", "!"),
        GOOD.replace(".", ".."),
        "A" * 100_000,
        GOOD + "." + "A" * 100_000,
        "é.ü.☃",
        "\0.\0.\0",
        b"\xff.\xff.\xff",
    ],
    ids=lambda text: repr(text[:12]),
)
def test_foreign_text_is_a_bad_signature_h3(text: str) -> None:
    with pytest.raises(BadSignature):
        serializer("key", salt="s").loads(text, max_age=60)


def test_expired_and_future_values_are_refused_h3() -> None:
    class Elsewhen(TimestampSigner):
        shift = 0

        def get_timestamp(self) -> int:
            return super().get_timestamp() + self.shift

    for shift in (-3600, 3600):
        maker = URLSafeTimedSerializer(
            "key",
            salt="s",
            signer=type("Shifted", (Elsewhen,), {"shift": shift}),
            signer_kwargs={"key_derivation": "hmac", "digest_method": sha256},
        )
        with pytest.raises(BadSignature):
            serializer("key", salt="s").loads(maker.dumps(1), max_age=60)


def test_one_serializer_serves_many_threads_h3() -> None:
    shared = serializer("new", salt="s", fallbacks=["old"])
    wrong: list[int] = []

    def work(number: int) -> None:
        for _ in range(200):
            if shared.loads(shared.dumps(number), max_age=60) != number:
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
