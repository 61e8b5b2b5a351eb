"""Small objects behind removed names of `flask`, where no other library has the same thing."""

from __future__ import annotations

import os

from werkzeug.exceptions import NotFound
from werkzeug.security import safe_join as _safe_join

SIGNALS_AVAILABLE = True


def safe_join(directory: str | os.PathLike[str], *pathnames: str | os.PathLike[str]) -> str:
    """Join a trusted directory with untrusted names.

    :raises werkzeug.exceptions.NotFound: the result would lie outside the directory. (Werkzeug's
        function of this name returns None instead.)
    """
    path = _safe_join(os.fspath(directory), *(os.fspath(name) for name in pathnames))
    if path is None:
        raise NotFound()
    return path
