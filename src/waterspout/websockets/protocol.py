"""The WebSocket protocol without I/O: bytes in, messages out, and back.

Theory of operation. `Link.feed` takes bytes cut anywhere and calls its sink with messages, pings,
pongs and the end, in order. `paused` stops it between two frames, and later bytes wait unparsed. If
the frames of one read take longer than a turn, `on_long_read` is called: the user of the link has
to `resume` later. Frames that have to be sent in response (pongs, close frames) are in `take`.
`frame` makes the bytes of a message to send.

The protocol itself is that of the ``websockets`` package: it checks every rule of RFC 6455 and
RFC 7692. This file finds the ends of frames, passes them on one by one, and joins fragments.
PERF: the rules that a whole, uncompressed text or binary frame (nearly every one) may break are
checked here in a few steps: 0.7 µs instead of 4.6 (64 bytes, CPython 3.11).
"""

from __future__ import annotations

import codecs
import os
import struct
from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING

from websockets.exceptions import ProtocolError
from websockets.frames import Close, Frame, Opcode
from websockets.protocol import CLIENT, SEND_EOF, Protocol

from .errors import ABNORMAL, WebSocketClosed
from .masking import apply_mask

if TYPE_CHECKING:
    from .rate import Rate
    from .transport import Sink

__all__ = ["Link", "is_sendable"]

#: Versions of the package before 16 have other names for a message's size and its limit.
_IS_OLD = not hasattr(Protocol(CLIENT), "current_size")
_LIMIT = "max_size" if _IS_OLD else "max_message_size"
_CURRENT_SIZE = "cur_size" if _IS_OLD else "current_size"

# PERF: 0.01 µs instead of 0.1 for an attribute of an enum. Only newer versions of the package have
# such names.
BINARY, CLOSE, CONT = Opcode.BINARY, Opcode.CLOSE, Opcode.CONT
PING, PONG, TEXT = Opcode.PING, Opcode.PONG, Opcode.TEXT

_NEVER = float("inf")
#: Bytes of frames between two looks at the time: at most 170 empty frames.
_WINDOW = 1024
#: Heads of short unmasked frames, by length.
_TEXT_HEADS = tuple(bytes((0x81, length)) for length in range(126))
_BINARY_HEADS = tuple(bytes((0x82, length)) for length in range(126))
#: The least length that a field of so many bytes is for (RFC 6455 §5.2).
_LEAST = {2: 126, 8: 65536}
_MEDIUM = struct.Struct("!BBH").pack
_LONG = struct.Struct("!BBQ").pack
_utf8_checker = codecs.getincrementaldecoder("utf-8")


def is_sendable(code: int) -> bool:
    """Tell whether *code* may stand in a close frame (RFC 6455 §7.4)."""
    try:
        Close(code, "").check()
    except ProtocolError:
        return False
    return True


