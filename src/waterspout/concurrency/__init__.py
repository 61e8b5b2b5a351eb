"""Threads, event loops and tasks that run the program's code."""

from __future__ import annotations

from .coroutines import drive

__all__ = ["drive"]
