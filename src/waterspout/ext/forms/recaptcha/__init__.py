"""Google's reCAPTCHA, or what speaks like it, as a form field (the names of
`flask_wtf.recaptcha`).

Settings: RECAPTCHA_PUBLIC_KEY, RECAPTCHA_PRIVATE_KEY (required), RECAPTCHA_ENABLED (True),
RECAPTCHA_VERIFY_SERVER and RECAPTCHA_SCRIPT (URLs), RECAPTCHA_PARAMETERS (of the script's URL),
RECAPTCHA_DIV_CLASS, RECAPTCHA_DATA_ATTRS, RECAPTCHA_HTML (in place of all that),
RECAPTCHA_TIMEOUT (10 seconds).
"""

from __future__ import annotations

from .fields import RecaptchaField
from .validators import Recaptcha
from .widgets import RecaptchaWidget

__all__ = ["Recaptcha", "RecaptchaField", "RecaptchaWidget"]
