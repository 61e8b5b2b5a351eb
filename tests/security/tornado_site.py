"""The request handlers of the security tests' sites."""

from __future__ import annotations

from waterspout.tornado.web import RequestHandler


class Text(RequestHandler):
    """Answers a word."""

    def get(self) -> None:
        self.write("text")


class Data(RequestHandler):
    """Answers the length of what was sent."""

    def post(self) -> None:
        self.write(str(len(self.request.body)))


class OwnField(RequestHandler):
    """Sets a field that answers have by default."""

    def get(self) -> None:
        self.set_header("X-Content-Type-Options", "own")
        self.write("own")


class Token(RequestHandler):
    """Answers the token against cross-site requests."""

    def get(self) -> None:
        self.write(self.xsrf_token)


class Signed(RequestHandler):
    """Sets a signed cookie, and reads it."""

    def get(self) -> None:
        user = self.get_signed_cookie("user")
        self.set_signed_cookie("user", "ann")
        self.write(str(user))
