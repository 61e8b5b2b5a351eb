"""A mail server for tests: SMTP (RFC 5321) with STARTTLS, TLS and login, on a free port.

It keeps what it was given. Its faults are those of real servers: it refuses addresses that begin
with ``refused``, is busy, or accepts a connection and says nothing.
"""

from __future__ import annotations

import base64
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Literal, cast

User = tuple[str, str]


@dataclass
class Delivery:
    """One message as the server got it."""

    sender: str
    recipients: list[str]
    content: bytes
    encrypted: bool
    user: User | None
    mail_options: str

    @property
    def message(self) -> EmailMessage:
        return cast(EmailMessage, message_from_bytes(self.content, policy=policy.default))


@dataclass
class MailServer:
    """Where the server listens and what it did."""

    port: int
    deliveries: list[Delivery] = field(default_factory=list)
    connections: int = 0
    logins: list[User] = field(default_factory=list)


@contextmanager
def mail_server(
    tls: ssl.SSLContext | None = None,
    mode: Literal["plain", "starttls", "tls"] = "plain",
    fault: Literal["", "busy", "silent"] = "",
    user: User | None = None,
) -> Iterator[MailServer]:
    """Run a mail server; it asks for a login if there is a *user*."""

    class Dialogue(socketserver.StreamRequestHandler):
        """One connection."""

        def setup(self) -> None:
            self.encrypted = mode == "tls"
            self.user: User | None = None
            if self.encrypted:
                assert tls
                self.request = tls.wrap_socket(self.request, server_side=True)
            super().setup()

        def finish(self) -> None:
            super().finish()
            self.request.close()  # which may be the encrypted one

        def say(self, *lines: str) -> None:
            code, _, _ = lines[0].partition(" ")
            texts = [line.removeprefix(code).strip() for line in lines]
            marks = ["-"] * (len(texts) - 1) + [" "]
            answer = "".join(
                f"{code}{mark}{text}\r\n" for mark, text in zip(marks, texts, strict=True)
            )
            self.wfile.write(answer.encode())

        def handle(self) -> None:
            server.connections += 1
            if fault == "silent":
                self.rfile.read()  # until the client leaves
                return
            if fault == "busy":
                self.say("421 too many connections")
                return
            self.say("220 test ESMTP")
            self.clear()
            while line := self.rfile.readline():
                command, _, argument = line.decode().strip().partition(" ")
                if not self.answer(command.upper(), argument):
                    return

        def clear(self) -> None:
            self.sender, self.options = "", ""
            self.recipients: list[str] = []

        def answer(self, command: str, argument: str) -> bool:
            """Answer one command; return False at the end of the dialogue."""
            match command:
                case "EHLO":
                    can_encrypt = mode == "starttls" and not self.encrypted
                    extra = ["STARTTLS"] if can_encrypt else ["AUTH PLAIN"]
                    self.say("250 test", "8BITMIME", *extra)
                case "STARTTLS":
                    self.say("220 go on")
                    assert tls
                    self.request = tls.wrap_socket(self.request, server_side=True)
                    self.encrypted = True
                    self.rfile.close()
                    super().setup()
                case "AUTH":
                    self.log_in(argument.partition(" ")[2])
                case "MAIL" if user and not self.user:
                    self.say("530 log in first")
                case "MAIL":
                    address, _, self.options = argument[len("FROM:") :].partition(" ")
                    self.sender = address.strip("<>")
                    self.say("250 ok")
                case "RCPT":
                    address = argument[len("TO:") :].partition(" ")[0].strip("<>")
                    if address.startswith("refused"):
                        self.say("550 nobody of that name")
                    else:
                        self.recipients.append(address)
                        self.say("250 ok")
                case "DATA":
                    self.say("354 go on")
                    self.take()
                case "RSET" | "NOOP":
                    self.clear()
                    self.say("250 ok")
                case "QUIT":
                    self.say("221 bye")
                    return False
                case _:
                    self.say("500 what?")
            return True

        def log_in(self, word: str) -> None:
            _, name, password = base64.b64decode(word).decode().split("\0")
            server.logins.append((name, password))
            if (name, password) == user:
                self.user = user
                self.say("235 welcome")
            else:
                self.say("535 wrong")

        def take(self) -> None:
            lines = []
            while (line := self.rfile.readline()) not in (b".\r\n", b""):
                lines.append(line.removeprefix(b"."))
            content = b"".join(lines)
            server.deliveries.append(
                Delivery(
                    self.sender, self.recipients, content, self.encrypted, self.user, self.options
                )
            )
            self.clear()
            self.say("250 taken")

    class Listener(socketserver.ThreadingTCPServer):
        """Each connection in a thread; a client that does not trust us is no error here."""

        daemon_threads = True
        allow_reuse_address = True

        def handle_error(self, request: object, client_address: object) -> None:
            """Forget it: the client's side says what it saw."""

    with Listener(("127.0.0.1", 0), Dialogue) as listener:
        server = MailServer(listener.server_address[1])
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown()
            thread.join()
