"""The subdomain of a request's host, for `subdomain_matching` with SERVER_NAME."""

from __future__ import annotations

import warnings

#: Matches no rule, so the request becomes a 404 (Werkzeug's value).
INVALID = "<invalid>"

_standard_ports = {"http": ":80", "https": ":443", "ws": ":80", "wss": ":443"}
_shown: dict[str | tuple[str, type[Warning], int], int] = {}


def subdomain_of(host: str, server_name: str, scheme: str) -> str:
    """Return the part of *host* before *server_name*; `INVALID`, with a warning, if *host* is
    not below it (the request named the server's address, for instance)."""
    host = host.lower()
    name = server_name.lower().removesuffix(_standard_ports.get(scheme, ""))
    if host == name:
        return ""
    if host.endswith(f".{name}"):
        return host.removesuffix(f".{name}")
    # NOTE: programs filter this warning by Flask's module name.
    warnings.warn_explicit(
        f"Current server name {host!r} doesn't match configured server name {name!r}",
        UserWarning,
        filename=__file__,
        lineno=1,
        module="flask.app",
        registry=_shown,
    )
    return INVALID
