"""TLS contexts: from certificate files, from a throw-away certificate, or ready-made.

TLS 1.2 and 1.3 with Python's default ciphers, ALPN ``http/1.1``.  A faulty certificate or key
raises a `TlsError` that names the file.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import ssl
import tempfile
from typing import TYPE_CHECKING

from ..settings import ServerSettings

if TYPE_CHECKING:
    from cryptography import x509

ADHOC = "adhoc"
_ADHOC_DAYS = 30


class TlsError(ValueError):
    """A certificate or key cannot be used; the text names the file and the remedy."""


def make_context(settings: ServerSettings) -> ssl.SSLContext | None:
    """Return the context `settings` asks for, or None without TLS.  Raises `TlsError`."""
    if settings.ssl_context is not None:
        return settings.ssl_context
    if settings.certfile is None:
        return None
    if settings.certfile == ADHOC:
        return adhoc_context((settings.host,) if settings.host else ())
    return load_context(
        settings.certfile, settings.keyfile, settings.key_password, settings.ca_certs
    )


def load_context(
    certfile: str,
    keyfile: str | None = None,
    password: str | None = None,
    ca_certs: str | None = None,
) -> ssl.SSLContext:
    """Return a server context from PEM files.

    With `ca_certs` every client has to show a certificate signed by one of them.
    Raises `TlsError`.
    """
    for what, path in (("certfile", certfile), ("keyfile", keyfile), ("ca_certs", ca_certs)):
        if path is not None and not os.path.isfile(path):
            raise TlsError(f"{what}: there is no file {path!r} (looked in {os.getcwd()}).")
    context = _bare_context()
    try:
        # An empty password instead of none: OpenSSL would ask on the terminal and hang a service.
        context.load_cert_chain(certfile, keyfile, password or "")
    except ssl.SSLError as ex:
        raise TlsError(_explain(ex, certfile, keyfile)) from ex
    except OSError as ex:
        raise TlsError(f"Cannot read {certfile!r} or {keyfile!r}: {ex.strerror or ex}.") from ex
    if ca_certs is not None:
        try:
            context.load_verify_locations(ca_certs)
        except (ssl.SSLError, OSError) as ex:
            raise TlsError(f"ca_certs: {ca_certs!r} holds no PEM certificate ({ex}).") from ex
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def adhoc_context(hosts: tuple[str, ...] = ()) -> ssl.SSLContext:
    """Return a context with a certificate made now for localhost and `hosts`.

    Browsers warn about it, rightly.  Needs the package ``cryptography``.  Raises `TlsError`.
    """
    certificate, key = make_certificate(hosts)
    context = _bare_context()
    # OpenSSL reads certificates from files only; these live for the length of the call.
    with tempfile.TemporaryDirectory(prefix="waterspout-tls-") as folder:
        path = os.path.join(folder, "adhoc.pem")
        with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "wb") as file:
            file.write(certificate + key)
        context.load_cert_chain(path)
    return context


def make_certificate(hosts: tuple[str, ...] = ()) -> tuple[bytes, bytes]:
    """Return a self-signed certificate and its key, both PEM, for localhost and `hosts`.

    Raises `TlsError` if the package ``cryptography`` is not installed.
    """
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import NameOID
    except ImportError:
        raise TlsError(
            "An ad-hoc certificate needs the package 'cryptography':"
            " pip install 'waterspout[adhoc-tls]', or give certfile and keyfile."
        ) from None
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Waterspout ad-hoc certificate")])
    now = datetime.datetime.now(datetime.UTC)
    names = dict.fromkeys((*hosts, "localhost", "127.0.0.1", "::1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=_ADHOC_DAYS))
        .add_extension(x509.SubjectAlternativeName([_alternative(n) for n in names]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM), key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _alternative(name: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _bare_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # SECURITY: renegotiation lets a client make us do key exchanges for free (CVE-2011-1473).
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.set_alpn_protocols(["http/1.1"])
    return context


def _explain(ex: ssl.SSLError, certfile: str, keyfile: str | None) -> str:
    reason = ex.reason or ""
    key = keyfile or certfile
    if reason == "KEY_VALUES_MISMATCH":
        return f"The key in {key!r} does not belong to the certificate in {certfile!r}."
    with open(key, "rb") as file:
        if b"ENCRYPTED" in file.read():
            return f"The key in {key!r} is encrypted and key_password does not open it."
    return (
        f"{certfile!r} and {key!r} cannot be used as certificate and key"
        f" ({reason or ex}); both have to be PEM files."
    )
