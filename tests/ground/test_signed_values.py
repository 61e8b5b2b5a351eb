"""Signed values in Tornado's formats: exchanged with the real Tornado, and what is refused."""

from __future__ import annotations

import base64
import logging
from typing import Any

import pytest

import tornado.web as real
from waterspout.tornado import signed_values as ours

SECRET = "a secret of some length, at least as long as this"
DAY = 86400
NOW = 1_700_000_000
VALUES = [b"", b"x", "plain text", "é中" * 40, bytes(range(256)), b"|:2|", b"a" * 5000]
NAMES = ["session", "a", "with|bar", "1:2"]


def clock(days: float = 0) -> Any:
    return lambda: NOW + days * DAY


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value[:9]))
def test_values_are_tornados_in_both_directions_d6(
    version: int, name: str, value: str | bytes
) -> None:
    ours_made = ours.create_signed_value(SECRET, name, value, version=version, clock=clock())
    real_made = real.create_signed_value(SECRET, name, value, version=version, clock=clock())
    assert ours_made == real_made
    plain = value.encode() if isinstance(value, str) else value
    for made in (ours_made, ours_made.decode()):
        assert real.decode_signed_value(SECRET, name, made, clock=clock(30)) == plain
        assert ours.decode_signed_value(SECRET, name, made, clock=clock(30)) == plain


@pytest.mark.parametrize("version", [1, 2])
def test_a_name_outside_ascii_reads_back_d6(version: int) -> None:
    """Tornado counts its characters, not its bytes, and cannot read its own value."""
    made = ours.create_signed_value(SECRET, "näme", "v", version=version)
    assert ours.decode_signed_value(SECRET, "näme", made) == b"v"
    assert ours.decode_signed_value(SECRET, "name", made) is None


def test_version_2_is_the_default_and_both_are_read_d6() -> None:
    made = ours.create_signed_value(SECRET, "n", "v")
    assert made.startswith(b"2|1:0|10:")
    assert ours.decode_signed_value(SECRET, "n", made) == b"v"
    old = ours.create_signed_value(SECRET, "n", "v", version=1)
    assert ours.decode_signed_value(SECRET, "n", old) == b"v"
    assert ours.decode_signed_value(SECRET, "n", old, min_version=2) is None
    assert ours.decode_signed_value(SECRET, "n", made, min_version=2) == b"v"


@pytest.mark.parametrize("module", [ours, real], ids=["ours", "tornado"])
def test_errors_of_the_program_d6(module: Any) -> None:
    with pytest.raises(ValueError, match="Unsupported version 3"):
        module.create_signed_value(SECRET, "n", "v", version=3)
    with pytest.raises(ValueError, match="Unsupported min_version 3"):
        module.decode_signed_value(SECRET, "n", "v", min_version=3)
    with pytest.raises(AssertionError, match="Key version must be set"):
        module.create_signed_value({1: "k"}, "n", "v")
    with pytest.raises(KeyError):
        module.create_signed_value({1: "k"}, "n", "v", key_version=2)
    with pytest.raises(AssertionError):
        module.create_signed_value({1: "k"}, "n", "v", version=1, key_version=1)


# -- keys ------------------------------------------------------------------------------------------


def test_keys_rotate_k05() -> None:
    """The key named by the version signs; the others verify as long as they are there."""
    old = real.create_signed_value({1: "one", 2: "two"}, "n", "v", key_version=1)
    new = ours.create_signed_value({1: "one", 2: "two"}, "n", "v", key_version=2)
    for module in (ours, real):
        assert module.get_signature_key_version(old) == 1
        assert module.get_signature_key_version(new.decode()) == 2
        assert module.decode_signed_value({1: "one", 2: b"two"}, "n", old) == b"v"
        assert module.decode_signed_value({1: "one", 2: b"two"}, "n", new) == b"v"
        assert module.decode_signed_value({2: "two"}, "n", old) is None
        assert module.decode_signed_value({1: "two", 2: "one"}, "n", new) is None
        assert module.decode_signed_value("two", "n", new) == b"v"


def test_a_value_without_key_versions_has_version_0_k05() -> None:
    made = ours.create_signed_value("zero", "n", "v")
    assert ours.get_signature_key_version(made) == 0
    assert ours.decode_signed_value({0: "zero", 1: "one"}, "n", made) == b"v"
    old = ours.create_signed_value("zero", "n", "v", version=1)
    assert ours.get_signature_key_version(old) is None


def test_version_1_with_keys_by_version_is_no_cookie_k05() -> None:
    """A client may send what it likes; that is no error of the program."""
    old = ours.create_signed_value("zero", "n", "v", version=1)
    assert ours.decode_signed_value({0: "zero"}, "n", old) is None


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [1, 2])
def test_every_changed_byte_is_noticed_k04(version: int) -> None:
    good = ours.create_signed_value(SECRET, "name", b"value!", version=version, clock=clock())
    replacements = b"0129azAZ|:=+ \x00\xff"
    for at in range(len(good)):
        for byte in replacements:
            bad = good[:at] + bytes([byte]) + good[at + 1 :]
            if bad != good:
                assert ours.decode_signed_value(SECRET, "name", bad, clock=clock()) is None, bad
        assert ours.decode_signed_value(SECRET, "name", good[:at], clock=clock()) is None
        assert ours.decode_signed_value(SECRET, "name", good[at + 1 :], clock=clock()) is None
        without = good[:at] + good[at + 1 :]
        assert ours.decode_signed_value(SECRET, "name", without, clock=clock()) is None
    for more in (b"0", b"|", b" ", b"\n"):
        assert ours.decode_signed_value(SECRET, "name", good + more, clock=clock()) is None


