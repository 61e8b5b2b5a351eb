"""The form field of reCAPTCHA."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from waterspout.ext import needs_extra

from .validators import Recaptcha
from .widgets import RecaptchaWidget

with needs_extra("forms"):
    from wtforms.fields import Field  # type: ignore[import-untyped]  # it has no types

__all__ = ["RecaptchaField"]


class RecaptchaField(Field):  # type: ignore[misc]  # WTForms has no types
    """Shows the riddle, and is valid when the service says that it was solved.

    *nonce* is that of the Content-Security-Policy, or a function that returns it.
    """

    widget = RecaptchaWidget()
    #: Why the service has refused the answer.
    recaptcha_error: str | None = None

    def __init__(
        self,
        label: str = "",
        validators: Sequence[object] | None = None,
        nonce: str | Callable[[], str] | None = None,
        **kwargs: object,
    ) -> None:
        self.nonce = nonce
        super().__init__(label, validators or [Recaptcha()], **kwargs)
