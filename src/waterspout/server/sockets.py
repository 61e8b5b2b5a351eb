"""Listening sockets: TCP on every address of a host, UNIX, or inherited from a parent.

`open_listeners` takes, in this order: descriptors of the settings, descriptors of the environment
(``WATERSPOUT_FD`` of our reloader, ``LISTEN_FDS`` of systemd's socket activation), the UNIX path,
host and port.  A socket that cannot be opened raises `ListenError`, whose text names the program in
the way and the remedy.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Iterable, MutableMapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from ipaddress import ip_address

from .process.port_owner import describe_occupant
from .settings import ServerSettings

FD_VARIABLE = "WATERSPOUT_FD"
_SD_FIRST = 3  # sd_listen_fds(3): the first descriptor systemd hands over
_EVERYWHERE = frozenset({"", "*"})
# Keep-alive probes find a peer that has vanished after about two minutes.
_KEEPALIVE = (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4))


class ListenError(OSError):
    """The server cannot listen at the given address; the text says why and what to do."""


@dataclass(eq=False)
class Listener:
    """A listening socket, and the file it leaves behind if it is a UNIX one."""

    sock: socket.socket
    shared: bool = False
    """True if other processes accept from it too."""
    _file: tuple[str, int] | None = field(default=None, repr=False)  # path, inode

    def fileno(self) -> int:
        """Return the descriptor."""
        return self.sock.fileno()

    def url(self, tls: bool) -> str:
        """Return the address as a browser writes it (``unix:/path`` for UNIX sockets)."""
        address = self.sock.getsockname()
        if self.sock.family == socket.AF_UNIX:
            return f"unix:{_printable(address)}"
        host, port = address[:2]
        shown = f"[{host}]" if ":" in host else host
        return f"{'https' if tls else 'http'}://{shown}:{port}"

    @property
    def is_local(self) -> bool:
        """Whether only this machine can connect."""
        if self.sock.family not in (socket.AF_INET, socket.AF_INET6):
            return True
        return ip_address(self.sock.getsockname()[0].partition("%")[0]).is_loopback

    def close(self) -> None:
        """Stop listening; remove the UNIX socket's file unless another server replaced it."""
        self.sock.close()
        if self._file is not None:
            path, inode = self._file
            with suppress(OSError):
                if os.stat(path).st_ino == inode:
                    os.unlink(path)


def open_listeners(
    settings: ServerSettings, environ: MutableMapping[str, str] | None = None
) -> list[Listener]:
    """Return the listening sockets `settings` and the environment ask for.

    The variables that hand descriptors over are removed from `environ` (default: the
    process's), so that children do not use them.  Raises `ListenError`.
    """
    numbers = settings.fds or take_inherited(os.environ if environ is None else environ)
    if numbers:
        return [_inherit(number, settings.backlog) for number in numbers]
    if settings.uds is not None:
        return [_listen_unix(settings.uds, settings)]
    return _listen_tcp(settings.host, settings.port, settings.backlog)


def take_inherited(environ: MutableMapping[str, str]) -> tuple[int, ...]:
    """Return the descriptors that a parent process handed over, and remove their variables.

    Raises `ListenError` for variables whose values are not descriptor numbers.
    """
    ours = environ.pop(FD_VARIABLE, "")
    if ours:
        try:
            return tuple(int(text) for text in ours.split(","))
        except ValueError:
            raise ListenError(
                f"{FD_VARIABLE} is {ours!r}; expected descriptor numbers such as '3' or '3,4'."
            ) from None
    if environ.get("LISTEN_PID") != str(os.getpid()):
        return ()
    count = environ.get("LISTEN_FDS", "0")
    for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        environ.pop(name, None)
    if not count.isdecimal():
        raise ListenError(f"LISTEN_FDS is {count!r}; expected a number (see sd_listen_fds(3)).")
    return tuple(range(_SD_FIRST, _SD_FIRST + int(count)))


def _inherit(number: int, backlog: int) -> Listener:
    try:
        sock = socket.socket(fileno=number)
    except (OSError, ValueError) as ex:
        raise ListenError(
            f"File descriptor {number} is not an open socket ({ex}). The parent has to hand"
            " over a listening socket (subprocess: pass_fds)."
        ) from ex
    if sock.type != socket.SOCK_STREAM:
        kind = sock.type
        sock.detach()
        raise ListenError(f"File descriptor {number} is a {kind!r} socket; expected a stream.")
    sock.set_inheritable(False)
    sock.setblocking(False)
    if not sock.getsockopt(socket.SOL_SOCKET, getattr(socket, "SO_ACCEPTCONN", 30)):
        sock.listen(backlog)
    return Listener(sock)


