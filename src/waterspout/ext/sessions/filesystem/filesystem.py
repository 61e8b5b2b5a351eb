"""The interface over files of cachelib."""

from __future__ import annotations

from pathlib import Path

from ... import needs_extra
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
        key_prefix: str = Defaults.SESSION_KEY_PREFIX,
        use_signer: bool = Defaults.SESSION_USE_SIGNER,
        permanent: bool = Defaults.SESSION_PERMANENT,
        sid_length: int = Defaults.SESSION_ID_LENGTH,
        serialization_format: str = Defaults.SESSION_SERIALIZATION_FORMAT,
        cache_dir: str | None = Defaults.SESSION_FILE_DIR,
        threshold: int = Defaults.SESSION_FILE_THRESHOLD,
        mode: int = Defaults.SESSION_FILE_MODE,
    ) -> None:
        folder = Path.cwd() / "flask_session" if cache_dir is None else cache_dir
        super().__init__(
            app,
            FileSystemCache(str(folder), threshold=threshold, mode=mode),
            key_prefix,
            use_signer,
            permanent,
            sid_length,
            serialization_format,
        )
