"""Errors of a login."""

from __future__ import annotations

__all__ = ["AuthError"]


class AuthError(Exception):
    """The service, or what the browser brought back from it, does not confirm the login."""
