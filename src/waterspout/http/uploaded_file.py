"""Uploaded files of views: Werkzeug's `FileStorage`, saved without a copy where the system can.

A large upload lies in an unnamed temporary file (`spooled_body`). `save` gives that file the name
it is to have, if that is on the same file system. A second copy is made where the two would not be
the same: see `UploadStream.link`.
"""

from __future__ import annotations

import io
import os
import shutil
import stat
import tempfile
from collections.abc import Iterable
from functools import cache
from typing import IO, TYPE_CHECKING, Any, cast

from werkzeug.datastructures import FileStorage

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

__all__ = ["UploadStream", "UploadedFile"]

#: As Werkzeug's: bytes above which a file that is in memory moves to the disk when it grows.
_IN_MEMORY = 500 * 1024
#: Bytes that are copied at once.
_COPIED = 256 * 1024
_DEFAULT_ACL = "system.posix_acl_default"


class UploadStream(tempfile.SpooledTemporaryFile[bytes]):
    """The content of an uploaded file: bytes in memory, or an open temporary file.

    NOTE: of the class that Werkzeug has for large uploads, and with its attributes.
    """

    def __init__(self, content: bytes | IO[bytes]) -> None:
        super().__init__(max_size=_IN_MEMORY)
        self._is_linked = False
        if isinstance(content, bytes):
            self._file: Any = io.BytesIO(content)
        else:
            # A handle of its own, as the body is closed at the end of the request.
            self._file = os.fdopen(os.dup(content.fileno()), "r+b")
            self._file.seek(0)
            self._rolled = True

    # -- writing: a file that has a name is the program's, and is not changed any more ------------

    def _leave_linked(self) -> None:
        if self._is_linked:
            linked = self._file
            position = linked.tell()
            linked.seek(0)
            self._file = tempfile.TemporaryFile()  # noqa: SIM115  # as long as this
            shutil.copyfileobj(linked, self._file, _COPIED)
            self._file.seek(position)
            self._is_linked = False
            linked.close()

    def write(self, data: ReadableBuffer) -> int:
        """Write *data* and return its length. Raises `OSError`."""
        self._leave_linked()
        return super().write(data)

    def writelines(self, lines: Iterable[ReadableBuffer]) -> None:
        """Write all *lines*. Raises `OSError`."""
        self._leave_linked()
        super().writelines(lines)

    def truncate(self, size: int | None = None) -> int:
        """Change the length to *size* bytes. Raises `OSError`."""
        self._leave_linked()
        return cast("int", super().truncate(size))  # type: ignore[redundant-cast]

    # -- saving --------------------------------------------------------------------------

    def save(self, path: str) -> None:
        """Write what follows the position to a file at *path*, which is replaced. Raises
        `OSError`."""
        if self._rolled and self.link(path):
            self._file.seek(0, os.SEEK_END)
            return
        with open(path, "wb", buffering=0) as saved:
            if isinstance(self._file, io.BytesIO):
                left = self._file.getbuffer()[self._file.tell() :]
                while left:
                    left = left[saved.write(left) :]
                self._file.seek(0, os.SEEK_END)
            else:
                self._copy_to(saved.fileno())

    def _copy_to(self, handle: int) -> None:
        """Copy what follows the position, in the kernel. Raises `OSError`."""
        source = self._file
        source.flush()
        position = source.tell()
        try:
            while copied := os.copy_file_range(source.fileno(), handle, 1 << 30, position):
                position += copied
        except (AttributeError, OSError):  # not on this system, or not between two file systems
            pass
        source.seek(position)
        with os.fdopen(os.dup(handle), "wb", buffering=0) as rest:
            shutil.copyfileobj(source, rest, _COPIED)

    def link(self, path: str) -> bool:
        """Give the temporary file the name *path*; return False where it has to be copied.

        Copied it is to another file system; in the place of a file, which may have further names
        and permissions; to a folder that gives its files a group or permissions of their own; with
        SELinux, which does the same; when it has a name already; and from the middle.
        """
        file = self._file
        if self._is_linked or file.tell() != 0 or _has_labels():
            return False
        folder, name = os.path.split(path)
        try:
            file.flush()
            handle = os.open(folder or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            if not name or os.fstat(handle).st_mode & stat.S_ISGID or _has_default_acl(handle):
                return False
            # Relative to a folder, since `os.link` follows a symbolic link with one only.
            os.link(f"/proc/self/fd/{file.fileno()}", name, dst_dir_fd=handle)
        except OSError:
            return False
        finally:
            os.close(handle)
        self._is_linked = True
        return True


class UploadedFile(FileStorage):
    """An uploaded file (Werkzeug's `FileStorage`)."""

    def save(self, dst: str | os.PathLike[str] | IO[bytes], buffer_size: int = _COPIED) -> None:
        """Save what follows the position of the stream to a path, or to an open file, which stays
        open. *buffer_size* is how many bytes are copied at once. Raises `OSError`."""
        path = os.fspath(dst) if hasattr(dst, "__fspath__") else dst
        if isinstance(path, str) and isinstance(self.stream, UploadStream):
            self.stream.save(path)
        else:
            super().save(dst, buffer_size)


@cache
def _has_labels() -> bool:
    """Whether SELinux labels new files by their folder."""
    return os.path.exists("/sys/fs/selinux/enforce")


def _has_default_acl(folder: int) -> bool:
    try:
        return bool(os.getxattr(folder, _DEFAULT_ACL))
    except OSError:  # it has none, or the file system knows none
        return False
