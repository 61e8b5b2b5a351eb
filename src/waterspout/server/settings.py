"""The settings of a server: frozen values with units and defaults, checked when they are made.

The defaults follow those of trusted servers (nginx, Go, hyper, Node, gunicorn): every resource
that a client can make us use has a limit, every wait has a deadline.  A program passes a
`ServerSettings`; `from_mapping` and `from_env` convert text to one.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from ..typing import SettingValue, Values

_KIB = 1024
_TRUE = frozenset({"1", "true", "yes", "on", "y", "t"})
_FALSE = frozenset({"0", "false", "no", "off", "n", "f", ""})

_T = TypeVar("_T")


class SettingsError(ValueError):
    """A setting has an impossible value or an unknown name; the text says what to write."""


class FileMode(int):
    """Permission bits; in text they are octal, with or without ``0o`` before them."""

    def __repr__(self) -> str:
        return oct(self)


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits on what one client can make the process keep.  Sizes in bytes.

    The largest body is not here but in the application's ``MAX_CONTENT_LENGTH`` and in
    a route's ``max_content_length``.
    """

    request_line: int = 8 * _KIB
    """Method, target and version; above it 414."""
    header_bytes: int = 32 * _KIB
    """All header fields together, counted while they arrive; above it 431."""
    header_field: int = 8 * _KIB
    """One field, name and value; above it 431."""
    cookie_field: int = 16 * _KIB
    """The same for ``Cookie``, which browsers fill."""
    header_count: int = 100
    """Number of fields; above it 431."""
    chunk_extensions: int = 4 * _KIB
    """Chunk extensions of one body, summed; above it 400."""
    trailer_bytes: int = 32 * _KIB
    """Trailer fields of one body; above it 431."""
    trailer_count: int = 100
    """Number of trailer fields; above it 431."""
    pipeline: int = 16
    """Requests read ahead on one connection; then reading pauses."""
    turn: float = 0.005
    """Seconds for which the requests or messages of one client that came in one read are handled in
    a row; then other clients have their turn."""
    unread_body: int = 1024 * 1024 * _KIB
    """Body bytes that are read and dropped after an early response; above it the connection is
    reset, and a client that still sends may not see the response. See also the timeouts."""
    requests_per_connection: int = 10_000
    """Requests on one connection; the response to the last one says ``Connection: close``."""
    connection_age: float = 3600.0
    """Seconds that a connection may live; the next response then says ``Connection: close``."""
    max_connections: int = 10_000
    """Open connections of one process; at the limit idle ones are closed for new ones, and if there
    are none, accepting pauses."""
    max_websockets: int = 10_000
    """Open WebSockets of one process; the next gets 503 with ``Retry-After``."""
    memory: int = 512 * 1024 * _KIB
    """Bytes that the clients of one process together may make it keep: bodies that wait in memory,
    and responses and messages that slow clients have not read. Above it requests get 503
    with ``Retry-After``, and WebSockets that do not read are dropped at their next message."""
    requests_per_worker: int = 0
    """Requests after which a worker process is replaced by a new one; 0: never."""
    requests_per_worker_jitter: int = 0
    """Up to this many more, at random, so that workers are not all replaced at once."""

    def __post_init__(self) -> None:
        free = {"unread_body", "requests_per_worker", "requests_per_worker_jitter"}
        _check_positive(self, allow_zero=free)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long one client may make the server wait.  Seconds."""

    header: float = 10.0
    """From the first byte of a request to the end of its header section; then 408."""
    body_idle: float = 20.0
    """Without a byte of the body; then 408."""
    body_rate: float = 500.0
    """Bytes a second that a body must reach, averaged over `body_rate_over` and the longest pause
    in it; 0: no minimum."""
    body_rate_over: float = 10.0
    """Seconds that the body rate is averaged over."""
    unread_body: float = 30.0
    """Spent on dropping the rest of an unwanted body, so that a client which sends all of
    it first (a proxy) sees the response."""
    unread_idle: float = 5.0
    """The same, without a byte of it."""
    write: float = 30.0
    """Without the client reading a byte of a response; then the connection is dropped."""
    keep_alive: float = 75.0
    """Idle between two requests, then the connection is closed; set it above the proxy's own
    limit."""
    boot: float = 120.0
    """For a worker to import the application and to start; then another one is tried."""
    graceful: float = 10.0
    """For the whole of a stop: draining, running requests, hooks."""
    drain: float = 0.0
    """Between "not ready" and the end of accepting, so that a load balancer notices."""
    linger: float = 1.0
    """A stop leaves connections that were used within this time open for one more request; those
    without any request at least a second."""

    def __post_init__(self) -> None:
        _check_positive(self, allow_zero={"body_rate", "graceful", "drain", "linger"})


@dataclass(frozen=True, slots=True)
class Threads:
    """The threads for ``def`` code. `waterspout.thread_stats` shows their use."""

    views_min: int = 4
    """Threads for requests that are kept when idle."""
    views_max: int = 40
    """Most threads that run requests at a time; each request keeps its thread to its end."""
    kept: int = 1000
    """Further threads, of requests that stream, serve a WebSocket or wait in ``async def`` code;
    the next one gets 503 with ``Retry-After``."""
    queue: int = 1000
    """Requests that wait for a thread; the next one gets 503 with ``Retry-After``."""
    idle: float = 30.0
    """Seconds after which an idle thread above the minimum ends."""
    side: int = 4
    """Threads for the server's own file operations: bodies on disk, files of request handlers."""
    background: int = 40
    """Threads for ``run_in_thread`` and ``spawn``; a thousand calls may wait
    for them."""
    switch: float = 0.001
    """Seconds after which Python takes the interpreter from a thread that computes while others
    wait for it (`sys.setswitchinterval`), in a process that serves; Python's own are 0.005. A
    program that has set it keeps its value."""

    def __post_init__(self) -> None:
        _check_positive(self, allow_zero={"queue"})
        if self.views_min > self.views_max:
            raise SettingsError(
                f"threads.views_min ({self.views_min}) is above threads.views_max"
                f" ({self.views_max}); lower the one or raise the other."
            )


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """All settings of one server.  Immutable; `evolve` makes a changed copy.

    >>> ServerSettings(port=8000).evolve(workers=2).port
    8000
    """

    host: str = "127.0.0.1"
    """Name or address; ``""`` or ``"*"`` listens on every address, IPv4 and IPv6."""
    port: int = 5000
    """TCP port; 0 takes a free one."""
    uds: str | None = None
    """Path of a UNIX socket, instead of host and port."""
    uds_mode: FileMode | int | None = FileMode(0o666)  # noqa: RUF009  # immutable
    """Permission bits of the UNIX socket, in text octal (``0660``); None: as the umask leaves them.
    Who may write to it can connect: with the default also a proxy under another user."""
    fds: tuple[int, ...] = ()
    """Listening sockets inherited as file descriptors, instead of host and port."""
    backlog: int = 2048
    """Connections the kernel queues before they are accepted."""
    workers: int = 1
    """Worker processes; above 1 they run under gunicorn's arbiter."""
    loop: str = "auto"
    """``"uvloop"``, ``"asyncio"``, or ``"auto"``: uvloop where it is installed."""
    certfile: str | None = None
    """PEM certificate chain; turns TLS on.  ``"adhoc"`` makes a throw-away one."""
    keyfile: str | None = None
    """PEM private key; None: it is in `certfile`."""
    key_password: str | None = field(default=None, repr=False)
    """Password of an encrypted private key."""
    ca_certs: str | None = None
    """PEM authorities; clients must then show a certificate one of them signed."""
    ssl_context: ssl.SSLContext | None = field(default=None, repr=False)
    """A ready context, instead of the four above."""
    access_log: str | None = None
    """``"-"`` for standard output, or a file's path; None: no access log."""
    access_format: str = "text"
    """``"text"`` (the combined format) or ``"json"`` (one object a line)."""
    debug: bool = False
    """Show tracebacks to the client.  Never on a public address."""
    reload: bool = False
    """Restart on changed files (development)."""
    reload_dirs: tuple[str, ...] = ()
    """Directories to watch besides the working directory."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks whose ``X-Forwarded-…`` and ``X-Request-ID`` fields are trusted;
    ``"unix"``: any peer on a UNIX socket, ``"*"``: any peer."""
    forwarded_fields: tuple[str, ...] = ("for", "proto")
    """The fields that are trusted: ``"for"`` (the client's address), ``"proto"`` (the scheme),
    ``"host"``, ``"port"``, ``"prefix"``. Name only fields that your proxy always sets itself: many
    pass on what the client wrote."""
    proxy_protocol: tuple[str, ...] = ()
    """Peers that begin each connection with a header of the PROXY protocol (version 1 or 2), which
    names the client: addresses or networks, ``"unix"``, ``"*"``. Others are the client
    themselves."""
    limits: Limits = field(default_factory=Limits)
    timeouts: Timeouts = field(default_factory=Timeouts)
    threads: Threads = field(default_factory=Threads)
    _proxy_networks: tuple[IPv4Network | IPv6Network, ...] = field(
        init=False, repr=False, compare=False
    )
    _preamble_networks: tuple[IPv4Network | IPv6Network, ...] = field(
        init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        _check_port(self.port)
        if self.uds_mode is not None and not 0 <= self.uds_mode <= 0o777:
            raise SettingsError(
                f"uds_mode is {self.uds_mode!r}; expected permission bits, such as 0o660."
            )
        if self.workers < 1:
            raise SettingsError(f"workers is {self.workers!r}; write 1 or more.")
        if self.backlog < 1:
            raise SettingsError(f"backlog is {self.backlog!r}; write 1 or more (2048 is usual).")
        _check_choice("loop", self.loop, ("auto", "uvloop", "asyncio"))
        _check_choice("access_format", self.access_format, ("text", "json"))
        if self.keyfile and not self.certfile:
            raise SettingsError("keyfile is set but certfile is not; TLS needs the certificate.")
        if self.reload and self.workers > 1:
            raise SettingsError(
                "reload restarts one development process; it does not go with"
                f" workers={self.workers}. Use workers=1, or reload the workers with SIGHUP."
            )
        for name in self.forwarded_fields:
            _check_choice("forwarded_fields", name, ("for", "proto", "host", "port", "prefix"))
        for name in ("trusted_proxies", "proxy_protocol"):
            named = (text for text in getattr(self, name) if text not in {"*", "unix"})
            networks = tuple(_network(name, text) for text in named)
            object.__setattr__(self, _NETWORKS[name], networks)

    @property
    def tls(self) -> bool:
        """True if connections are encrypted."""
        return self.ssl_context is not None or self.certfile is not None

    def trusts(self, peer: str) -> bool:
        """Return True if `peer` (an address, or ``""`` / a path for UNIX) is a trusted proxy.

        SECURITY: empty by default, so ``X-Forwarded-For`` of a client is never trusted
        (CVE-2019-12781 class).
        """
        return _is_among(peer, self.trusted_proxies, self._proxy_networks)

    def speaks_proxy_protocol(self, peer: str) -> bool:
        """Return True if a connection of `peer` (as in `trusts`) begins with a PROXY header."""
        return _is_among(peer, self.proxy_protocol, self._preamble_networks)

    def trusts_hop(self, address: str) -> bool:
        """Return True if the entry before `address` in ``X-Forwarded-For`` can be trusted:
        `address` is named as a proxy.

        SECURITY: ``"*"`` and ``"unix"`` trust the peer of the connection, and not the peer's own
        client, which can be anybody.
        """
        found = _parsed(address)
        return found is not None and any(found in network for network in self._proxy_networks)

    def evolve(self, **changes: object) -> ServerSettings:
        """Return a copy with `changes`; the names are checked as in `from_mapping`."""
        return _build(ServerSettings, changes, base=self, where="")

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, object]) -> ServerSettings:
        """Build from a mapping such as a parsed TOML table; text is converted by field type.

        The groups are nested: ``{"port": 8000, "timeouts": {"graceful": 30}}``.
        """
        return _build(cls, mapping, base=cls(), where="")

    @classmethod
    def from_env(
        cls, environ: Mapping[str, str] | None = None, base: ServerSettings | None = None
    ) -> ServerSettings:
        """Build from variables: ``WATERSPOUT_PORT=8000``, ``WATERSPOUT_TIMEOUTS_GRACEFUL=30``.

        Other ``WATERSPOUT_…`` names belong to other parts and are left alone, but a wrong name
        in a group (``WATERSPOUT_LIMITS_…``) is an error.
        """
        environ = os.environ if environ is None else environ
        names = {item.name for item in fields(cls)}
        found: Values = {}
        for variable, text in environ.items():
            if not variable.startswith("WATERSPOUT_"):
                continue
            name = variable.removeprefix("WATERSPOUT_").lower()
            group, _, rest = name.partition("_")
            if group in _GROUPS and rest:
                found.setdefault(group, {})[rest] = text
            elif name in names and name not in _GROUPS:
                found[name] = text
        return _build(cls, found, base=base or cls(), where="WATERSPOUT_")


