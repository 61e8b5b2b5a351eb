"""Mail from views, handlers and spawned work, over real connections to a mail server."""

from __future__ import annotations

import smtplib
import ssl
import threading
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import httpx
import pytest
from smtp_server import MailServer, mail_server

from waterspout import App, RequestHandler, spawn
from waterspout.ext.mail import (
    Attachment,
    BadHeaderError,
    FlaskMailUnicodeDecodeError,
    Mail,
    MailUnavailable,
    Message,
    email_dispatched,
    force_text,
    sanitize_address,
)
from waterspout.server import serve_in_thread
from waterspout.server.listeners.tls import make_certificate

ANN = "ann@example.org"


def make_app(**settings: Any) -> tuple[App, Mail]:
    app = App("shop")
    app.config.update(MAIL_SERVER="127.0.0.1", MAIL_DEFAULT_SENDER="shop@example.org", **settings)
    return app, Mail(app)


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as running:
        yield running


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ssl.SSLContext]:
    """The file of an authority, and the settings of a server that it stands for."""
    folder = tmp_path_factory.mktemp("tls")
    for name, content in zip(("cert", "key"), make_certificate(), strict=True):
        (folder / name).write_bytes(content)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "cert", folder / "key")
    return str(folder / "cert"), context


def add_routes(app: App, mail: Mail) -> None:
    """Each way of writing an endpoint that sends a message."""

    @app.get("/def")
    def from_view() -> str:
        mail.send(Message("hello", recipients=[ANN], body="from a view"))
        return "sent"

    @app.get("/async")
    async def from_async_view() -> str:
        await mail.send_async(Message("hello", recipients=[ANN], body="from a view"))
        return "sent"

    class Handler(RequestHandler):
        async def get(self) -> None:
            await mail.send_async(Message("hello", recipients=[ANN], body="from a handler"))
            self.write("sent")

    app.add_handlers(r".*", [(r"/handler", Handler)])


ENDPOINTS = ("/def", "/async", "/handler")


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize("mode", ["plain", "starttls", "tls"])
def test_each_endpoint_sends(path: str, mode: Any, certificate: tuple[str, ssl.SSLContext]) -> None:
    """Encrypted and logged in as the settings say."""
    authority, tls = certificate
    with mail_server(tls, mode, user=("shop", "s3cret")) as server:
        app, mail = make_app(
            MAIL_PORT=server.port,
            MAIL_USE_TLS=mode == "starttls",
            MAIL_USE_SSL=mode == "tls",
            MAIL_USERNAME="shop",
            MAIL_PASSWORD="s3cret",
            MAIL_TLS_CA=authority,
        )
        add_routes(app, mail)
        assert app.test_client().get(path).text == "sent"
    (delivery,) = server.deliveries
    assert (delivery.sender, delivery.recipients) == ("shop@example.org", [ANN])
    assert delivery.encrypted == (mode != "plain")
    assert delivery.user == ("shop", "s3cret")
    assert delivery.message["Subject"] == "hello"
    assert delivery.message.get_content().startswith("from a")


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize("mode", ["starttls", "tls"])
def test_an_untrusted_server_gets_nothing(
    path: str, mode: Any, certificate: tuple[str, ssl.SSLContext]
) -> None:
    """Neither the message nor the password; the client of the site learns no reason."""
    with mail_server(certificate[1], mode) as server:
        app, mail = make_app(
            MAIL_PORT=server.port,
            MAIL_USE_TLS=mode == "starttls",
            MAIL_USE_SSL=mode == "tls",
            MAIL_USERNAME="shop",
            MAIL_PASSWORD="s3cret",
        )
        add_routes(app, mail)
        answer = app.test_client().get(path)
        assert answer.status_code == 503
        assert "certificate" not in answer.text
    assert (server.deliveries, server.logins) == ([], [])


@pytest.mark.parametrize("is_async", [False, True])
def test_a_server_without_starttls_gets_nothing(server: MailServer, is_async: bool) -> None:
    app, mail = make_app(MAIL_PORT=server.port, MAIL_USE_TLS=True)
    with pytest.raises(smtplib.SMTPNotSupportedError):
        send(app, mail, Message("x", [ANN], sender="a@example.org"), is_async)
    assert server.deliveries == []


