"""Listening: TCP, UNIX, inherited; who is in the way, and what is left behind."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from waterspout.server import ServerSettings
from waterspout.server.sockets import Listener, ListenError, open_listeners


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def listen(stack: ExitStack, **settings: object) -> list[Listener]:
    listeners = open_listeners(ServerSettings().evolve(**settings), {})
    for listener in listeners:
        stack.callback(listener.close)
    return listeners


def test_free_port_is_shown_in_the_url(opened: ExitStack) -> None:
    (listener,) = listen(opened, port=0)
    port = listener.sock.getsockname()[1]
    assert listener.url(tls=False) == f"http://127.0.0.1:{port}"
    assert listener.url(tls=True) == f"https://127.0.0.1:{port}"


def test_every_address_means_ipv4_and_ipv6_on_one_port(opened: ExitStack) -> None:
    listeners = listen(opened, host="", port=0)
    assert len({listener.sock.getsockname()[1] for listener in listeners}) == 1
    families = [listener.sock.family for listener in listeners]
    assert families in ([socket.AF_INET, socket.AF_INET6], [socket.AF_INET])
    port = listeners[0].sock.getsockname()[1]
    for host in ("127.0.0.1", "::1")[: len(listeners)]:
        socket.create_connection((host, port)).close()


def test_port_in_use_names_the_program_and_the_remedy(opened: ExitStack) -> None:
    (first,) = listen(opened, port=0)
    port = first.sock.getsockname()[1]
    with pytest.raises(ListenError) as caught:
        listen(opened, port=port)
    text = str(caught.value)
    assert f"Port {port} on 127.0.0.1 is in use by" in text
    assert f"(pid {os.getpid()})" in text
    assert f"--port {port + 1}" in text


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("no-such-host.invalid", "cannot be resolved"),
        ("192.0.2.1", "not an address of this machine"),
    ],
)
def test_wrong_host_is_explained(opened: ExitStack, host: str, words: str) -> None:
    with pytest.raises(ListenError, match=words):
        listen(opened, host=host, port=0)


def test_unix_socket_is_removed_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "server.sock"
    (listener,) = open_listeners(ServerSettings(uds=str(path), uds_mode=0o600), {})
    assert listener.url(tls=False) == f"unix:{path}"
    assert path.stat().st_mode & 0o777 == 0o600
    listener.close()
    assert not path.exists()


def test_stale_unix_socket_is_replaced(tmp_path: Path, opened: ExitStack) -> None:
    """A file that a killed server left behind is no obstacle."""
    path = tmp_path / "server.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    listen(opened, uds=str(path))
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


def test_unix_socket_of_a_living_server_is_not_taken(tmp_path: Path, opened: ExitStack) -> None:
    """Replaced only if nobody listens."""
    path = tmp_path / "server.sock"
    listen(opened, uds=str(path))
    with pytest.raises(ListenError, match="Another server listens"):
        listen(opened, uds=str(path))
    assert path.exists()


def test_a_file_that_is_no_socket_is_not_removed(tmp_path: Path, opened: ExitStack) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("precious")
    with pytest.raises(ListenError, match="not a socket"):
        listen(opened, uds=str(path))
    assert path.read_text() == "precious"


def test_the_successors_unix_socket_is_left_alone(tmp_path: Path, opened: ExitStack) -> None:
    path = tmp_path / "server.sock"
    (old,) = open_listeners(ServerSettings(uds=str(path)), {})
    path.rename(tmp_path / "moved.sock")
    listen(opened, uds=str(path))
    old.close()
    assert path.exists()


def test_abstract_unix_socket(opened: ExitStack) -> None:
    if sys.platform != "linux":
        pytest.skip("abstract names are Linux's")
    name = f"@waterspout-test-{os.getpid()}"
    (listener,) = listen(opened, uds=name)
    assert listener.url(tls=False) == f"unix:{name}"
    with socket.socket(socket.AF_UNIX) as client:
        client.connect("\0" + name[1:])


def test_descriptors_of_a_parent_are_taken_once(opened: ExitStack) -> None:
    with socket.create_server(("127.0.0.1", 0)) as parent:
        environ = {"WATERSPOUT_FD": str(os.dup(parent.fileno()))}
        (listener,) = open_listeners(ServerSettings(), environ)
        opened.callback(listener.close)
        assert environ == {}
        assert listener.sock.getsockname() == parent.getsockname()
        assert not listener.sock.get_inheritable()


def test_bad_descriptors_are_explained() -> None:
    with pytest.raises(ListenError, match="expected descriptor numbers"):
        open_listeners(ServerSettings(), {"WATERSPOUT_FD": "three"})
    with open(os.devnull) as no_socket, pytest.raises(ListenError, match="not an open socket"):
        open_listeners(ServerSettings(fds=(no_socket.fileno(),)), {})


def test_socket_activation() -> None:
    """Systemd hands its socket over as descriptor 3 (sd_listen_fds)."""
    child = (
        "import os, sys; os.environ['LISTEN_PID'] = str(os.getpid())\n"
        "from waterspout.server import ServerSettings\n"
        "from waterspout.server.sockets import open_listeners\n"
        "(one,) = open_listeners(ServerSettings())\n"
        "print(one.url(False), 'LISTEN_FDS' in os.environ)"
    )
    with socket.create_server(("127.0.0.1", 0)) as parent:

        def put_at_3() -> None:
            os.dup2(parent.fileno(), 3)

        done = subprocess.run(
            [sys.executable, "-c", child],
            env={**os.environ, "LISTEN_FDS": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
            preexec_fn=put_at_3,
            close_fds=False,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        port = parent.getsockname()[1]
    assert done.stdout == f"http://127.0.0.1:{port} False\n", done.stderr
