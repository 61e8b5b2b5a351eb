"""Tornado's ``tcpserver``: the installed Tornado's."""

from __future__ import annotations

from tornado.tcpserver import TCPServer

__all__ = ["TCPServer"]
