"""Every vector through the I/O-free parser: whole, cut in two anywhere, and byte by byte.

The verdict is what was taken as requests and how it ended; the cut must not change it.
"""

from __future__ import annotations

import pytest
import vectors_fields
import vectors_framing
import vectors_request_line
from hostile_vector import CANARY, Vector

from waterspout.http.message import Incoming
from waterspout.server.http1.parser import ProtocolError, RequestParser
from waterspout.server.settings import Limits

VECTORS = [*vectors_framing.VECTORS, *vectors_fields.VECTORS, *vectors_request_line.VECTORS]

#: Above this length not every cut and byte is tried, but cuts about these offsets.
_SHORT = 1000
_LONG_CUTS = (1, 2, 3, 17, 40, 100, 4096, 8190, 8192, 8200, 16_400, 33_000, 40_000, 65_536)


class Told:
    """Collects what the parser tells."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, bytes, bytes]] = []
        self.error: int | None = None
        self._head: Incoming | None = None
        self._body = b""

    def on_request(self, incoming: Incoming) -> None:
        assert self._head is None
        self._head, self._body = incoming, b""

    def on_body(self, data: bytes) -> None:
        assert self._head is not None
        self._body += data

    def on_end(self) -> None:
        assert self._head is not None
        self.requests.append((self._head.method, self._head.target, self._body))
        self._head = None

    def on_pipelined(self) -> None:
        """Nothing to do."""

    def on_long_read(self) -> None:
        """Nothing to do: it is not paused, so it goes on."""


Verdict = tuple[list[tuple[str, bytes, bytes]], int | None]


def verdict(pieces: list[bytes]) -> Verdict:
    """Feed the pieces and say what became of them."""
    told = Told()
    parser = RequestParser(told, Limits())
    for piece in pieces:
        try:
            parser.feed(piece)
        except ProtocolError as error:
            assert told.error is None, "refused twice"
            told.error = error.status
    return told.requests, told.error


def cuts(raw: bytes) -> list[list[bytes]]:
    """Return the ways to cut *raw* in two, and the one byte by byte where that is short."""
    if len(raw) <= _SHORT:
        halves = [[raw[:at], raw[at:]] for at in range(1, len(raw))]
        return [*halves, [raw[at : at + 1] for at in range(len(raw))]]
    places = [at for at in _LONG_CUTS if at < len(raw)] + [len(raw) // 2, len(raw) - 1]
    halves = [[raw[:at], raw[at:]] for at in places]
    return [*halves, [raw[at : at + 997] for at in range(0, len(raw), 997)]]


@pytest.mark.parametrize("vector", VECTORS, ids=[vector.name for vector in VECTORS])
def test_a_vector_has_one_verdict_however_it_is_cut(vector: Vector) -> None:
    raw = vector.raw + CANARY if vector.refusal else vector.raw
    whole = verdict([raw])
    requests, error = whole
    assert (len(requests), error) == (vector.served, vector.refusal), vector.why
    for pieces in cuts(raw):
        assert verdict(pieces) == whole, pieces[:2]


@pytest.mark.parametrize(
    "vector",
    [v for v in VECTORS if len(v.raw) > _SHORT],
    ids=[v.name for v in VECTORS if len(v.raw) > _SHORT],
)
def test_a_long_vector_byte_by_byte(vector: Vector) -> None:
    """What is unfinished is refused within a buffer of the limit, not at its end."""
    requests, error = verdict([vector.raw[at : at + 1] for at in range(len(vector.raw))])
    assert (requests, error) == verdict([vector.raw])


_CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("unit", "limit"),
    [
        (b"GET /" + b"a" * 400_000, 9_000),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 400_000, 18_000),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 70_000, 42_000),
        (_CHUNKED + b"1;" + b"a" * 400_000, 46_000),
        (_CHUNKED + b"0\r\n" + b"X: y\r\n" * 70_000, 46_000),
    ],
    ids=["line", "field", "fields", "extension", "trailers"],
)
def test_what_never_ends_is_refused_soon_after_its_limit(unit: bytes, limit: int) -> None:
    """Fed in small pieces, as from a slow network: no more than a little above the limit."""
    parser = RequestParser(Told(), Limits())
    fed = 0
    with pytest.raises(ProtocolError):
        while fed < len(unit):
            parser.feed(unit[fed : fed + 512])
            fed += 512
    assert fed <= limit


def test_nothing_is_taken_after_a_refusal() -> None:
    """A refused parser ignores what follows, without raising again."""
    told = Told()
    parser = RequestParser(told, Limits())
    with pytest.raises(ProtocolError):
        parser.feed(b"GET / HTTP/1.1\r\n\r\n")
    parser.feed(CANARY)
    assert told.requests == []


@pytest.mark.parametrize("tail", [b"", b"\r\n", b"0\r\n", b"0\r\n\r", b"5\r\nhel", b"5"])
def test_an_unfinished_body_is_never_a_request(tail: bytes) -> None:
    """The end of the stream does not complete a message."""
    for raw in (
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n" + tail,
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\nhello" + tail,
    ):
        if not raw.endswith(b"0\r\n\r\n"):
            assert verdict([raw])[0] == []


_REQUESTS = {
    "plain": b"GET /plain HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n",
    "length": b"POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    "chunked": _CHUNKED.replace(b"/", b"/chunked", 1) + b"3\r\nabc\r\n0\r\nT: v\r\n\r\n",
    "upgrade": b"GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    "upgrade-body": b"POST /upgrade HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"
    b"Content-Length: 2\r\n\r\nhi",
}


@pytest.mark.parametrize("third", [*_REQUESTS, "bad"])
@pytest.mark.parametrize("second", _REQUESTS)
@pytest.mark.parametrize("first", _REQUESTS)
def test_pipelined_requests_are_the_same_however_they_are_cut(
    first: str, second: str, third: str
) -> None:
    """A request behind others of every framing, or a bad one; cut anywhere, once and twice."""
    bad = b"GET /bad HTTP/1.1\r\n\r\n"
    raw = _REQUESTS[first] + _REQUESTS[second] + _REQUESTS.get(third, bad)
    whole = verdict([raw])
    assert len(whole[0]) == (2 if third == "bad" else 3)
    assert whole[1] == (400 if third == "bad" else None)
    for pieces in cuts(raw):
        assert verdict(pieces) == whole, pieces[:2]
    for at in range(1, len(raw) - 7):
        pieces = [raw[:at], raw[at : at + 7], raw[at + 7 :]]
        assert verdict(pieces) == whole, pieces
