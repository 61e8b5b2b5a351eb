"""Tornado's ``locks``: the installed Tornado's, for asyncio like ours."""

from __future__ import annotations

from tornado.locks import BoundedSemaphore, Condition, Event, Lock, Semaphore

__all__ = ["BoundedSemaphore", "Condition", "Event", "Lock", "Semaphore"]
