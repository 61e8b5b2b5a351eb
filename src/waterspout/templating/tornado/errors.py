"""Errors in templates, with file and line."""

from __future__ import annotations


class ParseError(Exception):
    """The template breaks a rule of the language, in *filename* at *lineno*."""

    def __init__(self, message: str, filename: str | None = None, lineno: int = 0) -> None:
        super().__init__(message, filename, lineno)
        self.message = message
        self.filename = filename
        self.lineno: int | None = lineno  # None is for `SyntaxError` alone

    def __str__(self) -> str:
        return f"{self.message} at {self.filename}:{self.lineno}"


class CodeError(ParseError, SyntaxError):
    """The Python in a template does not compile. A `SyntaxError` too, as in Tornado.

    *code* is the statement made from the faulty tag.
    """

    def __init__(self, message: str, filename: str, lineno: int, code: str | None = None) -> None:
        super().__init__(message, filename, lineno)
        self.msg = message
        self.text = code
