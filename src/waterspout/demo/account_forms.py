"""The forms of accounts, and what they ask of a name, a password and an avatar."""

from __future__ import annotations

import re
import unicodedata

from sqlalchemy import select
from wtforms import (  # type: ignore[import-untyped]  # WTForms has no types
    BooleanField,
    EmailField,
    Field,
    PasswordField,
    StringField,
    ValidationError,
)
from wtforms.validators import (  # type: ignore[import-untyped]  # as above
    DataRequired,
    Email,
    EqualTo,
    Length,
    Optional,
)

from waterspout.ext.forms.file import FileContent, FileField, FileSize

from .extensions import db
from .forms import Form
from .models import User
from .pictures import KINDS, MAX_BYTES, check_upload
from .texts import fits_in_path
from .translations import Words, translate

__all__ = [
    "AccountForm",
    "ForgottenForm",
    "LoginForm",
    "NewPasswordForm",
    "PasswordForm",
    "RegisterForm",
]

#: A name: letters and digits of any script; in between also dot, dash and underscore.
NAME = re.compile(r"[^\W_](?:[\w.-]{0,38}[^\W_])?")


def clean(text: str | None) -> str:
    """Return *text* in one form of Unicode, without space around it."""
    return unicodedata.normalize("NFC", text or "").strip()


class _Profile(Form):
    """What both registration and account have."""

    email = EmailField(
        Words("Mail address"),
        description=Words("Only for a forgotten password. May be left out."),
        filters=[clean],
        validators=[Optional(), Email(), Length(max=120)],
    )
    city = StringField(Words("City"), filters=[clean], validators=[Length(max=60)])
    avatar = FileField(
        Words("Picture of you"),
        validators=[FileSize(MAX_BYTES), FileContent(KINDS), check_upload],
    )

    def validate_city(self, field: Field) -> None:
        """Refuse a city that cannot stand in a URL, by a `ValidationError`."""
        if not fits_in_path(field.data):
            raise ValidationError(translate("Without slashes, and not only dots."))


class RegisterForm(_Profile):
    """A new account."""

    username = StringField(Words("Name"), filters=[clean], validators=[DataRequired()])
    password = PasswordField(Words("Password"), validators=[DataRequired(), Length(min=8, max=200)])
    password2 = PasswordField(
        Words("Password again"),
        validators=[DataRequired(), EqualTo("password", Words("The passwords differ."))],
    )

    field_order = ("username", "password", "password2", "city", "email", "avatar")

    async def validate_username(self, field: Field) -> None:
        """Refuse a name that is impossible or taken, by a `ValidationError`."""
        if not NAME.fullmatch(field.data):
            raise ValidationError(translate("At most 40 letters and digits; in between also . - _"))
        if not await self.is_free(field.data):
            raise ValidationError(translate("This name is taken."))

    async def is_free(self, name: str) -> bool:
        """Tell whether somebody may take *name*."""
        name = clean(name)
        if not NAME.fullmatch(name):
            return False
        taken = select(User.id).where(User.name == name)
        return await db.async_session.scalar(taken) is None


class LoginForm(Form):
    """Name and password."""

    username = StringField(Words("Name"), filters=[clean], validators=[DataRequired()])
    password = PasswordField(Words("Password"), validators=[DataRequired(), Length(max=200)])
    remember = BooleanField(Words("Remember me"))


class AccountForm(_Profile):
    """What users change of themselves."""


class NewPasswordForm(Form):
    """A password, twice."""

    password = PasswordField(
        Words("New password"), validators=[DataRequired(), Length(min=8, max=200)]
    )
    password2 = PasswordField(
        Words("Password again"),
        validators=[DataRequired(), EqualTo("password", Words("The passwords differ."))],
    )


class PasswordForm(NewPasswordForm):
    """Another password for who knows the old one."""

    old_password = PasswordField(Words("Old password"), validators=[DataRequired()])


class ForgottenForm(Form):
    """Who has forgotten the password."""

    username = StringField(Words("Name"), filters=[clean], validators=[DataRequired()])