#: Fields that name peers, and where their networks are kept.
_NETWORKS = {"trusted_proxies": "_proxy_networks", "proxy_protocol": "_preamble_networks"}
_GROUPS: Mapping[str, type] = {"limits": Limits, "timeouts": Timeouts, "threads": Threads}


def _build(cls: type[_T], values: Mapping[str, object], *, base: _T, where: str) -> _T:
    hints = _types(cls)
    changes: Values = {}
    for name, value in values.items():
        label = f"{where}{name.upper()}" if where.startswith("WATERSPOUT_") else f"{where}{name}"
        if name not in hints:
            near = get_close_matches(name, hints, 1)
            hint = f" Did you mean {near[0]!r}?" if near else f" Known: {', '.join(hints)}."
            raise SettingsError(f"There is no server setting {label}.{hint}")
        group = _GROUPS.get(name)
        if group is not None and isinstance(value, Mapping):
            inner = label + ("_" if label.isupper() else ".")
            changes[name] = _build(group, value, base=getattr(base, name), where=inner)
        else:
            changes[name] = _convert(label, value, hints[name])
    return replace(base, **changes)  # type: ignore[type-var]  # _T is one of our dataclasses


def _types(cls: type) -> Values:
    """Map the public field names to their types."""
    hints = get_type_hints(cls)
    return {item.name: hints[item.name] for item in fields(cls) if item.init}


