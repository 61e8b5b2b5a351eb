"""Static files that lie beside a compressed variant of theirs: ``app.js`` and ``app.js.br``.

With the setting SEND_FILE_PRECOMPRESSED a client that accepts a variant's coding gets the variant
(RFC 9110 §12.5.3). One that is older than its file is left alone: the file was changed after it had
been compressed.
"""

from __future__ import annotations

import mimetypes
import os
from typing import TYPE_CHECKING, NamedTuple

from werkzeug.datastructures import Accept
from werkzeug.exceptions import NotFound
from werkzeug.http import parse_accept_header

from ..context.request_context import app_ctx, request
from ..files import find_below, send_file, send_from_directory

if TYPE_CHECKING:
    from ..http import Response
    from ..interfaces import Application

__all__ = ["Variant", "find_variant", "send_static"]

#: Content codings and the suffixes of their files, the smaller ones first.
_CODINGS = (("br", ".br"), ("gzip", ".gz"))


class Variant(NamedTuple):
    """The file that is sent: its path, its content coding (None: as it is), and whether other
    clients get another one."""

    path: str
    coding: str | None
    varies: bool


def find_variant(app: Application, root: str, name: str, accepted: str | None) -> Variant | None:
    """Return what a client gets for the file *name* below *root* whose Accept-Encoding is
    *accepted*; None if there is no such file (`files.find_below`)."""
    path = find_below(app, root, name)
    if path is None or not app.config["SEND_FILE_PRECOMPRESSED"]:
        return None if path is None else Variant(path, None, False)
    accepts = parse_accept_header(accepted, Accept)
    best: Variant | None = None
    varies = False
    quality = 0.0
    for coding, suffix in _CODINGS:
        found = find_below(app, root, name + suffix)
        if found is None or _is_older(found, path):
            continue
        varies = True
        wish = accepts.quality(coding)
        if wish > quality:
            best, quality = Variant(found, coding, True), wish
    return best or Variant(path, None, varies)


def _is_older(path: str, other: str) -> bool:
    try:
        return os.stat(path).st_mtime_ns < os.stat(other).st_mtime_ns
    except OSError:  # it is gone
        return True


def send_static(folder: str, name: str, max_age: int | None) -> Response:
    """Return a response that sends the file *name* of a static *folder*, or a variant of it.

    Raises 404 `NotFound` for a name that is not below the folder.
    """
    app: Application = app_ctx.app
    if not app.config["SEND_FILE_PRECOMPRESSED"]:
        return send_from_directory(folder, name, max_age=max_age)
    root = os.path.join(app.root_path, folder)
    found = find_variant(app, root, name, request.headers.get("Accept-Encoding"))
    if found is None:
        raise NotFound()
    kind = None
    if found.coding is not None:
        # Of the name, whose own suffix may say that it is compressed already.
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    try:
        response = send_file(found.path, mimetype=kind, max_age=max_age)
    except FileNotFoundError:  # deleted since we looked
        raise NotFound() from None
    if found.coding is not None and response.status_code in (200, 206):
        response.headers["Content-Encoding"] = found.coding
    if found.varies:
        response.vary.add("Accept-Encoding")
    return response
