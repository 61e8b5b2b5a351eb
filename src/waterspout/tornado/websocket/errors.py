"""Errors of WebSockets, under Tornado's names."""

from __future__ import annotations


class WebSocketError(Exception):
    """Something went wrong with a WebSocket."""


class WebSocketClosedError(WebSocketError):
    """The connection is closed, and can do no more."""
