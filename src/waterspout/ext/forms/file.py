"""File fields and what checks uploaded files (the names of `flask_wtf.file`); ours are
`FileContent` and `save_upload`.

SECURITY: name and type of an upload are the client's words. `FileAllowed` looks at the name only;
add `FileContent`, which looks at the bytes, and give the file a name of your own: `save_upload`.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from io import SEEK_END, BytesIO
from pathlib import Path
from typing import IO, Any

from werkzeug.datastructures import FileStorage

from waterspout import run_in_thread
from waterspout.ext import needs_extra
from waterspout.typing import Untyped

from .file_kinds import extension_of, kind_of, known_kinds, smuggles

with needs_extra("forms"):
    from wtforms import FileField as _FileField  # type: ignore[import-untyped]  # it has no types
    from wtforms import MultipleFileField as _MultipleFileField
    from wtforms.validators import (  # type: ignore[import-untyped]  # as above
        DataRequired,
        StopValidation,
        ValidationError,
    )

__all__ = [
    "FileAllowed",
    "FileContent",
    "FileField",
    "FileRequired",
    "FileSize",
    "MultipleFileField",
    "file_allowed",
    "file_required",
    "file_size",
    "save_upload",
    "save_upload_async",
]


def _chosen(values: Iterable[object]) -> list[FileStorage]:
    """Return the files among *values*; an input that was left empty sends one without a name."""
    return [value for value in values if isinstance(value, FileStorage) and value]


class FileField(_FileField):  # type: ignore[misc]  # WTForms has no types
    """A file: ``data`` is a Werkzeug `FileStorage`, or None."""

    def process_formdata(self, valuelist: Iterable[object]) -> None:
        found = _chosen(valuelist)
        if found:
            self.data = found[0]
        else:
            self.raw_data = ()


class MultipleFileField(_MultipleFileField):  # type: ignore[misc]  # as above
    """Several files: ``data`` is a list of `FileStorage`."""

    def process_formdata(self, valuelist: Iterable[object]) -> None:
        found = _chosen(valuelist)
        if found:
            self.data = found
        else:
            self.raw_data = ()


def _files(field: Untyped) -> list[FileStorage]:
    """Return the files of a field; an empty list if one of its values is none."""
    values = field.data if isinstance(field.data, list) else [field.data]
    found = _chosen(values)
    return found if len(found) == len(values) else []


class FileRequired(DataRequired):  # type: ignore[misc]  # as above
    """A file must have been chosen."""

    def __call__(self, form: Untyped, field: Untyped) -> None:
        if not _files(field):
            raise StopValidation(self.message or field.gettext("This field is required."))


class FileAllowed:
    """The file's name must end with one of the extensions *upload_set* (without dot, in lower
    case), or be one that a Flask-Uploads ``UploadSet`` allows."""

    def __init__(self, upload_set: Any, message: str | None = None) -> None:
        self.upload_set = upload_set
        self.message = message

    def __call__(self, form: Untyped, field: Untyped) -> None:
        files = _files(field)
        for file in files:
            name = (file.filename or "").lower()
            if isinstance(self.upload_set, Iterable):
                allowed = any(name.endswith(f".{extension}") for extension in self.upload_set)
                text = "File does not have an approved extension: {extensions}"
                extensions = ", ".join(self.upload_set)
            else:
                allowed = self.upload_set.file_allowed(files, name)
                text, extensions = "File does not have an approved extension.", ""
            if not allowed:
                said = field.gettext(text).format(extensions=extensions)
                raise StopValidation(self.message or said)


class FileSize:
    """The file must have *min_size* to *max_size* bytes.

    Raises:
        TypeError: The stream of the file cannot be sought in, so that it has no size.
    """

    def __init__(self, max_size: int, min_size: int = 0, message: str | None = None) -> None:
        self.min_size = min_size
        self.max_size = max_size
        self.message = message

    def __call__(self, form: Untyped, field: Untyped) -> None:
        for file in _files(field):
            if not self.min_size <= _size_of(file) <= self.max_size:
                text = f"File must be between {self.min_size} and {self.max_size} bytes."
                raise ValidationError(self.message or field.gettext(text))


def _size_of(file: FileStorage) -> int:
    stream = file.stream
    if isinstance(stream, BytesIO):
        return stream.getbuffer().nbytes
    if not file.seekable():
        raise TypeError(
            f"File stream {type(stream).__name__} is not seekable. FileSize validator requires"
            " seekable streams."
        )
    size: int = file.seek(0, SEEK_END)
    file.seek(0)
    return size


class FileContent:
    """The file's bytes must be of one of *kinds* (such as ``["png", "jpeg"]``), and its name must
    say the same. An image must not hold another file within it: markup, a script, an archive.

    The stream is back at its beginning afterwards. Raises:
        ValueError: A kind is not known; the error lists those that are.
    """

    def __init__(self, kinds: Iterable[str], message: str | None = None) -> None:
        self.kinds = frozenset(extension_of(kind) for kind in kinds)
        unknown = self.kinds - known_kinds()
        if unknown:
            raise ValueError(
                f"Unknown kinds of files: {', '.join(sorted(unknown))}; known are"
                f" {', '.join(sorted(known_kinds()))}."
            )
        self.message = message

    def __call__(self, form: Untyped, field: Untyped) -> None:
        for file in _files(field):
            if not self._is_allowed(file):
                text = "File content is not of an approved type: {kinds}"
                said = field.gettext(text).format(kinds=", ".join(sorted(self.kinds)))
                raise StopValidation(self.message or said)

    def _is_allowed(self, file: FileStorage) -> bool:
        named = extension_of(Path(file.filename or "").suffix)
        if named not in self.kinds:
            return False
        try:
            head = file.stream.read(_HEAD)
            file.stream.seek(0)
            return kind_of(head) == named and not smuggles(named, _pieces(file.stream))
        finally:
            file.stream.seek(0)


_HEAD = 64  # bytes: enough for every signature
_PIECE = 64 * 1024  # bytes


def _pieces(stream: IO[bytes]) -> Iterator[bytes]:
    return iter(lambda: stream.read(_PIECE), b"")


def save_upload(
    file: FileStorage, folder: str | os.PathLike[str], kinds: Sequence[str] | None = None
) -> Path:
    """Save *file* in *folder* under a random name and return its path.

    Of the client's name only the extension is kept, in lower case, if it is letters and digits, and
    one of *kinds* where they are given. Never overwrites. Raises `OSError`.
    """
    extension = Path(file.filename or "").suffix.removeprefix(".").lower()
    fits = extension.isascii() and extension.isalnum() and len(extension) <= 10
    if kinds is not None:
        fits = extension in kinds
    name = secrets.token_hex(16) + (f".{extension}" if fits else "")
    path = Path(folder) / name
    with path.open("xb") as target:
        try:
            file.save(target)
        except BaseException:
            path.unlink()
            raise
    return path


async def save_upload_async(
    file: FileStorage, folder: str | os.PathLike[str], kinds: Sequence[str] | None = None
) -> Path:
    """Do as `save_upload`, in a worker thread."""
    return await run_in_thread(save_upload, file, folder, kinds)


file_required = FileRequired
file_allowed = FileAllowed
file_size = FileSize
