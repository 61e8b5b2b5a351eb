"""Responses that send files: ETag, Last-Modified, ranges, and confinement to a folder."""

from __future__ import annotations

import os
import posixpath
import re
import stat
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import IO, TYPE_CHECKING, Any

import werkzeug.utils
from werkzeug.exceptions import NotFound
from werkzeug.security import safe_join
from werkzeug.wsgi import FileWrapper

from .context.request_context import app_ctx, request
from .typing import Argument, Function

if TYPE_CHECKING:
    from .http import Response
    from .interfaces import Application

__all__ = ["send_file", "send_from_directory"]

StrPath = os.PathLike[str] | str

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_CHUNK = 64 * 1024  # bytes read at a time where the server does not send the file itself


def send_file(
    path_or_file: StrPath | IO[bytes],
    mimetype: str | None = None,
    as_attachment: bool = False,
    download_name: str | None = None,
    conditional: bool = True,
    etag: bool | str = True,
    last_modified: datetime | int | float | None = None,
    max_age: int | Callable[[str | None], int | None] | None = None,
) -> Response:
    """Return a response that sends a file.

    *path_or_file* is a path, relative to the application's root path, or a file open in binary mode
    at its start. Never pass a path that came from a client: that is what `send_from_directory` is
    for.

    *mimetype* is guessed from *download_name*, or the path's last part. *as_attachment* makes
    browsers save the file. With *conditional* the response is a 412, 304, 206 or 416 where the
    request asks for that (`Response.make_conditional`). *etag* and *last_modified* are taken from
    the file unless given. *max_age* is in seconds, by default what `App.get_send_file_max_age`
    says; None lets caches keep the file but ask each time.

    Raises `OSError` for a path that cannot be read, `TypeError` where a name or type is needed and
    missing, `ValueError` for a file in text mode. (Flask's `send_file`.)
    """
    app: Application = app_ctx.app
    path = os.fspath(path_or_file) if hasattr(path_or_file, "__fspath__") else path_or_file
    name = path if download_name is None and isinstance(path, str) else download_name
    if name is not None and _CONTROL.search(name):
        # SECURITY: a header cannot carry it (CVE-2022-36359); RFC 6266 section 4.3 lets us replace
        # it.
        download_name = _CONTROL.sub("_", os.path.basename(name))
    make = partial(
        werkzeug.utils.send_file,
        path,
        mimetype=mimetype,
        as_attachment=as_attachment,
        download_name=download_name,
        conditional=conditional,
        etag=etag,
        last_modified=last_modified,
        max_age=app.get_send_file_max_age if max_age is None else max_age,
        use_x_sendfile=app.config["USE_X_SENDFILE"],
        response_class=app.response_class,
        _root_path=app.root_path,
    )
    response: Response = _of_one_file(app, path, make)
    return response


def _of_one_file(app: Application, path: Any, make: Function) -> Any:
    """Make the response; make it again if the file was replaced between `stat` and `open`:
    length and ETag would be the old one's, and stay in caches."""
    full = os.path.join(app.root_path, path) if isinstance(path, str) else None
    for attempts_left in (2, 1, 0):
        before = None if full is None else identity(os.stat(full))
        response = make(request.environ)
        body = getattr(response.response, "iterable", response.response)  # a range wraps the file
        if not isinstance(body, FileWrapper):
            break
        body.buffer_size = _CHUNK
        if before is None or not attempts_left:
            break
        if before == identity(os.fstat(body.file.fileno())):
            break
        response.close()
    return response


def identity(found: os.stat_result) -> tuple[int, ...]:
    """Return what another file, or the same one after a change, has not."""
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def send_from_directory(directory: StrPath, path: StrPath, **kwargs: Argument) -> Response:
    """Return a response that sends the file *path*, which may come from a client, from below
    *directory*, which must not.

    *directory* is relative to the application's root path; *kwargs* are those of `send_file`.
    Raises 404 `NotFound` unless *path* leads to a regular file inside *directory*. A symbolic link
    that leads out of it counts as missing, unless the setting SEND_FILE_FOLLOW_SYMLINKS is on.
    (Flask's `send_from_directory`.)
    """
    app: Application = app_ctx.app
    root = os.path.join(app.root_path, os.fspath(directory))
    full = find_below(app, root, os.fspath(path))
    if full is None:
        raise NotFound()
    try:
        return send_file(full, **kwargs)
    except FileNotFoundError:  # deleted since we looked
        raise NotFound() from None


def find_below(app: Application, root: str, path: str) -> str | None:
    """Return the full path of the regular file that *path* names below *root*, None without one,
    and for one to which a symbolic link leads out of *root* that *app* does not follow."""
    full = safe_join(root, path)
    if full is None:
        return None
    if os.name == "nt" and ":" in path:
        return None  # SECURITY: "x.txt::$DATA" is x.txt under a name that no other check knows
    try:
        if not stat.S_ISREG(os.stat(full).st_mode):
            return None
        if not _leaves(root, path, full) or app.config["SEND_FILE_FOLLOW_SYMLINKS"]:
            return full
    except (OSError, ValueError):  # missing, too long, or with a NUL
        return None
    app.logger.warning(
        "Not sending %r: a symbolic link leads out of %r. If that is meant, switch"
        " SEND_FILE_FOLLOW_SYMLINKS on.",
        full,
        root,
    )
    return None


def _leaves(root: str, path: str, full: str) -> bool:
    """Tell whether a symbolic link below *root* makes *path* end outside of it.

    PERF: one `lstat` for each part of the path, 22 µs instead of 50 for two `realpath`, which are
    called only where there is a link. *root* itself may be a link, as deployments have it.
    """
    at = root
    for part in posixpath.normpath(path).split("/"):
        at = os.path.join(at, part)
        if stat.S_ISLNK(os.lstat(at).st_mode):
            inside = os.path.join(os.path.realpath(root), "")
            return not os.path.realpath(full).startswith(inside)
    return False
