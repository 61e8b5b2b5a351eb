"""Flask-Mail: recorded in tests, and over SMTP to a real socket."""

import socket
import threading

from mail_program import create_app, mail


def test_letters_are_recorded_when_testing():
    app = create_app(TESTING=True)
    with app.app_context(), mail.record_messages() as outbox:
        app.test_client().post("/invite", data={"to": "ada@example.org"})
    assert [letter.subject for letter in outbox] == ["Come in"]
    assert outbox[0].recipients == ["ada@example.org"]
    assert outbox[0].body == "See http://localhost/invite"


def test_letter_reaches_the_mail_server():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        letters = []
        server = threading.Thread(target=receive_one, args=(listener, letters))
        server.start()
        app = create_app(MAIL_SERVER="127.0.0.1", MAIL_PORT=listener.getsockname()[1])
        assert app.test_client().post("/invite", data={"to": "ada@example.org"}).text == "sent"
        server.join(10)
    assert "Subject: Come in" in letters[0]
    assert "To: ada@example.org" in letters[0]


def receive_one(listener, letters):
    """Speak just enough SMTP (RFC 5321) for one letter."""
    connection, _ = listener.accept()
    with connection, connection.makefile("rwb", buffering=0) as stream:
        connection.settimeout(10)
        stream.write(b"220 ready\r\n")
        while line := stream.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                stream.write(b"354 go on\r\n")
                letter = b""
                while (line := stream.readline()) != b".\r\n":
                    letter += line
                letters.append(letter.decode())
            stream.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
            if verb == b"QUIT":
                return
