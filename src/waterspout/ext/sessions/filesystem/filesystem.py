"""The interface over files of cachelib."""

from __future__ import annotations

from pathlib import Path
from typing import Unpack

from ... import needs_extra
from ..base import Options
from ..cachelib import CacheLibSessionInterface
from ..defaults import Defaults
from ..stored_session import ServerSideSession

with needs_extra("sessions"):
    from cachelib import FileSystemCache

__all__ = ["FileSystemSession", "FileSystemSessionInterface"]


class FileSystemSession(ServerSideSession):
    """A session that is kept in a file."""


class FileSystemSessionInterface(CacheLibSessionInterface):
    """Keeps each session in a file of *cache_dir*, which cachelib pickles: nobody else may write
    there. An SQLite file (SESSION_URL) is faster, and holds no pickles."""

    session_class = FileSystemSession

    def __init__(
        self,
        app: object,
        cache_dir: str | None = Defaults.SESSION_FILE_DIR,
        threshold: int = Defaults.SESSION_FILE_THRESHOLD,
        mode: int = Defaults.SESSION_FILE_MODE,
        **options: Unpack[Options],
    ) -> None:
        folder = Path.cwd() / "flask_session" if cache_dir is None else cache_dir
        super().__init__(
            app,
            FileSystemCache(str(folder), threshold=threshold, mode=mode),
            **options,
        )
