"""TLS: certificates from files and ad hoc, client certificates, and what is wrong with them."""

from __future__ import annotations

import http.client
import logging
import socket
import ssl
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from served_app import app

from waterspout.server import ServerSettings, serve_in_thread
from waterspout.server.listeners.tls import TlsError, load_context, make_certificate, make_context


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[str, str]:
    """Return the paths of a certificate and its key."""
    certificate, key = make_certificate()
    (tmp_path / "cert.pem").write_bytes(certificate)
    (tmp_path / "key.pem").write_bytes(key)
    return str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")


def ask(port: int, context: ssl.SSLContext, path: str = "/scheme") -> str:
    connection = http.client.HTTPSConnection("localhost", port, context=context, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def port_of(urls: list[str]) -> int:
    return int(urls[0].rpartition(":")[2])


def test_served_with_certificate_files(certificate: tuple[str, str], loop_name: str) -> None:
    cert, key = certificate
    trusting = ssl.create_default_context(cafile=cert)
    with serve_in_thread(app, certfile=cert, keyfile=key, loop=loop_name) as server:
        assert server.urls[0].startswith("https://127.0.0.1:")
        assert ask(port_of(server.urls), trusting) == "https"


def test_a_stranger_without_tls_disturbs_nobody(
    certificate: tuple[str, str], loop_name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A plain request on a TLS port is closed without a line in the log at INFO or above."""
    cert, key = certificate
    trusting = ssl.create_default_context(cafile=cert)
    with (
        caplog.at_level(logging.INFO),
        serve_in_thread(app, certfile=cert, keyfile=key, loop=loop_name) as server,
    ):
        port = port_of(server.urls)
        with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            received = b""
            try:
                while data := plain.recv(1000):
                    received += data
            except ConnectionResetError:
                pass
        assert b"200" not in received
        assert ask(port, trusting) == "https"
    assert [r for r in caplog.records if r.name != "waterspout.server"] == []


def test_silent_peers_do_not_delay_a_stop(certificate: tuple[str, str], loop_name: str) -> None:
    """One that never says goodbye, one that never said hello."""
    cert, key = certificate
    trusting = ssl.create_default_context(cafile=cert)
    with ExitStack() as clients:
        with serve_in_thread(app, certfile=cert, keyfile=key, loop=loop_name) as server:
            port = port_of(server.urls)
            kept = clients.enter_context(
                trusting.wrap_socket(
                    socket.create_connection(("127.0.0.1", port), 10), server_hostname="localhost"
                )
            )
            kept.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b"200 OK" in kept.recv(4096)
            clients.enter_context(socket.create_connection(("127.0.0.1", port), 10))
            began = time.monotonic()
        assert time.monotonic() - began < 6  # the grace time is 10


def test_adhoc_certificate() -> None:
    with serve_in_thread(app, certfile="adhoc") as server:
        unsure = ssl.create_default_context()
        unsure.check_hostname = False
        unsure.verify_mode = ssl.CERT_NONE
        assert ask(port_of(server.urls), unsure) == "https"


def test_client_certificates_can_be_demanded(certificate: tuple[str, str]) -> None:
    cert, key = certificate
    anonymous = ssl.create_default_context(cafile=cert)
    known = ssl.create_default_context(cafile=cert)
    known.load_cert_chain(cert, key)
    with serve_in_thread(app, certfile=cert, keyfile=key, ca_certs=cert) as server:
        port = port_of(server.urls)
        assert ask(port, known) == "https"
        with pytest.raises(OSError):
            ask(port, anonymous)


def test_old_tls_is_refused(certificate: tuple[str, str]) -> None:
    context = load_context(*certificate)
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TlsError, match="certfile: there is no file"):
        make_context(ServerSettings(certfile=str(tmp_path / "none.pem")))


def test_wrong_key_is_explained(certificate: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "other.pem").write_bytes(make_certificate()[1])
    with pytest.raises(TlsError, match="does not belong to the certificate"):
        load_context(certificate[0], str(tmp_path / "other.pem"))


def test_what_is_no_pem_is_explained(certificate: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "notes.pem").write_text("not a certificate")
    with pytest.raises(TlsError, match="both have to be PEM files"):
        load_context(str(tmp_path / "notes.pem"))


def test_password_of_the_key(certificate: tuple[str, str], tmp_path: Path) -> None:
    """A wrong or missing password is an error, never a question on the terminal."""
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key(Path(certificate[1]).read_bytes(), None)
    secret = tmp_path / "secret.pem"
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"open sesame"),
        )
    )
    load_context(certificate[0], str(secret), "open sesame")
    for password in (None, "wrong"):
        with pytest.raises(TlsError, match="key_password does not open it"):
            load_context(certificate[0], str(secret), password)
