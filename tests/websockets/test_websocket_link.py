"""The protocol without I/O: bytes in, at every cut, and bytes out."""

from __future__ import annotations

import random
import zlib
from typing import Any

import pytest
from sockets_wire import BINARY, CLOSE, PING, PONG, TEXT, closing, frame
from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from waterspout.websockets import WebSocketClosed
from waterspout.websockets.protocol import Link


class Heard:
    """A sink that writes down what it is told."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.link: Link
        self.pause_after = 0

    def on_message(self, message: str | bytes) -> None:
        self.events.append(message)
        if self.pause_after and len(self.events) % self.pause_after == 0:
            self.link.paused = True

    def on_ping(self, data: bytes) -> None:
        self.events.append(("ping", data))

    def on_pong(self, data: bytes) -> None:
        self.events.append(("pong", data))

    def on_close(self, code: int, reason: str) -> None:
        self.events.append(("close", code, reason))

    def on_stop(self) -> None:
        raise AssertionError("nobody stops")


def make_link(max_size: int | None = 1000, *, deflate: bool = False, least: int = 0) -> Link:
    protocol = ServerProtocol(max_size=max_size, state=State.OPEN)
    if deflate:
        protocol.extensions = [PerMessageDeflate(False, False, 15, 15)]
    heard = Heard()
    heard.link = Link(protocol, heard, least)
    return heard.link


def events(link: Link) -> list[Any]:
    heard: Any = link.sink
    return heard.events  # type: ignore[no-any-return]


def compressed(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return (packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]


CONVERSATION = [
    (frame(TEXT, b"hello"), ["hello"]),
    (frame(BINARY, b"\x00\xff"), [b"\x00\xff"]),
    (frame(TEXT, b""), [""]),
    (frame(TEXT, "ü€😀".encode()), ["ü€😀"]),
    (frame(TEXT, b"one ", fin=False), []),
    (frame(PING, b"between"), [("ping", b"between")]),
    (frame(0, "ü".encode()[:1], fin=False), []),
    (frame(0, "ü".encode()[1:]), ["one ü"]),
    (frame(PONG, b"p"), [("pong", b"p")]),
    (frame(BINARY, b"x" * 126), [b"x" * 126]),
    (frame(BINARY, b"y" * 999), [b"y" * 999]),
    (closing(4000, "bye"), [("close", 4000, "bye")]),
]
STREAM = b"".join(data for data, _ in CONVERSATION)
EXPECTED = [event for _, told in CONVERSATION for event in told]


def test_a_conversation_at_every_cut() -> None:
    """Wherever the network cuts the bytes, the same is heard and answered."""
    whole = make_link()
    whole.feed(STREAM)
    assert events(whole) == EXPECTED
    answers = whole.take()
    assert answers[0] == frame(PONG, b"between", mask=None)
    assert answers[-1] == frame(CLOSE, b"\x0f\xa0bye", mask=None)
    for cut in range(1, len(STREAM)):
        link = make_link()
        link.feed(STREAM[:cut])
        link.feed(STREAM[cut:])
        assert events(link) == EXPECTED, cut
        assert link.take() == answers
    link = make_link()
    for byte in STREAM:
        link.feed(bytes([byte]))
    assert events(link) == EXPECTED
    assert link.clean
    assert link.ended


@pytest.mark.parametrize("seed", range(5))
def test_pauses_at_any_place(seed: int) -> None:
    """Paused after each message, nothing more is told until it goes on, and nothing is lost."""
    cuts = random.Random(seed)
    link = make_link()
    sink: Any = link.sink
    sink.pause_after = 1
    at = 0
    while at < len(STREAM):
        end = at + cuts.randrange(1, 200)
        told = len(sink.events)
        was_paused = link.paused
        link.feed(STREAM[at:end])
        if was_paused:
            assert len(sink.events) == told
        at = end
    while link.paused:
        told = len(sink.events)
        link.resume()
        assert len(sink.events) > told or not link.paused
    assert sink.events == EXPECTED


BREACHES = {
    "unmasked": (frame(TEXT, b"x", mask=None), 1002),
    "RSV1 without extension": (frame(TEXT, b"x", rsv=4), 1002),
    "RSV2": (frame(TEXT, b"x", rsv=2), 1002),
    "RSV3": (frame(TEXT, b"x", rsv=1), 1002),
    **{f"opcode {n}": (frame(n, b"x"), 1002) for n in (3, 7, 11, 15)},
    "control of 126 bytes": (frame(PING, b"x" * 126), 1002),
    "fragmented control": (frame(PING, b"x", fin=False), 1002),
    "continuation of nothing": (frame(0, b"x"), 1002),
    "new message inside one": (frame(TEXT, b"x", fin=False) + frame(TEXT, b"y"), 1002),
    "length 5 in 16 bits": (b"\x82\xfe\x00\x05abcdxxxxx", 1002),
    "length 5 in 64 bits": (b"\x82\xff" + bytes(7) + b"\x05abcdxxxxx", 1002),
    "length with the top bit": (b"\x82\xff\x80" + bytes(7) + b"abcd", 1002),
    "text that is no UTF-8": (frame(TEXT, b"\xff"), 1007),
    "fragment that is no UTF-8": (frame(TEXT, b"ok\xff", fin=False), 1007),
    "character cut off": (frame(TEXT, b"\xc3", fin=False) + frame(0, b""), 1007),
    "reason that is no UTF-8": (frame(CLOSE, b"\x03\xe8\xff"), 1007),
    "close of one byte": (frame(CLOSE, b"\x03"), 1002),
    **{f"code {n}": (closing(n), 1002) for n in (0, 999, 1004, 1005, 1006, 1016, 2999)},
    "1 GB announced": (b"\x82\xff" + (1 << 30).to_bytes(8, "big") + b"abcd", 1009),
    "1001 bytes": (frame(BINARY, b"x" * 1001), 1009),
    "1001 in fragments": (frame(TEXT, b"x" * 900, fin=False) + frame(0, b"x" * 101), 1009),
}


@pytest.mark.parametrize("breach", BREACHES)
def test_breaches_fail_the_connection(breach: str) -> None:
    """What the protocol forbids fails it with the right code, at every cut, and
    nothing after it is heard."""
    data, code = BREACHES[breach]
    for cut in range(len(data)):
        link = make_link()
        link.feed(data[:cut])
        link.feed(data[cut:])
        assert [event[:2] for event in events(link)] == [("close", code)], cut
        assert not link.open
        assert not link.clean
        (said,) = link.take()
        assert said[0] == 0x88
        assert int.from_bytes(said[2:4], "big") == code
        link.feed(frame(TEXT, b"more"))
        assert len(events(link)) == 1


def test_a_flood_of_empty_fragments_takes_no_memory() -> None:
    """100,000 empty fragments are one empty message."""
    link = make_link()
    link.feed(frame(TEXT, b"", fin=False) + frame(0, b"", fin=False) * 100_000)
    assert events(link) == []
    link.feed(frame(0, b"end"))
    assert events(link) == ["end"]


def test_compressed_messages_at_every_cut() -> None:
    """Compressed text, in one frame or several, beside frames that are not."""
    packed = compressed(b"again " * 50)
    stream = (
        frame(TEXT, packed[:4], rsv=4, fin=False)
        + frame(PING, b"")
        + frame(0, packed[4:])
        + frame(TEXT, b"plain")
    )
    for cut in range(len(stream)):
        link = make_link(deflate=True)
        link.feed(stream[:cut])
        link.feed(stream[cut:])
        assert events(link) == [("ping", b""), "again " * 50, "plain"]


def test_a_deflate_bomb_is_refused_by_its_size_inflated() -> None:
    """1:1000 is stopped at the limit, with 1009."""
    link = make_link(100_000, deflate=True)
    link.feed(frame(BINARY, compressed(bytes(100_000)), rsv=4))
    assert [len(message) for message in events(link)] == [100_000]
    link = make_link(100_000, deflate=True)
    link.feed(frame(BINARY, compressed(bytes(10_000_000)), rsv=4))
    assert [event[:2] for event in events(link)] == [("close", 1009)]


def test_a_close_frame_may_leave_a_message_unfinished() -> None:
    """RFC 6455 §5.4 (Autobahn 7.1.5): its code is heard and echoed."""
    link = make_link()
    link.feed(frame(TEXT, b"begun", fin=False) + closing(1000))
    assert events(link) == [("close", 1000, "")]
    assert link.take() == [frame(CLOSE, b"\x03\xe8", mask=None)]


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536])
def test_frames_of_both_sides_are_understood_by_the_other(size: int) -> None:
    """A client's frames are masked, a server's are not; both have the shortest head."""
    server = make_link(None)
    heard = Heard()
    protocol = ClientProtocol(parse_uri("ws://x/"), state=State.OPEN, max_size=None)
    client = heard.link = Link(protocol, heard)
    for message in ("x" * size, b"y" * size):
        client.feed(server.frame(message))
        server.feed(client.frame(message))
    assert heard.events == events(server) == ["x" * size, b"y" * size]
    server.close(1001, "going")
    client.feed(b"".join(server.take()))
    assert heard.events[-1] == ("close", 1001, "going")
    server.feed(b"".join(client.take()))
    assert events(server)[-1] == ("close", 1001, "going")


def test_nothing_is_sent_after_a_close_frame() -> None:
    """RFC 6455 §5.5.1; messages that were on their way are still heard."""
    link = make_link()
    link.close(1000)
    with pytest.raises(WebSocketClosed):
        link.frame("late")
    with pytest.raises(WebSocketClosed):
        link.control(PING, b"")
    link.close(1000)
    assert len(link.take()) == 1
    link.feed(frame(TEXT, b"crossed") + closing(1000))
    assert events(link) == ["crossed", ("close", 1000, "")]


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000])
def test_codes_that_may_not_be_sent(code: int) -> None:
    """RFC 6455 §7.4: they are the program's error, not the peer's."""
    link = make_link()
    with pytest.raises(ValueError, match=str(code)):
        link.close(code)
    with pytest.raises(ValueError, match="123 bytes"):
        link.close(1000, "ü" * 62)
    with pytest.raises(ValueError, match="125 bytes"):
        link.control(PING, b"x" * 126)
    assert link.open


def test_the_end_of_input_without_goodbye() -> None:
    """RFC 6455 §7.1.5: code 1006, told once."""
    link = make_link()
    link.feed(frame(TEXT, b"cut off")[:4])
    link.feed_eof()
    link.feed_eof()
    assert events(link) == [("close", 1006, "")]
