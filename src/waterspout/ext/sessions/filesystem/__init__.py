"""Sessions in files (Flask-Session's ``filesystem``)."""

from __future__ import annotations

from .filesystem import FileSystemSession, FileSystemSessionInterface

__all__ = ["FileSystemSession", "FileSystemSessionInterface"]
