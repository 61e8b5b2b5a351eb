"""The access log: one line for each finished or refused request, written by a thread of its own.

A `Server` calls its log with plain fields when a response is complete.  `AccessLog` only queues
them; its thread formats and writes, in batches.  A sink that blocks or fails (a FIFO without a
reader, a full disk) costs log lines, never requests: the queue is bounded, and records above the
bound are counted and reported.

Several processes may write to one file or pipe: each write is of whole lines, and to a pipe of
so few bytes that the system keeps them together (pipe(7)).
"""

from __future__ import annotations

import json
import logging
import os
import re
import select
import stat
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO, NamedTuple, Protocol

from .settings import ServerSettings

_logger = logging.getLogger("waterspout.server")

_QUEUE = 20_000  # records kept while the sink is slow: about 10 MB
_BATCH_SECONDS = 0.05  # the longest delay of a line, and the least time between two batches


class Record(NamedTuple):
    """One finished request."""

    time: float
    """When it was finished: seconds since the epoch."""
    client: str
    """The client's address, possibly as named by a proxy; empty for UNIX sockets."""
    method: str
    """The method; empty if what the client sent could not be read as a request."""
    target: bytes
    """The request target as it was sent."""
    version: str
    """``"1.1"`` or ``"1.0"``."""
    status: int
    sent: int
    """Bytes of the response's body."""
    seconds: float
    """Seconds from the end of the header section to the last byte of the response."""
    headers: Sequence[tuple[bytes, bytes]]
    """The request's header fields."""
    head: bytes = b""
    """Status line and header fields of the response, except those that the connection adds."""

    def header(self, name: bytes) -> str | None:
        """Return the field `name` (lower case) as text, or None."""
        for key, value in self.headers:
            if key.lower() == name:
                return value.decode("latin-1")
        return None

    @property
    def request_id(self) -> str | None:
        """The id that the response gives the request, else the one in the request's fields."""
        marked = self.head.lower().partition(b"\r\nx-request-id: ")
        start = len(marked[0]) + len(marked[1])
        if marked[1]:
            return self.head[start:].partition(b"\r\n")[0].decode("latin-1")
        return self.header(b"x-request-id")


class Access(Protocol):
    """The signature of an access log, which a connection calls once a finished or refused
    request."""

    def __call__(
        self,
        client: str,
        method: str,
        target: bytes,
        version: str,
        status: int,
        sent: int,
        seconds: float,
        headers: Sequence[tuple[bytes, bytes]],
        head: bytes = b"",
        /,
    ) -> None: ...


class Sink(Protocol):
    """A destination of records.  Called from the log's own thread; may block, may raise."""

    def write(self, records: Iterable[Record], /) -> None: ...

    def reopen(self) -> None:
        """Open the file anew, because it was renamed (logrotate)."""

    def close(self) -> None: ...


