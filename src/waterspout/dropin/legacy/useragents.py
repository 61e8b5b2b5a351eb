"""`werkzeug.useragents`, whose class moved."""

from __future__ import annotations

from werkzeug.user_agent import UserAgent

__all__ = ["UserAgent"]