def _convert(name: str, value: object, kind: object) -> object:
    """Convert text to `kind`; return values of another type unchanged."""
    allowed = [part for part in get_args(kind) if part is not type(None)]
    optional = type(None) in get_args(kind)
    if value is None and optional:
        return None
    if get_origin(kind) is tuple:
        item = allowed[0]
        if isinstance(value, str):
            value = [part.strip() for part in value.split(",") if part.strip()]
        elif not isinstance(value, Iterable):
            value = [value]
        return tuple(_convert(name, one, item) for one in value)
    target = allowed[0] if optional else kind
    if not isinstance(value, str) or target is str:
        return _as_given(name, value, target)
    text = value.strip()
    if optional and text.lower() in {"", "none"}:
        return None
    try:
        return _from_text(text, target)
    except ValueError:
        raise SettingsError(f"{name} is {value!r}; expected {_spoken(target)}.") from None


def _as_given(name: str, value: SettingValue, target: Any) -> object:
    if target is float and type(value) is int:
        return float(value)
    if target is FileMode and type(value) is int:
        return FileMode(value)
    if target is object or (isinstance(value, target) and (target is bool or value is not True)):
        return value
    if target is str and isinstance(value, os.PathLike):
        return os.fspath(value)
    raise SettingsError(f"{name} is {value!r}; expected {_spoken(target)}.")