def send(app: App, mail: Mail, message: Message, is_async: bool) -> None:
    """Send in one of the two ways; errors come through."""
    app.config["PROPAGATE_EXCEPTIONS"] = True

    def endpoint() -> str:
        mail.send(message)
        return ""

    async def async_endpoint() -> str:
        await mail.send_async(message)
        return ""

    errors: list[Exception] = []

    @app.errorhandler(Exception)
    def keep(error: Exception) -> str:
        errors.append(error)
        return ""

    app.add_url_rule("/", view_func=async_endpoint if is_async else endpoint)
    app.test_client().get("/")
    if errors:
        raise errors[0]


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize(
    ("fault", "reason"), [("busy", "too many connections"), ("silent", "within MAIL_TIMEOUT")]
)
def test_a_server_in_trouble(is_async: bool, fault: Any, reason: str) -> None:
    with mail_server(fault=fault) as server:
        app, mail = make_app(MAIL_PORT=server.port, MAIL_TIMEOUT=0.2)
        message = Message("x", [ANN], sender="a@example.org")
        with pytest.raises(MailUnavailable, match=reason):
            send(app, mail, message, is_async)


@pytest.mark.parametrize("is_async", [False, True])
def test_no_server(is_async: bool, reserve: Callable[[], int]) -> None:
    """An error of one type, which programs that know smtplib catch as well."""
    app, mail = make_app(MAIL_PORT=reserve())
    with pytest.raises(smtplib.SMTPException) as caught:
        send(app, mail, Message("x", [ANN], sender="a@example.org"), is_async)
    assert isinstance(caught.value, MailUnavailable)
    assert "127.0.0.1" in str(caught.value)
    assert caught.value.code == 503


@pytest.mark.parametrize("is_async", [False, True])
def test_refusals_are_smtplibs(server: MailServer, is_async: bool) -> None:
    app, mail = make_app(MAIL_PORT=server.port)
    message = Message("x", ["refused@example.org"], sender="a@example.org")
    with pytest.raises(smtplib.SMTPRecipientsRefused) as caught:
        send(app, mail, message, is_async)
    assert caught.value.recipients == {"refused@example.org": (550, b"nobody of that name")}


@pytest.mark.parametrize("is_async", [False, True])
def test_a_wrong_password(is_async: bool) -> None:
    with mail_server(user=("shop", "right")) as server:
        app, mail = make_app(MAIL_PORT=server.port, MAIL_USERNAME="shop", MAIL_PASSWORD="wrong")
        with pytest.raises(smtplib.SMTPAuthenticationError):
            send(app, mail, Message("x", [ANN], sender="a@example.org"), is_async)


@pytest.mark.parametrize("is_async", [False, True])
def test_the_others_get_it(server: MailServer, is_async: bool) -> None:
    """One refused recipient of two: the message goes to the other."""
    app, mail = make_app(MAIL_PORT=server.port)
    message = Message("x", ["refused@example.org", ANN], sender="a@example.org")
    send(app, mail, message, is_async)
    assert server.deliveries[0].recipients == [ANN]


def test_other_requests_are_answered_meanwhile() -> None:
    """A mail server that says nothing keeps only its own request waiting."""
    with mail_server(fault="silent") as server:
        app, mail = make_app(MAIL_PORT=server.port, MAIL_TIMEOUT=0.5)
        add_routes(app, mail)
        order: list[str] = []

        @app.get("/quick")
        async def quick() -> str:
            return "quick"

        with serve_in_thread(app) as served, httpx.Client(timeout=20) as client:
            base = served.urls[0].rstrip("/")

            def ask(path: str) -> None:
                order.append(f"{path} {httpx.get(base + path, timeout=20).status_code}")

            waiting = [
                threading.Thread(target=ask, args=(path,)) for path in ("/async", "/handler")
            ]
            for thread in waiting:
                thread.start()
            while server.connections < 2:
                client.get(f"{base}/quick")
            order.append(client.get(f"{base}/quick").text)
            for thread in waiting:
                thread.join()
    assert order[0] == "quick"
    assert sorted(order[1:]) == ["/async 503", "/handler 503"]


@pytest.mark.parametrize("where", ["view", "handler"])
def test_blocking_mail_on_the_loop_is_refused(server: MailServer, where: str) -> None:
    """And the error says what to write."""
    app, mail = make_app(MAIL_PORT=server.port)
    said: list[str] = []

    def attempt() -> None:
        with pytest.raises(RuntimeError) as caught:
            mail.send(Message("x", [ANN], body="x"))
        said.append(str(caught.value))

    @app.get("/view")
    async def view() -> str:
        attempt()
        return ""

    class Handler(RequestHandler):
        def get(self) -> None:
            attempt()

    app.add_handlers(r".*", [(r"/handler", Handler)])
    assert app.test_client().get(f"/{where}").status_code == 200
    assert "await mail.send_async(message)" in said[0]
    assert server.connections == 0


