"""Request bodies on the disk: unnamed temporary files, and a multipart form with a file for each
large content in it.

A form is written once: what its parser has to read stays in memory, up to a limit, and each large
content goes to a file of its own, which the program gets (`uploaded_file`). The body can be read as
a whole nevertheless, by whoever does not ask for the form.
"""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Sequence
from typing import IO, Any

from .multipart_split import MultipartSplitter, Split

__all__ = ["SpooledBody", "open_spool", "read_content", "write_pieces"]

#: Bytes of a content from which on it has a file of its own.
#: SECURITY: so much a client has to send for each file that it makes the server open.
_OWN_FILE = 256 * 1024
#: How many files one body may open; with more large ones the form is not cut.
_MOST_FILES = 8
#: Bytes of the rest that are kept in memory; with more the form is not cut.
_MOST_TEXT = 256 * 1024
#: How many pieces one call of the kernel takes (IOV_MAX is 1024 on Linux).
_MOST_PIECES = 512


def open_spool() -> IO[bytes]:
    """Open an unnamed temporary file. Raises `OSError`.

    NOTE: the umask of the process decides on its permissions: it may become a file of the program
    (`uploaded_file`). Nobody can open it before, as it has no name.
    """
    try:
        # Not `tempfile.TemporaryFile`, which forbids to give the file a name later (O_EXCL).
        handle = os.open(tempfile.gettempdir(), os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o666)
    except (AttributeError, OSError):  # another system than Linux, or a file system without it
        return tempfile.TemporaryFile(prefix="waterspout-")
    return os.fdopen(handle, "w+b")


def write_pieces(handle: int, pieces: Sequence[bytes | memoryview]) -> None:
    """Write all *pieces* to a file. Raises `OSError`, of a full disk most likely."""
    for at in range(0, len(pieces), _MOST_PIECES):
        some = pieces[at : at + _MOST_PIECES]
        left = sum(map(len, some)) - os.writev(handle, some)
        if left:
            rest = memoryview(b"".join(some))[-left:]
            while rest:
                rest = rest[os.write(handle, rest) :]


def read_content(file: IO[bytes]) -> bytes:
    """Return all of a content that `SpooledBody.split` has given. Its position stays: it is that of
    the program's file, too. Raises `OSError`."""
    handle, found = file.fileno(), bytearray()
    size = os.fstat(handle).st_size
    while piece := os.pread(handle, size, len(found)):
        found += piece
    return bytes(found)


class _Part:
    """A stretch of a body: in memory (*data*), or in a file of its own."""

    def __init__(self, file: IO[bytes] | None = None) -> None:
        self.file = file
        self.data = bytearray()
        self.size = 0
        #: What is written to the file when the pieces that arrived together are cut.
        self.unwritten: list[bytes | memoryview] = []
        #: Whether it is the whole content of a file.
        self.is_content = False

    def read(self, offset: int, size: int) -> bytes:
        if self.file is None:
            return bytes(self.data[offset : offset + size])
        return os.pread(self.file.fileno(), size, offset)


class SpooledBody(io.RawIOBase):
    """A multipart form that is written to the disk while it arrives, and read as a file."""

    def __init__(self, boundary: bytes) -> None:
        super().__init__()
        self.boundary = boundary
        self._splitter = MultipartSplitter(boundary, _OWN_FILE, self)
        self._parts: list[_Part] = []
        self._size = 0
        self._text = 0  # bytes in memory
        self._position = 0

    # -- writing -------------------------------------------------------------------------

    def add(self, pieces: Sequence[bytes]) -> None:
        """Put *pieces* behind what is there. Raises `OSError`."""
        for piece in pieces:
            self._splitter.feed(piece)
        self._flush()

    def finish(self) -> None:
        """Note that the body is complete."""
        rest = self._splitter.finish()
        if rest:
            self._append(rest, to_file=False)

    def _flush(self) -> None:
        for part in self._parts:
            if part.unwritten:
                assert part.file is not None, "text in memory has nothing to write"
                pieces, part.unwritten = part.unwritten, []
                write_pieces(part.file.fileno(), pieces)

    def _append(self, data: bytes | memoryview, *, to_file: bool) -> None:
        part = self._parts[-1] if self._parts else None
        if part is None or part.is_content or (part.file is None) is to_file:
            part = _Part(open_spool() if to_file else None)
            self._parts.append(part)
        self._size += len(data)
        part.size += len(data)
        if to_file:
            part.unwritten.append(data)
        else:
            part.data += data
            self._text += len(data)

    def on_text(self, data: bytes) -> None:
        """Take a piece of what the form's parser reads."""
        if self._text + len(data) > _MOST_TEXT:
            self._splitter.failed = True
        self._append(data, to_file=self._splitter.failed)

    def on_content(self, data: bytes | memoryview) -> None:
        """Take a piece of a file's content."""
        if len(self._parts) >= 2 * _MOST_FILES:  # text and files in turn
            self._splitter.failed = True
        self._append(data, to_file=True)

    def on_content_end(self) -> None:
        """Take the next content as another one."""
        self._parts[-1].is_content = True

    # -- reading -------------------------------------------------------------------------

    def split(self) -> Split[IO[bytes]] | None:
        """Return the body with its large files cut out; None if it has none or cannot be cut."""
        if self._splitter.failed:
            return None
        found: Split[IO[bytes]] = Split()
        for part in self._parts:
            if part.file is None:
                found.add_text(bytes(part.data))
            else:
                found.add_content(part.file)
        return found if found.contents else None

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Change the position, and return it. Raises `ValueError` for one before the begin."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError(f"negative seek position {base + offset}")
        self._position = base + offset
        return self._position

    def _read_on(self, size: int) -> bytes:
        """Return up to *size* bytes at the position; none at the end only."""
        before = 0
        for part in self._parts:
            if self._position < before + part.size:
                data = part.read(self._position - before, size)
                self._position += len(data)
                return data
            before += part.size
        return b""

    def readinto(self, buffer: Any) -> int:
        """Read the next bytes into *buffer*, and return how many. Raises `OSError`."""
        data = self._read_on(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def readall(self) -> bytes:
        """Return everything from the position on. Raises `OSError`."""
        pieces = []
        while piece := self._read_on(self._size):
            pieces.append(piece)
        return b"".join(pieces)

    def close(self) -> None:
        """Close the files; those that the program has stay open for it."""
        if not self.closed:
            for part in self._parts:
                if part.file is not None:
                    part.file.close()
        super().close()
