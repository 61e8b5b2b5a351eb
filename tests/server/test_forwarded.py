"""What proxies say about the client is believed only where they are trusted, only what
they are asked about, and only as far as their chain goes."""

from __future__ import annotations

import json
import socket
from ipaddress import ip_address
from pathlib import Path
from random import Random

import pytest
from gunicorn.config import Config

from waterspout import App, request
from waterspout.http.message import Incoming, Origin
from waterspout.server import ServerSettings, SettingsError, serve_in_thread
from waterspout.server.listeners.forwarded import believe
from waterspout.server.process.worker import settings_from
from waterspout.tornado import web


def make_app() -> App:
    app = App("forwarded", static_folder=None)

    @app.get("/")
    async def index() -> dict[str, object]:
        return {
            "client": request.remote_addr,
            "port": request.environ.get("REMOTE_PORT"),
            "scheme": request.scheme,
            "host": request.host,
            "root": request.root_path,
            "seen": request.headers.get("X-Forwarded-For"),
        }

    class Handler(web.RequestHandler):
        def get(self) -> None:
            made = self.request
            self.write({"client": made.remote_ip, "scheme": made.protocol, "host": made.host})

    app.add_handlers([("/handler", Handler)])
    return app


def ask(
    settings: ServerSettings,
    headers: list[tuple[str, str]],
    path: str = "/",
    app: App | None = None,
) -> dict[str, object]:
    """Return what the application knows of a request with the *headers*."""
    lines = [f"GET {path} HTTP/1.1", "Host: inside", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers]
    with serve_in_thread(app or make_app(), settings) as server:
        if settings.uds is not None:
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(settings.uds)
        else:
            port = int(server.urls[0].rpartition(":")[2].rstrip("/"))
            sock = socket.create_connection(("127.0.0.1", port))
        with sock:
            sock.settimeout(10)
            sock.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
            data = b""
            while piece := sock.recv(65536):
                data += piece
    found: dict[str, object] = json.loads(data.split(b"\r\n\r\n", 1)[1])
    return found


def trusting(*proxies: str, fields: tuple[str, ...] | None = None) -> ServerSettings:
    settings = ServerSettings(port=0, trusted_proxies=proxies)
    return settings if fields is None else settings.evolve(forwarded_fields=fields)