# -- many messages -----------------------------------------------------------------------------


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize(("at_most", "connections"), [(None, 1), (2, 3)])
def test_many_over_one_connection(
    server: MailServer, is_async: bool, at_most: int | None, connections: int
) -> None:
    """MAIL_MAX_EMAILS is how many; then a new connection is made."""
    app, mail = make_app(MAIL_PORT=server.port, MAIL_MAX_EMAILS=at_most)

    @app.get("/False")
    def blocking() -> str:
        with mail.connect() as connection:
            for number in range(5):
                connection.send_message(f"no. {number}", recipients=[ANN], body="x")
        return "sent"

    @app.get("/True")
    async def waiting() -> str:
        async with mail.connect_async() as connection:
            for number in range(5):
                await connection.send_message(f"no. {number}", recipients=[ANN], body="x")
        return "sent"

    assert app.test_client().get(f"/{is_async}").text == "sent"
    assert server.connections == connections
    subjects = [delivery.message["Subject"] for delivery in server.deliveries]
    assert subjects == [f"no. {number}" for number in range(5)]


def test_spawned_work_sends(server: MailServer) -> None:
    app, mail = make_app(MAIL_PORT=server.port)
    works = []

    @app.get("/")
    def view() -> str:
        works.append(spawn(mail.send, Message("later", recipients=[ANN], body="x")))
        return "accepted"

    app.test_client().get("/")
    works[0].result(20)
    assert server.deliveries[0].message["Subject"] == "later"


# -- messages ------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_async", [False, True])
def test_a_full_message(server: MailServer, is_async: bool) -> None:
    """Everything a message may have arrives; Bcc in the envelope only."""
    app, mail = make_app(MAIL_PORT=server.port)
    message = Message(
        "Grüße ✓",
        recipients=[("Änn", ANN), "Bob <bob@exämple.org>"],
        body="Plain " + "long " * 400 + "\n.\nend",
        html="<p>Ünïcode</p>",
        sender=("The Shop", "shop@example.org"),
        cc=["cc@example.org"],
        bcc=["bcc@example.org"],
        attachments=[Attachment("a.txt", "text/plain", "text")],
        reply_to="reply@example.org",
        extra_headers={"X-Order": "7"},
        mail_options=["BODY=8BITMIME"],
    )
    message.attach("bïld.png", "image/png", b"\x89PNG", headers={"Content-ID": "<pic>"})
    send(app, mail, message, is_async)
    (delivery,) = server.deliveries
    got = delivery.message
    everybody = [ANN, "bcc@example.org", "bob@xn--exmple-cua.org", "cc@example.org"]
    assert sorted(delivery.recipients) == everybody
    assert "BODY=8BITMIME" in delivery.mail_options.upper()
    assert got["Subject"] == "Grüße ✓"
    assert [one.display_name for one in got["To"].addresses] == ["Änn", "Bob"]
    assert (got["From"], got["Cc"]) == ("The Shop <shop@example.org>", "cc@example.org")
    assert (got["Reply-To"], got["X-Order"], got["Bcc"]) == ("reply@example.org", "7", None)
    plain, html = got.get_body(("plain",)), got.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert plain.get_content().replace("\r\n", "\n").rstrip() == message.body
    assert html.get_content().rstrip() == "<p>Ünïcode</p>"
    files = {file.get_filename(): file.get_content() for file in got.iter_attachments()}
    assert files == {"a.txt": "text", "bïld.png": b"\x89PNG"}
    assert max(map(len, delivery.content.splitlines())) < 1000


