"""Asks the service of reCAPTCHA whether the riddle was solved."""

from __future__ import annotations

import json
from urllib import request as http
from urllib.parse import urlencode

from waterspout import current_app, request
from waterspout.ext import needs_extra
from waterspout.typing import Untyped

with needs_extra("forms"):
    from wtforms import ValidationError  # type: ignore[import-untyped]  # it has no types

__all__ = ["Recaptcha"]

RECAPTCHA_VERIFY_SERVER_DEFAULT = "https://www.google.com/recaptcha/api/siteverify"

#: The service's codes of errors, and what the form says.
RECAPTCHA_ERROR_CODES = {
    "missing-input-secret": "The secret parameter is missing.",
    "invalid-input-secret": "The secret parameter is invalid or malformed.",
    "missing-input-response": "The response parameter is missing.",
    "invalid-input-response": "The response parameter is invalid or malformed.",
}

_FIELD = "g-recaptcha-response"


class Recaptcha:
    """Valid if the service says so; always in tests (TESTING) and with RECAPTCHA_ENABLED False.

    It waits for the service: in ``async def`` views use ``await form.validate_async()``, which runs
    it in a thread.
    """

    def __init__(self, message: str | None = None) -> None:
        self.message = message or RECAPTCHA_ERROR_CODES["missing-input-response"]

    def __call__(self, form: Untyped, field: Untyped) -> bool:
        if current_app.testing or not current_app.config.get("RECAPTCHA_ENABLED", True):
            return True
        source = request.get_json() if request.is_json else request.form
        answer = source.get(_FIELD, "")
        if not answer:
            raise ValidationError(field.gettext(self.message))
        if not self._validate_recaptcha(answer, request.remote_addr):
            field.recaptcha_error = "incorrect-captcha-sol"
            raise ValidationError(field.gettext(self.message))
        return True

    def _validate_recaptcha(self, response: str, remote_addr: str | None) -> bool:
        config = current_app.config
        if "RECAPTCHA_PRIVATE_KEY" not in config:
            raise RuntimeError("No RECAPTCHA_PRIVATE_KEY config set")
        sent = {
            "secret": config["RECAPTCHA_PRIVATE_KEY"],
            "remoteip": remote_addr,
            "response": response,
        }
        server = config.get("RECAPTCHA_VERIFY_SERVER") or RECAPTCHA_VERIFY_SERVER_DEFAULT
        # NOTE: the timeout is the default of sockets, which `urlopen` takes, unless it is set.
        limit = config.get("RECAPTCHA_TIMEOUT")
        options = {} if limit is None else {"timeout": limit}
        answer = http.urlopen(server, urlencode(sent).encode(), **options)
        if answer.code != 200:
            return False
        said = json.loads(answer.read())
        if said["success"]:
            return True
        for code in said.get("error-codes", []):
            if code in RECAPTCHA_ERROR_CODES:
                raise ValidationError(RECAPTCHA_ERROR_CODES[code])
        return False