class AccessLog:
    """Queues records for a sink; the queue is bounded and never waits."""

    def __init__(self, sink: Sink) -> None:
        self.dropped = 0
        """Records lost so far because the sink was too slow or failed."""
        self._sink = sink
        self._records: deque[Record] = deque()
        self._wake = threading.Event()
        self._awake = False
        self._closing = False
        self._reopening = False
        self._failing = False
        self._thread: threading.Thread | None = None

    def __call__(
        self,
        client: str,
        method: str,
        target: bytes,
        version: str,
        status: int,
        sent: int,
        seconds: float,
        headers: Sequence[tuple[bytes, bytes]],
        head: bytes = b"",
        /,
    ) -> None:
        """Queue one finished request (see `Record` for the fields)."""
        if len(self._records) >= _QUEUE:
            self.dropped += 1
            return
        now = time.time()
        self._records.append(
            Record(now, client, method, target, version, status, sent, seconds, headers, head)
        )
        if not self._awake:
            self._awake = True
            if self._thread is None:  # not before: a fork would lose the thread
                self._thread = threading.Thread(
                    target=self._work, name="waterspout-access-log", daemon=True
                )
                self._thread.start()
            self._wake.set()

    def reopen(self) -> None:
        """Open the log's file anew before the next line; from any thread or signal handler."""
        self._reopening = True

    def close(self, timeout: float = 1.0) -> None:
        """Write queued records, waiting `timeout` seconds at the most, and close the sink."""
        self._closing = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout)
        else:
            self._sink.close()

    def _work(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            if not self._closing:
                time.sleep(_BATCH_SECONDS)
            self._awake = False
            self._write_queued()
            if self._closing and not self._records:
                self._sink.close()
                return

    def _write_queued(self) -> None:
        records = []
        while self._records:
            records.append(self._records.popleft())
        if not records:
            return
        try:
            if self._reopening:
                self._reopening = False
                self._sink.reopen()
            self._sink.write(records)
        except Exception as ex:
            self.dropped += len(records)
            if not self._failing:  # once, not for every batch of a full disk
                _logger.error("The access log cannot be written, lines are dropped: %s", ex)
            self._failing = True
        else:
            if self._failing or self.dropped:
                _logger.warning("The access log lost %d lines.", self.dropped)
            self._failing = False
            self.dropped = 0


class StreamSink:
    """Writes formatted lines to standard output (``"-"``), a file, or an open text stream."""

    def __init__(self, target: str | IO[str], form: Callable[[Record], str]) -> None:
        self._target = target
        self._form = form
        self._file: int | None = None

    def write(self, records: Iterable[Record], /) -> None:
        """Append one line for each record."""
        lines = [self._line(record) for record in records]
        stream = sys.stdout if self._target == "-" else self._target
        if isinstance(stream, str):
            if self._file is None:  # in the writer's thread: opening a FIFO may block
                flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
                self._file = os.open(stream, flags, 0o666)
            _append(self._file, lines)
            return
        stream.flush()
        try:
            descriptor = stream.fileno()
        except (OSError, AttributeError):  # a stream of the program's own, not a file
            stream.write("".join(lines))
            stream.flush()
        else:
            _append(descriptor, lines)

    def reopen(self) -> None:
        """Open the file anew at the next line, if this sink opened it."""
        self.close()

    def close(self) -> None:
        """Close the file, if this sink opened it."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _line(self, record: Record) -> str:
        line = self._form(record) + "\n"
        return line if len(line) <= select.PIPE_BUF else self._form(_shortened(record)) + "\n"


def _append(descriptor: int, lines: Sequence[str]) -> None:
    """Write whole ASCII lines, as many at once as the system keeps together.

    Unbuffered: lines that a full disk refused must not be written later.
    """
    whole = stat.S_ISREG(os.fstat(descriptor).st_mode)  # one append is one piece, of any size
    for piece in ("".join(lines),) if whole else _pieces(lines):
        rest = piece.encode("ascii")
        while rest:
            rest = rest[os.write(descriptor, rest) :]


def _pieces(lines: Iterable[str]) -> Iterator[str]:
    """Join lines to pieces of PIPE_BUF bytes at the most."""
    piece: list[str] = []
    size = 0
    for line in lines:
        if size + len(line) > select.PIPE_BUF:
            yield "".join(piece)
            piece, size = [], 0
        piece.append(line)
        size += len(line)
    yield "".join(piece)


def _shortened(record: Record) -> Record:
    """Return a record whose line is not above PIPE_BUF: its texts are cut, and end in ``...``.

    SECURITY: the end of a longer line could become a line of its own, after one of another
    process: text of a client, where readers of the log expect an address.
    """
    fields = [(name, _cut(value, 128)) for name, value in record.headers]
    return record._replace(
        client=_cut(record.client.encode("latin-1", "replace"), 64).decode("latin-1"),
        method=_cut(record.method.encode("latin-1", "replace"), 32).decode("latin-1"),
        target=_cut(record.target, 256),
        headers=fields,
    )


def bounded(record: Record) -> Record:
    """Return a record whose line is below PIPE_BUF in every format; see `_shortened`."""
    size = len(record.target) + sum(len(value) for _, value in record.headers)
    return record if size * 4 < select.PIPE_BUF else _shortened(record)


def _cut(text: bytes, most: int) -> bytes:
    return text if len(text) <= most else text[:most] + b"..."


def open_log(settings: ServerSettings) -> AccessLog | None:
    """Return the log `settings` asks for, or None."""
    if settings.access_log is None:
        return None
    form = format_json if settings.access_format == "json" else format_text
    return AccessLog(StreamSink(settings.access_log, form))


def format_text(record: Record) -> str:
    """Return the combined log format, and the seconds the request took at the end."""
    stamp = time.strftime("%d/%b/%Y:%H:%M:%S %z", time.localtime(record.time))
    referer = escape(record.header(b"referer") or "-")
    agent = escape(record.header(b"user-agent") or "-")
    return (
        f'{escape_word(record.client) or "-"} - - [{stamp}] "{request_line(record)}"'
        f' {record.status} {record.sent} "{referer}" "{agent}" {record.seconds:.6f}'
    )


def format_json(record: Record) -> str:
    """Return one JSON object: time, client, request, response, request id."""
    zulu = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.time))
    fields = {
        "time": f"{zulu}.{int(record.time % 1 * 1000):03d}Z",
        "client": record.client,
        "method": record.method or None,
        "target": record.target.decode("latin-1") if record.method else None,
        "version": record.version if record.method else None,
        "status": record.status,
        "bytes": record.sent,
        "seconds": round(record.seconds, 6),
        "referer": record.header(b"referer"),
        "agent": record.header(b"user-agent"),
        "request_id": record.request_id,
    }
    return json.dumps({name: value for name, value in fields.items() if value is not None})


def request_line(record: Record) -> str:
    """Return the request line, escaped; ``-`` where none could be read."""
    if not record.method:
        return "-"
    target = escape(record.target.decode("latin-1"))
    return f"{escape(record.method)} {target} HTTP/{record.version}"


# SECURITY: one line for one request, whatever the client sent (CVE-2025-48432).
_UNSAFE = re.compile(r"[^ !#-\[\]-~]")
_UNSAFE_WORD = re.compile(r"[^!#-\[\]-~]")


def escape(text: str) -> str:
    """Write control, non-ASCII, quote and backslash characters as ``\\xNN``."""
    return _UNSAFE.sub(_escaped, text)


def escape_word(text: str) -> str:
    """The same for a column that ends at a blank, with blanks as ``\\x20``."""
    return _UNSAFE_WORD.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    return f"\\x{ord(match[0]):02x}"
