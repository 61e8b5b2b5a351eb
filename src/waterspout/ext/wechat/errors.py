"""Errors of WeChat's interfaces, each with the status that it has if it reaches the client."""

from __future__ import annotations

from werkzeug.exceptions import HTTPException

__all__ = [
    "BadMessage",
    "InvalidCode",
    "InvalidState",
    "SignatureError",
    "TokenRefused",
    "WeChatAPIError",
    "WeChatError",
    "WeChatUnavailable",
    "error_for",
]


class WeChatError(HTTPException):
    """Base of all errors here. The client does not learn the reason; ``str(error)`` says it."""

    shown = "WeChat cannot be asked at the moment."

    def __init__(self, reason: str) -> None:
        super().__init__(self.shown)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class SignatureError(WeChatError):
    """A request whose signature, age or encryption is not WeChat's: 403."""

    code = 403
    shown = "The request is not signed as WeChat signs."


class BadMessage(WeChatError):
    """A message that is no XML as WeChat sends it: 400."""

    code = 400
    shown = "The message cannot be read."


class InvalidState(WeChatError):
    """A login that this browser has not begun here, or that it has finished already: 403."""

    code = 403
    shown = "This login was not begun here. Please try again."


class WeChatUnavailable(WeChatError):
    """WeChat's servers do not answer, not in time, or are busy, also after the retries: 503."""

    code = 503
    shown = "WeChat does not answer at the moment. Please try again later."


class WeChatAPIError(WeChatError):
    """WeChat refuses a call; *errcode* and *errmsg* are its own: 502."""

    code = 502
    shown = "WeChat has refused a request of this site."

    def __init__(self, errcode: int, errmsg: str, call: str) -> None:
        super().__init__(f"WeChat answers {call}: {errcode} {errmsg}")
        self.errcode = errcode
        self.errmsg = errmsg
        self.call = call


class TokenRefused(WeChatAPIError):
    """The access token is wrong or has expired; it was renewed once and refused again."""


class InvalidCode(WeChatAPIError):
    """The code of a login is wrong, has expired or was used: 400. The user begins again."""

    code = 400
    shown = "This login has expired. Please try again."


_KINDS: dict[int, type[WeChatAPIError]] = {
    **dict.fromkeys((40001, 40014, 41001, 42001), TokenRefused),
    **dict.fromkeys((40029, 40163, 41008, 42003), InvalidCode),
}


def error_for(errcode: int, errmsg: str, call: str) -> WeChatAPIError:
    """Return the error of a call that WeChat has refused."""
    return _KINDS.get(errcode, WeChatAPIError)(errcode, errmsg, call)
