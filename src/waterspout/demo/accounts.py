"""What users do with their accounts: request handlers and Tornado's templates."""

from __future__ import annotations

from sqlalchemy import select
from wtforms import BooleanField, PasswordField, StringField  # type: ignore[import-untyped]
from wtforms.validators import DataRequired, Length  # type: ignore[import-untyped]

from waterspout import flash
from waterspout.ext.auth import login_user, logout_user, next_url, verify_password_async

from .extensions import db, limiter
from .forms import Form
from .handlers import Handler
from .models import User
from .translations import Words, translate

__all__ = ["ROUTES"]


class LoginForm(Form):
    """Name and password."""

    username = StringField(Words("Name"), validators=[DataRequired(), Length(max=40)])
    password = PasswordField(Words("Password"), validators=[DataRequired(), Length(max=200)])
    remember = BooleanField(Words("Remember me"))


class Login(Handler):
    """Logs a user in."""

    def show(self, form: LoginForm, status: int = 200) -> None:
        """Show the form."""
        self.set_status(status)
        self.render("tornado/login.html", form=form, next=next_url())

    def get(self) -> None:
        """Show the form, empty."""
        self.show(LoginForm())

    @limiter.limit("10/minute")
    async def post(self) -> None:
        """Check name and password."""
        form = LoginForm()
        if not await form.validate_async():
            self.show(form, 422)
            return
        query = select(User).where(User.name == form.username.data)
        user = await db.async_session.scalar(query)
        # SECURITY: a name that nobody has takes as long as a wrong password.
        right = await verify_password_async(user and user.password, form.password.data)
        if user is None or not right:
            form.form_errors.append(translate("Name or password is wrong."))
            self.show(form, 401)
            return
        login_user(user, remember=form.remember.data)
        flash(translate("Welcome, %(name)s!") % {"name": user.name}, "success")
        self.redirect(next_url(), status=303)


class Logout(Handler):
    """Logs the user out."""

    def post(self) -> None:
        """Log out."""
        logout_user()
        self.redirect("/", status=303)


ROUTES = [(r"/login", Login), (r"/logout", Logout)]