@pytest.mark.parametrize("version", [1, 2])
def test_other_names_and_other_secrets_are_refused_k04(version: int) -> None:
    made = ours.create_signed_value(SECRET, "name", "v", version=version)
    assert ours.decode_signed_value(SECRET, "other", made) is None
    assert ours.decode_signed_value(SECRET, "nam", made) is None
    assert ours.decode_signed_value(SECRET, "", made) is None
    assert ours.decode_signed_value("other", "name", made) is None


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        b"",
        "|",
        "||",
        "|||",
        "2|",
        "2||||",
        "2|1:0|",
        "2|1:0|1:0|1:n|0:|",
        "2|1:x|10:1700000000|1:n|0:|sig",
        "2|-1:0|10:1700000000|1:n|0:|",
        "2|+1:0|10:1700000000|1:n|0:|",
        "2|999999999:0|",
        "2|" + "9" * 100_000 + ":0|",
        "2|1:0|" * 20_000,
        "3|1:0|10:1700000000|1:n|0:|sig",
        "999|x",
        "1000|x|y",
        "x" * 100_000,
        "|" * 100_000,
        "\xff\xfe",
        "12|34|\u2028",
    ],
    ids=lambda value: repr(value)[:20],
)
def test_what_is_no_signed_value_is_no_cookie_k04(value: Any) -> None:
    assert ours.decode_signed_value(SECRET, "n", value) is None
    if value:
        assert ours.get_signature_key_version(value) in (None, 0)


def test_version_1_moved_boundaries_k04(caplog: pytest.LogCaptureFixture) -> None:
    """Version 1 signs its parts without a border between them."""
    good = ours.create_signed_value(SECRET, "n", b"12345678", version=1, clock=clock())
    value, stamp, signature = good.split(b"|")
    # digits of the value moved to the time
    longer = base64.b64encode(b"\xd3\x5d\xb7" * 3)  # 0123 each
    assert longer == b"012301230123"[: len(longer)] or longer.isalnum()
    moved = ours.signature_v1(SECRET, "n", b"0123" + stamp)
    for stolen in (b"123", b"0123"):
        cut = b"0123"[: 4 - len(stolen)]
        assert (
            ours.decode_signed_value(
                SECRET, "n", b"|".join([cut, stolen + stamp, moved]), clock=clock()
            )
            is None
        )
    # characters of the value moved to the name
    for count in range(1, 4):
        name, rest = "n" + value[:count].decode(), value[count:]
        bad = b"|".join([rest, stamp, signature])
        assert ours.decode_signed_value(SECRET, name, bad, clock=clock()) is None
    assert "possible tampering" in caplog.text


@pytest.mark.parametrize("encoded", [b"dg", b"dg==\n", b" dg==", b"dh==", b"d.g==", b"dg===="])
def test_base64_that_nobody_writes_is_refused_k04(encoded: bytes) -> None:
    """Even under a good signature: one value has one form."""
    stamp = str(NOW).encode()
    old = b"|".join([encoded, stamp, ours.signature_v1(SECRET, "n", encoded, stamp)])
    assert ours.decode_signed_value(SECRET, "n", old, clock=clock()) is None
    signed = b"2|1:0|10:%b|1:n|%d:%b|" % (stamp, len(encoded), encoded)
    new = signed + ours.signature_v2(SECRET, signed)
    assert ours.decode_signed_value(SECRET, "n", new, clock=clock()) is None


# -- time ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [1, 2])
def test_values_expire_d6(version: int) -> None:
    made = ours.create_signed_value(SECRET, "n", "v", version=version, clock=clock())

    def read(days: float, **kwargs: Any) -> bytes | None:
        found = ours.decode_signed_value(SECRET, "n", made, clock=clock(days), **kwargs)
        assert found == real.decode_signed_value(SECRET, "n", made, clock=clock(days), **kwargs)
        return found

    assert read(30.99) == b"v"
    assert read(31) == b"v"
    assert read(31.01) is None
    assert read(0.5, max_age_days=0.25) is None
    assert read(0.5, max_age_days=1) == b"v"
    assert read(300, max_age_days=365) == b"v"
    assert read(-1) == b"v"


def test_version_1_from_the_future_is_refused_d6(caplog: pytest.LogCaptureFixture) -> None:
    made = ours.create_signed_value(SECRET, "n", "v", version=1, clock=clock(32))
    assert ours.decode_signed_value(SECRET, "n", made, clock=clock()) is None
    assert "Cookie timestamp in future; possible tampering" in caplog.text


def test_what_the_log_says_d6(caplog: pytest.LogCaptureFixture) -> None:
    """Programs look for these lines, of the logger ``tornado.general``."""
    good = ours.create_signed_value(SECRET, "n", "v", version=1, clock=clock())
    ours.decode_signed_value(SECRET, "n", good[:-1] + b"x", clock=clock())
    ours.decode_signed_value(SECRET, "n", good, clock=clock(99))
    lines = [(name, level, text.split(" b'")[0]) for name, level, text in caplog.record_tuples]
    assert lines == [
        ("tornado.general", logging.WARNING, "Invalid cookie signature"),
        ("tornado.general", logging.WARNING, "Expired cookie"),
    ]
