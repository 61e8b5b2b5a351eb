"""The elements that load and show reCAPTCHA."""

from __future__ import annotations

from urllib.parse import urlencode

from markupsafe import Markup, escape

from waterspout import current_app
from waterspout.ext import needs_extra
from waterspout.typing import Untyped

with needs_extra("forms"):
    from wtforms.widgets import html_params  # type: ignore[import-untyped]  # it has no types

__all__ = ["RecaptchaWidget"]

RECAPTCHA_SCRIPT_DEFAULT = "https://www.google.com/recaptcha/api.js"
RECAPTCHA_DIV_CLASS_DEFAULT = "g-recaptcha"


class RecaptchaWidget:
    """Renders a `RecaptchaField`."""

    def recaptcha_html(self, public_key: str, nonce: object = None, **kwargs: object) -> Markup:
        """Return the ``<script>`` and the ``<div>``; *kwargs* are attributes of the second."""
        config = current_app.config
        if whole := config.get("RECAPTCHA_HTML"):
            return Markup(whole)
        script = config.get("RECAPTCHA_SCRIPT") or RECAPTCHA_SCRIPT_DEFAULT
        if parameters := config.get("RECAPTCHA_PARAMETERS"):
            script += f"?{urlencode(parameters)}"
        nonce = nonce() if callable(nonce) else nonce
        kwargs.setdefault("class", config.get("RECAPTCHA_DIV_CLASS") or RECAPTCHA_DIV_CLASS_DEFAULT)
        data = {**config.get("RECAPTCHA_DATA_ATTRS", {}), "sitekey": public_key}
        for name, value in data.items():
            kwargs.setdefault(f"data-{name}", value)
        attribute = f' nonce="{escape(nonce)}"' if nonce else ""
        return Markup(
            f"\n<script src='{script}' async defer{attribute}></script>\n"
            f"<div {html_params(**kwargs)}></div>\n"
        )

    def __call__(self, field: Untyped, error: object = None, **kwargs: object) -> Markup:
        config = current_app.config
        if not config.get("RECAPTCHA_ENABLED", True):
            return Markup("<!-- recaptcha disabled -->")
        if "RECAPTCHA_PUBLIC_KEY" not in config:
            raise RuntimeError("RECAPTCHA_PUBLIC_KEY config not set")
        kwargs.setdefault("id", field.id)
        return self.recaptcha_html(config["RECAPTCHA_PUBLIC_KEY"], nonce=field.nonce, **kwargs)
