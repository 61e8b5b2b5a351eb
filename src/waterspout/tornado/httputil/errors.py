"""Errors of received and of sent messages."""

from __future__ import annotations

__all__ = ["HTTPInputError", "HTTPOutputError"]


class HTTPInputError(Exception):
    """A peer sent a message that breaks the rules; a server answers it with 400."""


class HTTPOutputError(Exception):
    """A program tried to send a message that breaks the rules, such as a body longer
    than its Content-Length."""