SENT = [
    ("X-Forwarded-For", "203.0.113.9, 198.51.100.7"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Host", "shop.example"),
    ("X-Forwarded-Port", "8443"),
    ("X-Forwarded-Prefix", "/shop"),
]


@pytest.mark.parametrize("path", ["/", "/handler"])
def test_a_trusted_proxy_is_believed_about_client_and_scheme(path: str) -> None:
    found = ask(trusting("127.0.0.1"), SENT, path)
    assert found["client"] == "198.51.100.7"  # what stands before it, the client wrote
    assert found["scheme"] == "https"


def test_host_port_and_prefix_are_believed_only_by_name() -> None:
    """Stock nginx hands on the client's own X-Forwarded-Host."""
    found = ask(trusting("127.0.0.1"), SENT)
    assert (found["host"], found["root"]) == ("inside", "")
    found = ask(trusting("127.0.0.1", fields=("host",)), SENT)
    assert (found["host"], found["root"]) == ("shop.example", "")
    assert (found["client"], found["scheme"]) == ("127.0.0.1", "http")
    found = ask(trusting("127.0.0.1", fields=("host", "port", "prefix")), SENT)
    assert (found["host"], found["root"]) == ("shop.example:8443", "/shop")
    with pytest.raises(SettingsError, match="for, proto, host, port, prefix"):
        trusting("127.0.0.1", fields=("x-forwarded-host",))


def test_a_chain_of_trusted_proxies_is_followed() -> None:
    found = ask(trusting("127.0.0.1", "198.51.100.0/24"), SENT)
    assert found["client"] == "203.0.113.9"


def test_if_any_peer_is_trusted_its_own_word_counts() -> None:
    """With ``*`` the last address is what the peer wrote; the first is what the client wrote."""
    assert ask(trusting("*"), SENT)["client"] == "198.51.100.7"
    assert ask(trusting("*", "198.51.100.0/24"), SENT)["client"] == "203.0.113.9"


def test_several_fields_are_one_list() -> None:
    fields = [("X-Forwarded-For", "203.0.113.9"), ("x-forwarded-for", "198.51.100.7")]
    assert ask(trusting("*"), fields)["client"] == "198.51.100.7"


def test_a_stranger_is_neither_believed_nor_shown() -> None:
    found = ask(trusting("10.0.0.0/8", fields=("for", "host", "prefix")), SENT)
    assert (found["client"], found["scheme"], found["host"]) == ("127.0.0.1", "http", "inside")
    assert (found["root"], found["seen"]) == ("", None)


@pytest.mark.parametrize(("proxies", "seen"), [("127.0.0.1", "r-1 True"), ("10.0.0.1", "- False")])
def test_a_request_id_is_the_proxys_word(proxies: str, seen: str) -> None:
    """A stranger's is hidden; the program can tell that a proxy of its operator has sent it."""
    app = App("shop")

    @app.get("/")
    def root() -> dict[str, str]:
        said = request.headers.get("X-Request-ID", "-")
        return {"seen": f"{said} {request.is_from_trusted_proxy}"}

    found = ask(trusting(proxies), [("X-Request-ID", "r-1")], app=app)
    assert found["seen"] == seen


def test_without_proxies_the_fields_are_the_programs_business() -> None:
    found = ask(trusting(), SENT)
    assert found["client"] == "127.0.0.1"
    assert found["seen"] == SENT[0][1]


ADDRESSES = [
    ("203.0.113.7", "203.0.113.7", "0"),
    ("203.0.113.7:51234", "203.0.113.7", "51234"),
    ("2001:db8::7", "2001:db8::7", "0"),
    ("[2001:DB8::7]", "2001:db8::7", "0"),
    ("[2001:db8::7]:443", "2001:db8::7", "443"),
]


@pytest.mark.parametrize("before", ["", "198.51.100.66, "])
@pytest.mark.parametrize(("text", "client", "port"), ADDRESSES)
def test_addresses_are_read_as_proxies_write_them(
    before: str, text: str, client: str, port: str
) -> None:
    found = ask(trusting("127.0.0.1"), [("X-Forwarded-For", before + text)])
    assert (found["client"], found["port"]) == (client, port)


@pytest.mark.parametrize(
    "text",
    [
        "unknown",
        "_hidden",
        "203.0.113.7:x",
        "203.0.113.7:123456",
        "203.0.113.7:65536",
        "[::1",
        "fe80::1%<b>",
        "a.b.c.d",
        "1.2.3",
        "[203.0.113.7]x",
        '"[::1]"',
        "é",
    ],
)
def test_behind_what_is_no_address_nothing_is_believed(text: str) -> None:
    found = ask(trusting("127.0.0.1"), [("X-Forwarded-For", f"198.51.100.66, {text}")])
    assert found["client"] == "127.0.0.1"


@pytest.mark.parametrize("last", ["203.0.113.7", "203.0.113.7:51234", "[2001:db8::7]", "unknown"])
def test_behind_a_unix_socket_the_clients_own_text_is_not_taken(tmp_path: Path, last: str) -> None:
    settings = ServerSettings(uds=str(tmp_path / "s"), trusted_proxies=("unix",))
    found = ask(settings, [("X-Forwarded-For", f"198.51.100.66, {last}")])
    right = {"203.0.113.7:51234": "203.0.113.7", "[2001:db8::7]": "2001:db8::7", "unknown": None}
    assert found["client"] == right.get(last, last)


@pytest.mark.parametrize(
    ("sent", "scheme"),
    [
        ("wss", "https"),
        ("ws", "http"),
        ("HTTPS", "https"),
        ("http, https", "https"),
        ("https, http", "http"),
        ("gopher", "http"),
        ("https, javascript", "http"),
    ],
)
def test_the_scheme_is_one_of_ours(sent: str, scheme: str) -> None:
    found = ask(trusting("127.0.0.1"), [("X-Forwarded-Proto", sent)])
    assert found["scheme"] == scheme


@pytest.mark.parametrize("host", ["a/b", "a b", "user@a", "<script>", "a:123456", "a:65536"])
def test_a_forwarded_host_that_is_none_is_not_taken(host: str) -> None:
    found = ask(trusting("127.0.0.1", fields=("host",)), [("X-Forwarded-Host", host)])
    assert found["host"] == "inside"


@pytest.mark.parametrize("prefix", ["//evil.example", "/\\evil", "shop", "/a b", "/a?b", "/a//b"])
def test_a_forwarded_prefix_that_is_none_is_not_taken(prefix: str) -> None:
    found = ask(trusting("127.0.0.1", fields=("prefix",)), [("X-Forwarded-Prefix", prefix)])
    assert found["root"] == ""


@pytest.mark.parametrize("port", ["0", "65536", "x", "80 80", "-1"])
def test_a_forwarded_port_that_is_none_is_not_taken(port: str) -> None:
    found = ask(trusting("127.0.0.1", fields=("port",)), [("X-Forwarded-Port", port)])
    assert found["host"] == "inside"


def test_gunicorns_default_is_no_wish(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without ``--forwarded-allow-ips`` nothing is touched; with it, UNIX sockets are meant too."""
    monkeypatch.delenv("FORWARDED_ALLOW_IPS", raising=False)
    assert settings_from(Config()).trusted_proxies == ()
    told = Config()
    told.set("forwarded_allow_ips", "10.0.0.1,192.168.0.0/16")
    assert settings_from(told).trusted_proxies == ("10.0.0.1", "192.168.0.0/16", "unix")
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "127.0.0.1,::1")
    assert settings_from(Config()).trusted_proxies == ("127.0.0.1", "::1", "unix")


def test_no_field_is_an_error_or_makes_a_client_that_is_no_address() -> None:
    chance = Random(7)
    parts = [
        b"1.2.3.4",
        b"10.0.0.1",
        b"::1",
        b"[",
        b"]",
        b":",
        b"80",
        b",",
        b" ",
        b"%eth0",
        b"\xa0",
    ]
    parts += [b"unknown", b"https", b"wss", b"/", b"//", b"a.b", b"@", b"\\", b"99999", b"\xff"]
    settings = trusting(
        "127.0.0.1", "10.0.0.0/8", fields=("for", "proto", "host", "port", "prefix")
    )
    names = [b"for", b"proto", b"host", b"port", b"prefix"]
    for _ in range(20_000):
        fields = [(b"Host", b"inside")] + [
            (b"X-Forwarded-" + chance.choice(names), b"".join(chance.choices(parts, k=4)))
            for _ in range(3)
        ]
        incoming = Incoming("GET", b"/", fields, origin=Origin(client=("127.0.0.1", 1)))
        believe(incoming, settings)
        assert incoming.client is not None
        ip_address(incoming.client[0])
        assert 0 <= incoming.client[1] < 65536
        assert incoming.scheme in ("http", "https")
        root = incoming.root_path
        assert root == "" or (root[0] == "/" and "//" not in root and "\\" not in root)
        assert not set(incoming.header(b"host") or b"") & set(b" /@\\%\xff,")
