"""What Facebook and Twitter do when somebody logs in, as far as the demos need it (RFC 6749,
RFC 5849), and a certificate for their hosts."""

from __future__ import annotations

import datetime
import hashlib
import hmac
import json
import ssl
from base64 import b64encode
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

HOSTS = ("graph.facebook.com", "api.twitter.com")


def certificate(directory: Path) -> tuple[Path, ssl.SSLContext]:
    """Make a certificate for the hosts; return its path and a server's context with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "demos")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(h) for h in HOSTS]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        # What Python 3.13 wants of whoever signs, who is the same here.
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(_usage("digital_signature", "key_cert_sign"), True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = serialization.PrivateFormat.PKCS8
    path, key_path = directory / "certificate.pem", directory / "key.pem"
    path.write_bytes(made.public_bytes(pem))
    key_path.write_bytes(key.private_bytes(pem, private, serialization.NoEncryption()))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(path, key_path)
    return path, context


def _usage(*uses: str) -> x509.KeyUsage:
    every = "digital_signature content_commitment key_encipherment data_encipherment key_agreement"
    every += " key_cert_sign crl_sign encipher_only decipher_only"
    return x509.KeyUsage(**{name: name in uses for name in every.split()})


def facebook(method: str, url: str, headers: dict[str, str]) -> tuple[str, str] | None:
    """Give a token for the code "agreed", and the user for the token with the program's proof."""
    parts = urlsplit(url)
    asked = dict(parse_qsl(parts.query))
    where = f"{parts.netloc}{parts.path}"
    if where == "graph.facebook.com/oauth/access_token" and asked["code"] == "agreed":
        assert (asked["client_id"], asked["client_secret"]) == ("k", "s")
        return "application/json", json.dumps({"access_token": "t", "expires_in": 60})
    if where == "graph.facebook.com/me" and asked["access_token"] == "t":
        assert asked["appsecret_proof"] == hmac.digest(b"s", b"t", "sha256").hex()
        assert "name" in asked["fields"].split(",")
        return "application/json", json.dumps({"id": "7", "name": "Ann"})
    return None


def twitter(method: str, url: str, headers: dict[str, str]) -> tuple[str, str] | None:
    """Give a request token, then an access token, then the user and what others have written."""
    parts = urlsplit(url)
    asked = dict(parse_qsl(parts.query))
    tokens = {"": "", "request": "r-secret", "access": "a-secret"}
    key = f"s&{tokens[asked.get('oauth_token', '')]}"
    assert asked.pop("oauth_signature") == signature(url.partition("?")[0], asked, key)
    assert asked["oauth_consumer_key"] == "k"
    found: object = None
    match f"{parts.netloc}{parts.path}":
        case "api.twitter.com/oauth/request_token":
            assert asked["oauth_callback"].startswith("http://127.0.0.1:")
            given = {"oauth_token": "request", "oauth_token_secret": "r-secret"}
            return "text/plain", urlencode({**given, "oauth_callback_confirmed": "true"})
        case "api.twitter.com/oauth/access_token" if asked["oauth_verifier"] == "agreed":
            given = {"oauth_token": "access", "oauth_token_secret": "a-secret"}
            return "text/plain", urlencode({**given, "screen_name": "ann"})
        case "api.twitter.com/1.1/account/verify_credentials.json":
            found = {"screen_name": "ann", "description": "x" * 5000}
        case "api.twitter.com/1.1/statuses/home_timeline.json":
            found = [{"user": {"screen_name": "bob"}, "text": "Wind & <water>"}]
    return found and ("application/json", json.dumps(found))  # type: ignore[return-value]


def signature(url: str, parameters: dict[str, str], key: str) -> str:
    """Return the signature of a GET request (RFC 5849 §3.4)."""
    pairs = sorted((quote(k, "~"), quote(v, "~")) for k, v in parameters.items())
    base = "&".join(quote(x, "~") for x in ("GET", url, "&".join(map("=".join, pairs))))
    return b64encode(hmac.digest(key.encode(), base.encode(), hashlib.sha1)).decode()