class Link:
    """One side of an open connection.

    *protocol* is open. Messages of *least* bytes or more are compressed, if that was negotiated.
    `ended`: nothing more is received. `open`: messages may be sent.
    """

    __slots__ = (
        "_begin",
        "_checker",
        "_compress_from",
        "_fragments",
        "_left",
        "_mask_bit",
        "_masks",
        "_max_size",
        "_parts",
        "_protocol",
        "_unfed",
        "answers_pings",
        "bytes_in",
        "bytes_out",
        "clean",
        "control_rate",
        "ended",
        "max_fragments",
        "on_long_read",
        "open",
        "out",
        "paused",
        "sink",
        "turn",
    )

    def __init__(self, protocol: Protocol, sink: Sink, least: int = 512) -> None:
        self.sink = sink
        #: Whether pings are answered here; otherwise by the sink.
        self.answers_pings = True
        #: Bytes received, and of messages, pings and pongs made by `frame` and `control`.
        self.bytes_in = self.bytes_out = 0
        self.open = True
        self.ended = False
        #: Whether the peer has sent a close frame.
        self.clean = False
        self.paused = False
        #: Called when the frames of a read have taken more than `turn` seconds: `resume` later.
        self.on_long_read: Callable[[], object] | None = None
        self.turn = _NEVER
        #: Most fragments of a message, and pings and pongs a second; above it close code 1008.
        self.max_fragments = _NEVER
        self.control_rate: Rate | None = None
        self._protocol = protocol
        self._masks = protocol.side is CLIENT
        self._mask_bit = 0 if self._masks else 0x80  # of what the peer sends
        size: int | None = getattr(protocol, _LIMIT)
        self._max_size: float = _NEVER if size is None else size
        self._compress_from: float = least if protocol.extensions else _NEVER
        self._left = 0  # bytes of the current frame that have not arrived
        # From _begin on: the beginning of a frame header, or what arrived while paused.
        self._unfed = b""
        self._begin = 0
        self._parts: bytearray | None = None  # of a fragmented message
        self._fragments = 0
        self._checker: codecs.IncrementalDecoder | None = None  # while it is text
        #: Frames to be written in response to received ones.
        self.out: list[bytes] = []

    # -- receiving -------------------------------------------------------------------

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        self.bytes_in += len(data)
        if self._unfed:
            data = self._unfed[self._begin :] + data
            self._unfed = b""
        self._parse(data, 0)

    def _parse(self, data: bytes, at: int) -> None:
        """Take the bytes from *at* on, unless paused, until the turn is over."""
        end = len(data)
        until = perf_counter() + self.turn if end - at > _WINDOW else _NEVER
        while True:
            limit = at + _WINDOW
            at = self._take_frames(data, at, limit)
            if self.ended:
                return
            if at < limit or at >= end or self.paused:
                break
            if self.on_long_read is not None and perf_counter() > until:
                # An index, not a slice: a read of many small messages is left and resumed often.
                self._unfed, self._begin = data, at
                self.on_long_read()
                return
        if at < end:
            self._unfed, self._begin = data, at

    def _take_frames(self, data: bytes, at: int, limit: int) -> int:
        """Take the frames that begin before *limit*, and return where they end; or where a frame
        begins whose header is not complete."""
        end = len(data)
        if limit > end:  # noqa: PLR1730  # PERF: `min` takes 1 % of a message
            limit = end
        while at < limit and not self.paused:
            if self.ended:
                return at
            if self._left:
                stop = min(at + self._left, end)
                self._left -= stop - at
                self._hand_over(data[at:stop])
                at = stop
                continue
            if end - at < 2:
                break
            first, second = data[at], data[at + 1]
            length, start = second & 0x7F, at + 2
            if length > 125:
                wide = 2 if length == 126 else 8
                length = int.from_bytes(data[start : start + wide], "big")
                start += wide
                if start <= end and (length < _LEAST[wide] or length >> 63):
                    self.fail(1002, "a length that is not in its shortest form")
                    return at
            if second & 0x80:
                start += 4
            if start > end:  # the header is not complete
                break
            stop = start + length
            parts = self._parts
            room = self._max_size if parts is None else self._max_size - len(parts)
            if length > room and first & 8 == 0:
                self.fail(1009, "message too big")
                return at
            if (
                stop > end
                or (first != 0x81 and first != 0x82)  # noqa: PLR1714  # PERF
                or second & 0x80 != self._mask_bit
                or parts is not None
            ):
                self._left = max(stop - end, 0)
                self._begin_frame(first, data[at:stop])
                at = stop
                continue
            payload = data[start:stop]
            if second & 0x80:
                payload = apply_mask(payload, data[start - 4 : start])
            at = stop
            if first == 0x82:
                self.sink.on_message(payload)
                continue
            try:
                text = payload.decode()
            except UnicodeDecodeError as error:
                self._not_utf8(error)
                return at
            self.sink.on_message(text)
        return at

    def feed_eof(self) -> None:
        """Note that the peer sends no more."""
        if not self.ended:
            self._end(ABNORMAL, "")

    def resume(self) -> bool:
        """Continue after `paused`; return False if it is paused again."""
        self.paused = False
        data, self._unfed = self._unfed, b""
        if data:
            self._parse(data, self._begin)
        return not self.paused

    def _begin_frame(self, first: int, data: bytes) -> None:
        if self._parts is not None and first & 0x0F == CLOSE:
            # NOTE: a message may stay unfinished before a close frame (Autobahn 7.1.5).
            setattr(self._protocol, _CURRENT_SIZE, None)
            self._parts = None
        self._hand_over(data)

    def _hand_over(self, data: bytes) -> None:
        """Pass a frame, or a part of one, to the protocol."""
        protocol = self._protocol
        protocol.receive_data(data)
        for frame in protocol.events_received():
            self._on_frame(frame)  # type: ignore[arg-type]  # no handshakes: the state is OPEN
        self._collect()
        if protocol.parser_exc is not None and not self.ended:
            self._give_up()

    def _on_frame(self, frame: Frame) -> None:
        opcode = frame.opcode
        data = bytes(frame.data)
        if opcode is TEXT or opcode is BINARY or opcode is CONT:
            self._on_data(frame, data)
        elif opcode is not CLOSE and self._is_too_fast():
            self.fail(1008, "too many pings")
        elif opcode is PING:
            self.sink.on_ping(data)
        elif opcode is CLOSE:
            received = self._protocol.close_rcvd
            assert received is not None
            self.clean = True
            self._end(int(received.code), received.reason)
        else:
            self.sink.on_pong(data)

    def _is_too_fast(self) -> bool:
        return self.control_rate is not None and self.control_rate.is_exceeded(perf_counter())

    def _on_data(self, frame: Frame, data: bytes) -> None:
        if frame.opcode is not CONT:
            self._checker = _utf8_checker() if frame.opcode is TEXT else None
            self._parts = bytearray()
            self._fragments = 0
        self._fragments += 1
        if self._fragments > self.max_fragments:
            self.fail(1008, "too many fragments")
            return
        parts = self._parts
        assert parts is not None
        parts += data
        text = ""
        if self._checker is not None:
            try:
                # Fragment by fragment: text that is not UTF-8 is refused before it is complete.
                text = self._checker.decode(data, frame.fin)
            except UnicodeDecodeError as error:
                self._not_utf8(error)
                return
        if not frame.fin:
            return
        self._parts = None
        if self._checker is None:
            self.sink.on_message(bytes(parts))
        else:
            self.sink.on_message(text if len(parts) == len(data) else parts.decode())

    def _not_utf8(self, error: UnicodeDecodeError) -> None:
        self.fail(1007, f"{error.reason} at position {error.start}")

    def _give_up(self) -> None:
        """The peer broke the protocol, whose close frame says how."""
        self.open = False
        sent = self._protocol.close_sent
        if sent is None:
            self._end(ABNORMAL, "")
        else:
            self._end(int(sent.code), sent.reason)

    def _end(self, code: int, reason: str) -> None:
        self.open = False
        self.ended = True
        self._unfed = b""
        self._parts = None
        self.sink.on_close(code, reason)

    # -- sending -----------------------------------------------------------------------

    def frame(self, message: str | bytes | bytearray | memoryview) -> bytes:
        """Return the bytes of a message. Raises `WebSocketClosed` where none may be sent."""
        if not self.open:
            raise WebSocketClosed()
        if isinstance(message, str):
            data = message.encode()
            opcode, heads = 0x81, _TEXT_HEADS
        else:
            data = bytes(message)
            opcode, heads = 0x82, _BINARY_HEADS
        length = len(data)
        if length >= self._compress_from:
            return self._compressed(opcode, data)
        if self._masks or length > 125:
            return self._framed(opcode, data)
        self.bytes_out += length + 2
        return heads[length] + data

    def _framed(self, opcode: int, data: bytes) -> bytes:
        if self._masks:
            mask = os.urandom(4)
            frame = _head(opcode, 0x80, len(data)) + mask + apply_mask(data, mask)
        else:
            frame = _head(opcode, 0, len(data)) + data
        self.bytes_out += len(frame)
        return frame

    def _compressed(self, opcode: int, data: bytes) -> bytes:
        if opcode == 0x81:
            self._protocol.send_text(data)
        else:
            self._protocol.send_binary(data)
        frame = b"".join(self._protocol.data_to_send())
        self.bytes_out += len(frame)
        return frame

    def control(self, opcode: int, data: bytes) -> bytes:
        """Return the bytes of a ping (9) or a pong (10). `ValueError` above 125 bytes,
        `WebSocketClosed` where none may be sent."""
        if len(data) > 125:
            raise ValueError("control frame payloads may not exceed 125 bytes")
        if not self.open:
            raise WebSocketClosed()
        return self._framed(0x80 | opcode, data)

    def close(self, code: int | None = 1000, reason: str = "") -> None:
        """Send a close frame, unless one was sent. `ValueError` for a code that may not be sent
        or a reason above 123 bytes of UTF-8."""
        if code is not None and not is_sendable(code):
            raise ValueError(f"{code} is no close code that may be sent (RFC 6455 §7.4).")
        if len(reason.encode()) > 123:
            raise ValueError("The reason of a close frame has at most 123 bytes.")
        if self.open:
            self.open = False
            self._protocol.send_close(code, reason)
            self._collect()

    def fail(self, code: int, reason: str = "") -> None:
        """Fail the connection (RFC 6455 §7.1.7): nothing more is received."""
        if not self.ended:
            self._protocol.fail(code, reason.encode()[:120].decode(errors="ignore"))
            self._collect()
            self._give_up()

    def take(self) -> list[bytes]:
        """Return the frames that have to be written, and empty the list."""
        out, self.out = self.out, []
        return out

    def _collect(self) -> None:
        for data in self._protocol.data_to_send():
            if data != SEND_EOF and (self.answers_pings or data[0] & 0x0F != PONG):
                self.out.append(data)


def _head(opcode: int, mask_bit: int, length: int) -> bytes:
    if length < 126:
        return bytes((opcode, mask_bit | length))
    if length < 65536:
        return _MEDIUM(opcode, mask_bit | 126, length)
    return _LONG(opcode, mask_bit | 127, length)
