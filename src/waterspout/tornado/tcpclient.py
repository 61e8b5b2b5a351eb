"""Tornado's ``tcpclient``: the installed Tornado's."""

from __future__ import annotations

from tornado.tcpclient import TCPClient

__all__ = ["TCPClient"]