def _listen_tcp(host: str, port: int, backlog: int) -> list[Listener]:
    with ExitStack() as undo:
        listeners: list[Listener] = []
        for family, address in _addresses(host, port):
            if port == 0 and listeners:  # one free port for all addresses of the host
                address = (address[0], listeners[0].sock.getsockname()[1], *address[2:])
            try:
                sock = _bind(family, address, beside_v4=bool(listeners))
            except OSError as ex:
                if ex.errno == errno.EAFNOSUPPORT or (listeners and ex.errno == _NO_ADDRESS):
                    continue  # the machine has no IPv6
                raise _explained(ex, str(address[0]), int(address[1])) from ex
            undo.callback(sock.close)
            sock.listen(backlog)
            listeners.append(Listener(sock))
        if not listeners:
            raise ListenError(f"No address of {host!r} can be listened on by this machine.")
        undo.pop_all()
        return listeners


_NO_ADDRESS = errno.EADDRNOTAVAIL
_Address = tuple[str, int] | tuple[str, int, int, int]


def _addresses(host: str, port: int) -> Iterable[tuple[socket.AddressFamily, _Address]]:
    """Return every address of `host`, IPv4 first, each once."""
    if host in _EVERYWHERE:
        return [(socket.AF_INET, ("0.0.0.0", port)), (socket.AF_INET6, ("::", port, 0, 0))]
    name = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError) as ex:
        raise ListenError(
            f"The host {host!r} cannot be resolved ({ex}). Use an address of this machine:"
            " 127.0.0.1 for this machine only, 0.0.0.0 for every IPv4 address."
        ) from ex
    unique = dict.fromkeys((family, address) for family, _, _, _, address in found)
    return sorted(unique, key=lambda entry: entry[0] != socket.AF_INET)  # type: ignore[arg-type]


def _bind(family: socket.AddressFamily, address: _Address, *, beside_v4: bool) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        # Without it a restart waits for the last connections' TIME_WAIT.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:  # "::" alone serves IPv4 clients too
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, beside_v4)
        _prepare_accepted(sock)
        sock.bind(address)
    except BaseException:
        sock.close()
        raise
    return sock


def _prepare_accepted(sock: socket.socket) -> None:
    """Set options that accepted connections inherit from their listener (on Linux, all of them)."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE:
        option = getattr(socket, name, None)
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)


def _explained(ex: OSError, host: str, port: int) -> ListenError:
    if ex.errno == errno.EADDRINUSE:
        who = describe_occupant(port)
        text = (
            f"Port {port} on {host} is in use by {who}. Stop it, or listen on another port"
            f" (--port {port + 1 if port < 65535 else 8000}, or --port 0 for a free one)."
        )
    elif ex.errno == errno.EACCES:
        text = (
            f"No permission to listen on port {port} of {host}: ports below 1024 need root or"
            " CAP_NET_BIND_SERVICE. Use a higher port (--port 8000) behind a proxy."
        )
    elif ex.errno == _NO_ADDRESS:
        text = (
            f"{host} is not an address of this machine. Use 127.0.0.1 for this machine only,"
            " 0.0.0.0 for every IPv4 address."
        )
    else:
        text = f"Cannot listen on {host} port {port}: {ex.strerror or ex}."
    error = ListenError(text)
    error.errno = ex.errno
    return error


def _listen_unix(path: str, settings: ServerSettings) -> Listener:
    abstract = path.startswith("@")  # Linux: a name without a file, as ss and systemd write it
    address = "\0" + path[1:] if abstract else os.path.abspath(path)
    if not abstract:
        _remove_stale(address)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.bind(address)
        if settings.uds_mode is not None and not abstract:
            os.chmod(address, settings.uds_mode)
        sock.listen(settings.backlog)
        inode = None if abstract else (address, os.stat(address).st_ino)
    except OSError as ex:
        sock.close()
        raise ListenError(
            f"Cannot listen on the UNIX socket {path!r}: {ex.strerror or ex}."
        ) from ex
    return Listener(sock, _file=inode)


def _remove_stale(path: str) -> None:
    """Remove a socket file that has no listener; raise for anything else."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return
    if not stat.S_ISSOCK(mode):
        raise ListenError(f"{path!r} exists and is not a socket; choose another path or remove it.")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            with suppress(FileNotFoundError):
                os.unlink(path)
            return
        except OSError as ex:
            raise ListenError(f"Cannot tell whether {path!r} is in use: {ex}.") from ex
    raise ListenError(
        f"Another server listens on {path!r}. Stop it, or listen on another path (--uds)."
    )


def _printable(address: str | bytes) -> str:
    name = os.fsdecode(address)
    return "@" + name[1:] if name.startswith("\0") else name
