"""Static files: `StaticFileHandler`, and the versions that it puts into their URLs.

Theory of operation. A version is the hash of a file's content, kept by path (`_static_hashes`).
A URL with a version may be cached for good, since a file that changes gets another URL; the same
hash is the file's ETag. Most methods are hooks for subclasses that take content from elsewhere: a
subclass's own `get_content` and so on are called on the loop's thread, as in Tornado. Our own
reading and hashing of large files goes to a thread.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import mimetypes
import os
import threading
from collections.abc import Awaitable, Generator, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO, ClassVar

from ...concurrency.thread_pools import Lane, LaneFull, lanes_of
from ...http.conditions import failed, not_modified, range_applies
from ...security.redirects import has_host
from ...typing import Settings
from ..httputil import _get_content_range, _parse_request_range
from .errors import HTTPError
from .handler import RequestHandler
from .static_paths import (
    Identity,
    absolute,
    check_inside,
    identity,
    identity_of,
    is_plain,
    open_regular,
    read_part,
    resolved,
    stat_regular,
)
from .url_prefix import root_here

__all__ = ["StaticFileHandler"]

_log = logging.getLogger("tornado.general")

_LARGE = 256 * 1024  # bytes; reading and hashing more is not done on the loop


class StaticFileHandler(RequestHandler):
    """Sends the files below the folder *path*: ``(r"/content/(.*)", StaticFileHandler, {"path":
    "/var/www"})``. The route has one group, the file's path.

    *default_filename* is sent for a folder. Symbolic links that lead out of *path* are not
    followed, but into *allowed_symlink_directory*: a folder, or a list of them.

    Ranges and preconditions are answered, in the order of RFC 9110 section 13.2.2. NOTE: a HEAD
    with a Range gets 206 as Tornado does, although RFC 9110 knows it for GET alone.

    Settings of an application that make it one: ``static_path``, ``static_url_prefix``,
    ``static_handler_class``, ``static_handler_args``.
    """

    CACHE_MAX_AGE = 86400 * 365 * 10  # seconds
    MAX_VERSION_CONTENT_SIZE = 64 * 1024 * 1024  # bytes; a larger file gets no version
    MAX_CACHED_VERSIONS = 10000  # entries; the least recently used goes first

    _static_hashes: ClassVar[dict[str, str | None]] = {}
    __hashed_files: ClassVar[dict[str, Identity | None]] = {}  # as they were then
    _lock = threading.Lock()  # guards both

    # On the class, as subclasses have an `initialize` of their own that knows nothing of it.
    allowed_symlink_directory: str | list[str] | None = None

    def initialize(
        self,
        path: str,
        default_filename: str | None = None,
        allowed_symlink_directory: str | list[str] | None = None,
    ) -> None:
        self.root = path
        self.default_filename = default_filename
        self.allowed_symlink_directory = allowed_symlink_directory

    @classmethod
    def reset(cls) -> None:
        """Forget the versions."""
        with cls._lock:
            cls._static_hashes = {}
            cls.__hashed_files = {}

    # -- the response ------------------------------------------------------------------------------

    def head(self, path: str) -> Awaitable[None]:
        return self.get(path, include_body=False)

    async def get(self, path: str, include_body: bool = True) -> None:
        self.path = self.parse_url_path(path)
        wanted = self.get_absolute_path(self.root, self.path)
        self.absolute_path = found = self.validate_absolute_path(self.root, wanted)
        if found is None:  # redirected
            return
        if self.__is_plain():
            stat = self._stat()
            self.__forget_if_replaced(found, stat)
            if stat.st_size > _LARGE:
                await self.__hash_in_a_thread(found)
        await self.__answer(include_body)

    async def __hash_in_a_thread(self, absolute_path: str) -> None:
        lane = lanes_of(asyncio.get_running_loop()).files
        try:
            await lane.run(self._get_cached_version, absolute_path)
        except LaneFull as full:
            raise HTTPError(503, str(full)) from None

    async def __answer(self, include_body: bool) -> None:
        self.modified = self.get_modified_time()
        self.set_headers()
        if failed(self.request.headers.get, self.__own_etag(), self.modified):
            raise HTTPError(412)
        if self.should_return_304():
            self.set_status(304)
            return
        size = self.get_content_size()
        part = self.__wanted_part(size)
        if part is None:
            self.set_status(416)
            self.set_header("Content-Type", "text/plain")
            self.set_header("Content-Range", f"bytes */{size}")
            return
        start, end = part
        length = (size if end is None else end) - (start or 0)
        if length != size:
            # NOTE: not for the whole of it: browsers refuse 206 for "bytes=0-".
            self.set_status(206)
            self.set_header("Content-Range", _get_content_range(start, end, size))
        self.set_header("Content-Length", length)
        if include_body:
            await self.__send(start, end, length)

    def __wanted_part(self, size: int) -> tuple[int | None, int | None] | None:
        """Return the slice that the request asks for, (None, None) for all, None if it cannot be
        had (RFC 9110 §14.1.2). What is no range of ours is ignored."""
        headers = self.request.headers
        field = headers.get("Range")
        wanted = _parse_request_range(field) if field else None
        if wanted is None or not range_applies(
            headers.get("If-Range"), self.__own_etag(), self.modified
        ):
            return None, None
        start, end = wanted
        if start is not None and start < 0:
            start = max(start + size, 0)
        if end == 0 or (start is not None and (start >= size or (end and start >= end))):
            return None
        return start, min(end, size) if end else end

    async def __send(self, start: int | None, end: int | None, length: int) -> None:
        assert self.absolute_path is not None
        if self.__is_plain():
            await self.__send_file(self.absolute_path, start or 0, length)
            return
        content: bytes | Iterable[bytes] = self.get_content(self.absolute_path, start, end)
        for chunk in [content] if isinstance(content, bytes) else content:
            self.write(chunk)
            try:
                await self.flush()
            except OSError:  # the client has gone
                return

    async def __send_file(self, absolute_path: str, start: int, length: int) -> None:
        """Send *length* bytes of our own file; begin anew if it has been replaced meanwhile."""
        file, found = open_regular(absolute_path)
        with file:
            if identity(found) == identity(self._stat()):
                await self.__send_open_file(file, start, length)
                return
        # Length and ETag would be the old file's, and stay in caches.
        self._stat_result = found
        self.__forget_if_replaced(absolute_path, found)
        self.set_status(200)
        self.clear_header("Content-Range")
        await self.__answer(include_body=True)

    async def __send_open_file(self, file: BinaryIO, start: int, length: int) -> None:
        # PERF: up to 256 KiB are sent together with the header section: 100 KiB at half the cost of
        # two pieces. Not where a transform has to decide first whether the file is compressed.
        if length <= _LARGE and not self._transforms:
            content = os.pread(file.fileno(), length, start)
            if len(content) != length:
                raise HTTPError(500, "%s became shorter while it was read", self.path)
            self.write(content)
            return
        if length > _LARGE and await self.__is_sent_by_server(file, start, length):
            return
        chunks = read_part(file, start, start + length)
        lane = lanes_of(asyncio.get_running_loop()).files if length > _LARGE else None
        while length > 0:
            chunk = await _next_of(chunks, lane)
            if not chunk:
                raise HTTPError(500, "%s became shorter while it was sent", self.path)
            length -= len(chunk)
            self.write(chunk)
            try:
                await self.flush()
            except OSError:  # the client has gone
                return

    async def __is_sent_by_server(self, file: BinaryIO, start: int, length: int) -> bool:
        """Have the server send a part of a file, without a byte of it in this process; return
        whether it does."""
        send = getattr(self.request.connection, "send_file", None)
        kind = type(self)
        if (
            send is None
            or self._transforms
            or any(getattr(kind, name) is not shipped for name, shipped in _WRITING)
        ):
            return False
        try:
            await self.flush()
            sent = send(file, start, length)
            if sent is None:
                return False
            await sent
        except OSError:  # the client has gone
            pass
        return True

    def compute_etag(self) -> str | None:
        """Return the version as the ETag, the same for a part as for the whole."""
        assert self.absolute_path is not None
        version = self._get_cached_version(self.absolute_path)
        return f'"{version}"' if version else None

    def set_headers(self) -> None:
        """Set the headers that speak of the content and of caching."""
        self.set_header("Accept-Ranges", "bytes")
        self.set_etag_header()
        kind = self.get_content_type()
        seconds = self.get_cache_time(self.path, self.modified, kind)
        fields = {"Last-Modified": self.modified, "Content-Type": kind}
        if seconds > 0:
            fields["Expires"] = datetime.now(UTC) + timedelta(seconds=seconds)
            fields["Cache-Control"] = f"max-age={seconds}"
        for name, value in fields.items():
            if value:
                self.set_header(name, value)
        self.set_extra_headers(self.path)

    def set_extra_headers(self, path: str) -> None:
        """Set further headers. Programs override it."""

    def should_return_304(self) -> bool:
        """Tell whether the client has the content already (RFC 9110 §13.2.2)."""
        field = self.request.headers.get
        if field("If-None-Match"):
            return self.check_etag_header()
        return not_modified(field, None, self.modified)

    def __own_etag(self) -> str | None:
        etag: str | None = self._headers.get("Etag")
        return etag

    def get_content_type(self) -> str:
        """Return the Content-Type, by the file's name."""
        assert self.absolute_path is not None
        mime_type, encoding = mimetypes.guess_type(self.absolute_path)
        if encoding == "gzip":
            return "application/gzip"  # RFC 6713
        return mime_type if mime_type and encoding is None else "application/octet-stream"

    def get_cache_time(self, path: str, modified: datetime | None, mime_type: str) -> int:
        """Return for how many seconds caches may keep the content unasked, 0 to say nothing."""
        return self.CACHE_MAX_AGE if "v" in self.request.arguments else 0

    # -- the file ----------------------------------------------------------------------------------

    def parse_url_path(self, url_path: str) -> str:
        """Return the file's path for that of the URL, the inverse of `make_static_url`."""
        return url_path.replace("/", os.path.sep)

    @classmethod
    def get_absolute_path(cls, root: str, path: str) -> str:
        """Return where the content is. Raises `HTTPError` 403 if *path* leads out of *root*.

        A subclass may return any text that names the content.
        """
        return absolute(root, path)

    def validate_absolute_path(self, root: str, absolute_path: str) -> str | None:
        """Return the path of the regular file to send, without symbolic links; None if the client
        has been redirected.

        Raises `HTTPError`: 404 if there is none, 403 if it is not to be sent.
        """
        root = check_inside(root, absolute_path, self.path)
        absolute_path = self.__without_links(root, absolute_path)
        if self.default_filename is not None and os.path.isdir(absolute_path):
            here = self.request.path
            if not here.endswith("/"):
                if has_host(here):
                    raise HTTPError(403, "cannot redirect path with two initial slashes")
                self.redirect(f"{root_here()}{here}/", permanent=True)
                return None
            absolute_path = os.path.join(absolute_path, self.default_filename)
            absolute_path = self.__without_links(root, absolute_path)
        self._stat_result = stat_regular(absolute_path, self.path)
        return absolute_path

    def __without_links(self, root: str, absolute_path: str) -> str:
        allowed = self.allowed_symlink_directory
        if not allowed and is_plain(root, absolute_path):
            return absolute_path
        folders = [allowed] if isinstance(allowed, str) else allowed
        return resolved(absolute_path, folders or [root], self.path)

    def _stat(self) -> os.stat_result:
        # A subclass may have validated the path in its own way.
        if not hasattr(self, "_stat_result"):
            assert self.absolute_path is not None
            self._stat_result = os.stat(self.absolute_path)
        return self._stat_result

    def get_content_size(self) -> int:
        """Return the size of the whole content in bytes."""
        return self._stat().st_size

    def get_modified_time(self) -> datetime | None:
        """Return when the content was changed, to the second."""
        return datetime.fromtimestamp(int(self._stat().st_mtime), UTC)

    @classmethod
    def get_content(
        cls, abspath: str, start: int | None = None, end: int | None = None
    ) -> Generator[bytes, None, None]:
        """Return the bytes from *start* to before *end* (None: the content's ends): bytes, or an
        iterator of them. Raises `HTTPError` if *abspath* is no regular file."""
        stat_regular(abspath, abspath)
        file, _ = open_regular(abspath)
        with file:
            yield from read_part(file, start, end)

    def __is_plain(self) -> bool:
        """Tell whether this is a file of ours, not content that a subclass gives."""
        kind = type(self)
        return all(_function(kind, name) is shipped for name, shipped in _SHIPPED)

    # -- versions ----------------------------------------------------------------------------------

    @classmethod
    def make_static_url(cls, settings: Settings, path: str, include_version: bool = True) -> str:
        """Return the URL of a file, with a version if it has one, relative to the host.

        *settings* are those of the application.
        """
        url: str = settings.get("static_url_prefix", "/static/") + path
        version = cls.get_version(settings, path) if include_version else None
        return f"{url}?v={version}" if version else url

    @classmethod
    def get_version(cls, settings: Settings, path: str) -> str | None:
        """Return the version of a file, None if it has none. *path* must not come from a client:
        the file is read."""
        return cls._get_cached_version(cls.get_absolute_path(settings["static_path"], path))

    @classmethod
    def get_content_version(cls, abspath: str) -> str:
        """Return the version of the content: its SHA-512. Raises `ValueError` if it is larger than
        `MAX_VERSION_CONTENT_SIZE`."""
        data: bytes | Generator[bytes, None, None] = cls.get_content(abspath)
        digest = hashlib.sha512()
        size = 0
        chunks = iter([data]) if isinstance(data, bytes) else data
        try:
            for chunk in chunks:
                size += len(chunk)
                if size > cls.MAX_VERSION_CONTENT_SIZE:
                    raise ValueError(
                        "content is larger than MAX_VERSION_CONTENT_SIZE"
                        f" ({cls.MAX_VERSION_CONTENT_SIZE} bytes)"
                    )
                digest.update(chunk)
        finally:
            if isinstance(chunks, Generator):
                chunks.close()  # and with it the file
        return digest.hexdigest()

    @classmethod
    def _get_cached_version(cls, abs_path: str) -> str | None:
        with cls._lock:
            hashes = cls._static_hashes
            if abs_path in hashes:
                version = hashes[abs_path] = hashes.pop(abs_path)  # now the last
                return version or None
        # NOTE: not under the lock, where the loop would wait for a thread that hashes.
        seen = identity_of(abs_path)
        try:
            version = cls.get_content_version(abs_path)
        except Exception as error:
            _log.error("Could not open static file %r: %s", abs_path, error)
            version = None
        with cls._lock:
            hashes = cls._static_hashes
            while hashes and len(hashes) >= cls.MAX_CACHED_VERSIONS:
                oldest = next(iter(hashes))
                del hashes[oldest]
                cls.__hashed_files.pop(oldest, None)
            hashes[abs_path] = version
            cls.__hashed_files[abs_path] = seen
        return version or None

    @classmethod
    def __forget_if_replaced(cls, abs_path: str, found: os.stat_result) -> None:
        """Forget a version that is not that of the file that is there now."""
        with cls._lock:
            if cls.__hashed_files.get(abs_path) not in (None, identity(found)):
                del cls.__hashed_files[abs_path]
                cls._static_hashes.pop(abs_path, None)


async def _next_of(chunks: Iterator[bytes], lane: Lane | None) -> bytes:
    """Read the next chunk, in a thread of *lane* if there is one; empty at the end."""
    if lane is not None:
        # A download that has begun goes on when the thread pool is full, for as long as it is.
        with suppress(LaneFull):
            return await lane.run(next, chunks, b"")
    return next(chunks, b"")


def _function(kind: type, name: str) -> Any:
    """Return the function behind a method or a class method."""
    method = getattr(kind, name)
    return getattr(method, "__func__", method)


_WRITING = [(name, getattr(RequestHandler, name)) for name in ("flush", "write")]
_SHIPPED = [
    (name, _function(StaticFileHandler, name))
    for name in ("get_content", "get_content_size", "get_content_version")
]
