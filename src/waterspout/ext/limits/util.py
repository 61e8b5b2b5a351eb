"""Whose request it is: functions that give a limit its key (Flask-Limiter's ``util``)."""

from __future__ import annotations

from waterspout import request

__all__ = ["get_remote_address"]


def get_remote_address() -> str:
    """Return the client's IP address, 127.0.0.1 where there is none (a Unix socket).

    Behind a proxy it is the proxy's, unless the server trusts it (``--forwarded-allow-ips``):
    what clients send in ``X-Forwarded-For`` by themselves is not believed.
    """
    return request.remote_addr or "127.0.0.1"
