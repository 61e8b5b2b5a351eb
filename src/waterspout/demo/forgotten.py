"""A forgotten password: a link by mail, good for an hour and once."""

from __future__ import annotations

from waterspout import abort, current_app, flash
from waterspout.ext.auth import hash_password_async
from waterspout.ext.sessions import revoke_async

from . import jobs
from .account_forms import ForgottenForm, NewPasswordForm
from .accounts import find_user
from .extensions import db, limiter
from .handlers import Handler
from .models import User
from .translations import translate

__all__ = ["ROUTES"]

AN_HOUR = 1 / 24  # days, as Tornado counts the age of signed values


class Forgotten(Handler):
    """Asks for the name, and sends the link."""

    def get(self) -> None:
        """Show the form."""
        self.render("tornado/forgotten.html", form=ForgottenForm())

    @limiter.limit("10/hour")
    async def post(self) -> None:
        """Send the link to the user's address, if there is such a user and address."""
        form = ForgottenForm()
        if not await form.validate_async():
            self.set_status(422)
            self.render("tornado/forgotten.html", form=form)
            return
        user = await find_user(form.username.data)
        if user is not None and user.email:
            await jobs.send_mail.enqueue_async(
                user.email, translate("Your password"), self.letter(user)
            )
        # SECURITY: the same words for everybody, so that nobody learns who has an account.
        flash(translate("If we know your address, a link is on its way."), "info")
        self.redirect("/login", status=303)

    def letter(self, user: User) -> str:
        """Return the text of the message."""
        # SECURITY: never the request's host: who asks for a letter to somebody else could have its
        # link lead to a host of his own.
        here = current_app.config["PUBLIC_URL"].rstrip("/")
        token = self.create_signed_value("reset", f"{user.id}.{user.mark('reset')}").decode()
        text = translate("Hello %(name)s,\n\nfor a new password open within an hour:\n%(link)s\n")
        return text % {"name": user.name, "link": f"{here}/reset/{token}"}


class Reset(Handler):
    """Takes the new password of who has the link."""

    async def prepare(self) -> None:
        """Find out whose link it is; a bad one is 404."""
        token = self.path_kwargs["token"]
        value = self.get_signed_cookie("reset", token, max_age_days=AN_HOUR) or b""
        user_id, _, mark = value.decode().partition(".")
        user = await db.async_session.get(User, int(user_id)) if user_id else None
        if user is None or not user.has_mark("reset", mark):
            abort(404, translate("This link is too old, or has been used."))
        self.user = user

    def get(self, token: str) -> None:
        """Show the form."""
        self.render("tornado/reset.html", form=NewPasswordForm())

    async def post(self, token: str) -> None:
        """Change the password, and end all sessions of the user."""
        form = NewPasswordForm()
        if not await form.validate_async():
            self.set_status(422)
            self.render("tornado/reset.html", form=form)
            return
        before = self.user.get_id()
        self.user.password = await hash_password_async(form.password.data)
        await db.async_session.commit()
        await revoke_async(user=before)
        flash(translate("Your password is changed."), "success")
        self.redirect("/login", status=303)


ROUTES = [(r"/reset", Forgotten), (r"/reset/(?P<token>.+)", Reset)]