def _from_text(text: str, target: object) -> object:
    if target is bool:
        if text.lower() in _TRUE:
            return True
        if text.lower() in _FALSE:
            return False
        raise ValueError(text)
    if target is FileMode:
        return int(text, 8)
    if target is int:
        return int(text, 0) if text[:2].lower() in {"0o", "0x"} else int(text)
    if target is float:
        return float(text)
    raise ValueError(text)


def _spoken(target: Any) -> str:
    names = {
        bool: "true or false",
        int: "a whole number",
        float: "a number",
        str: "text",
        FileMode: "octal digits",
    }
    return names.get(target, getattr(target, "__name__", str(target)))


def _check_positive(group: Limits | Timeouts | Threads, *, allow_zero: Collection[str]) -> None:
    for item in fields(group):
        value = getattr(group, item.name)
        name = f"{type(group).__name__.lower()}.{item.name}"
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise SettingsError(f"{name} is {value!r}; expected a number.")
        if not (value > 0 or (value == 0 and item.name in allow_zero)):  # NaN is neither
            least = "0 or more" if item.name in allow_zero else "above 0"
            raise SettingsError(f"{name} is {value!r}; it has to be {least}.")


def _check_port(port: int) -> None:
    if isinstance(port, bool) or not isinstance(port, int):
        raise SettingsError(f"port is {port!r}; expected a whole number such as 5000.")
    if not 0 <= port <= 65535:
        raise SettingsError(f"port is {port}; ports go from 1 to 65535, 0 takes a free one.")


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise SettingsError(f"{name} is {value!r}; write one of {', '.join(choices)}.")


@lru_cache(maxsize=256)  # PERF: 2 µs, and requests come from the same few proxies
def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    """Return an address without its zone, an IPv4 one in IPv6's writing as what it is; None for
    what is none."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def _is_among(
    peer: str, named: Collection[str], networks: Iterable[IPv4Network | IPv6Network]
) -> bool:
    if "*" in named:
        return True
    found = _parsed(peer)
    if found is None:
        return "unix" in named
    return any(found in network for network in networks)


def _network(setting: str, text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        raise SettingsError(
            f"{setting} has {text!r}; expected an address (10.0.0.1), a network"
            " (10.0.0.0/8), 'unix' or '*'."
        ) from None
