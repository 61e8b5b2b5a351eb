"""Tornado's ``queues``: the installed Tornado's, for asyncio like ours."""

from __future__ import annotations

from tornado.queues import LifoQueue, PriorityQueue, Queue, QueueEmpty, QueueFull

__all__ = ["LifoQueue", "PriorityQueue", "Queue", "QueueEmpty", "QueueFull"]