BREAKS = ["\r\n", "\n", "\r", "\v", "\f", "\x1c", "\x85", "\u2028"]


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("line_break", BREAKS)
@pytest.mark.parametrize(
    "field",
    [
        *("subject", "sender", "recipients", "cc", "bcc", "reply_to"),
        *("extra value", "extra name", "file name", "file type", "file header", "alternative"),
    ],
)
def test_header_injection_is_refused(field: str, line_break: str, is_async: bool) -> None:
    """Every break that Python's own generator of messages takes for one."""
    evil = f"x{line_break}Bcc: victim@example.org"
    plain: dict[str, Any] = {"subject": "x", "sender": "a@example.org", "recipients": [ANN]}
    changed: dict[str, Any] = {
        "extra value": {"extra_headers": {"X-A": evil}},
        "extra name": {"extra_headers": {evil: "x"}},
        "file name": {"attachments": [Attachment(evil, "text/plain", "x")]},
        "file type": {"attachments": [Attachment("x", f"text/{evil}", "x")]},
        "file header": {"attachments": [Attachment("x", "text/plain", "x", headers={"A": evil})]},
        "alternative": {"alts": {evil: "x"}},
    }.get(field) or {field: [evil] if field in ("recipients", "cc", "bcc") else evil}
    app, mail = make_app(TESTING=True)
    message = Message(**{**plain, **changed})
    with mail.record_messages() as sent, pytest.raises(BadHeaderError):
        send(app, mail, message, is_async)
    assert sent == []


@pytest.mark.parametrize("line_break", BREAKS)
def test_addresses_lose_their_breaks(line_break: str) -> None:
    """Even where a program writes the message itself, without sending."""
    sender = ("Ann" + line_break, f"ann{line_break}@example.org")
    message = Message("x", [f"Bob{line_break}Bcc: <bob@example.org>"], sender=sender)
    got = message_from_bytes(message.as_bytes(), policy=policy.default)
    assert got["From"].addresses[0].addr_spec == ANN
    assert got["Bcc"] is None
    assert sanitize_address(f"ann@example.org{line_break}") == ANN


def test_bytes_that_are_no_text() -> None:
    assert force_text("Grüße".encode()) == "Grüße"
    with pytest.raises(FlaskMailUnicodeDecodeError, match="You passed in b'\\\\xff'"):
        force_text(b"\xff")


def test_a_folded_subject_is_right() -> None:
    message = Message("one\r\n two", recipients=[ANN], sender="a@example.org")
    assert not message.has_bad_headers()
    assert b"Subject: one\r\n two\r\n" in message.as_bytes()


# -- without a server --------------------------------------------------------------------------


@pytest.mark.parametrize("path", ENDPOINTS)
def test_nothing_is_sent_in_tests(path: str, server: MailServer) -> None:
    """Also where TESTING is set after the extension; the messages are recorded."""
    app, mail = make_app(MAIL_PORT=server.port)
    add_routes(app, mail)
    app.testing = True
    signalled: list[tuple[object, str]] = []

    def note(sender: object, message: Message, **_: object) -> None:
        signalled.append((sender, message.subject))

    with mail.record_messages() as sent, email_dispatched.connected_to(note):
        assert app.test_client().get(path).text == "sent"
    assert [message.subject for message in sent] == ["hello"]
    assert signalled == [(app, "hello")]
    assert server.connections == 0


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize("by_url", [False, True])
def test_a_folder_as_outbox(path: str, by_url: bool, tmp_path: Path) -> None:
    folder = tmp_path / "out box"
    chosen = {"MAIL_URL": folder.as_uri()} if by_url else {"MAIL_OUTBOX": str(folder)}
    app, mail = make_app(**chosen)
    add_routes(app, mail)
    assert app.test_client().get(path).text == "sent"
    (file,) = folder.iterdir()
    got = message_from_bytes(file.read_bytes(), policy=policy.default)
    assert file.suffix == ".eml"
    assert (got["X-Envelope-To"], got["Subject"]) == (ANN, "hello")


def test_everything_in_one_url() -> None:
    app, _ = make_app(MAIL_URL="smtp+tls://me%40example.org:p%2Fw@mail.example.org")
    state = app.extensions["mail"]
    assert (state.server, state.port, state.use_tls) == ("mail.example.org", 587, True)
    assert (state.username, state.password) == ("me@example.org", "p/w")


@pytest.mark.parametrize(
    "settings",
    [
        {"MAIL_URL": "https://user:hidden@example.org"},
        {"MAIL_URL": "file://host/folder"},
        {"MAIL_USE_TLS": True, "MAIL_USE_SSL": True},
    ],
)
def test_wrong_settings_are_told(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="MAIL_U") as caught:
        make_app(**settings)
    assert "hidden" not in str(caught.value)


def test_an_app_without_mail_says_so() -> None:
    app = App("bare")
    with app.app_context(), pytest.raises(RuntimeError, match="init_app"):
        Mail().send(Message("x", [ANN], sender="a@example.org"))
