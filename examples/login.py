"""Logging in, written twice: with a signed cookie and handlers, with the session and views.

python examples/login.py            # then http://127.0.0.1:5000/cookie and /session
"""

from __future__ import annotations

from typing import Any

from werkzeug.security import check_password_hash, generate_password_hash

from waterspout import (
    App,
    RequestHandler,
    Response,
    authenticated,
    redirect,
    render_template_string,
    request,
    session,
)

USERS = {"ann": generate_password_hash("ann's password")}
NOBODY = generate_password_hash("who has no account waits as long as who has one")

GREETING = """<!doctype html>
<title>Login</title>
<h1>Hello, {{ user or "guest" }}!</h1>
{% if user %}
<p><a href="{{ here }}/secret">For users only</a></p>
<form method="post" action="{{ here }}/logout"><button>Log out</button></form>
{% else %}
<form method="post" action="{{ here }}/login">
  <label>Name <input name="name" autocomplete="username" required></label>
  <label>Password <input name="password" type="password" autocomplete="current-password"></label>
  <button>Log in</button>
  {% if error %}<p role="alert">{{ error }}</p>{% endif %}
</form>
{% endif %}
"""
WRONG = "Name or password is wrong."


def is_user(name: str, password: str) -> bool:
    """Tell whether the password is the user's."""
    return check_password_hash(USERS.get(name, NOBODY), password) and name in USERS


# -- the cookie version: handlers ------------------------------------------------------------------


class CookieHandler(RequestHandler):
    """Knows the user by a cookie that is signed: nobody can write another name into it."""

    def get_current_user(self) -> str | None:
        name = self.get_signed_cookie("user", max_age_days=7)
        return name.decode() if name else None

    def show(self, error: str = "") -> None:
        page = render_template_string(GREETING, user=self.current_user, error=error, here="/cookie")
        self.write(page)


class CookieGreeting(CookieHandler):
    def get(self) -> None:
        self.show()


class CookieLogin(CookieHandler):
    def post(self) -> None:
        name = self.get_body_argument("name")
        if not is_user(name, self.get_body_argument("password")):
            self.set_status(401)
            self.show(WRONG)
            return
        self.set_signed_cookie("user", name, expires_days=7, httponly=True, samesite="Lax")
        self.redirect("/cookie")


class CookieLogout(CookieHandler):
    def post(self) -> None:
        self.clear_cookie("user")
        self.redirect("/cookie")


class CookieSecret(CookieHandler):
    @authenticated
    def get(self) -> None:
        self.write(f"{self.current_user}, this is for users only.")


# -- the session version: views --------------------------------------------------------------------


def show(error: str = "") -> str:
    """Return the page of the session version."""
    return render_template_string(GREETING, user=session.get("user"), error=error, here="/session")


def log_in() -> Any:
    """Check name and password; remember the user."""
    name = request.form["name"]
    if not is_user(name, request.form["password"]):
        return show(WRONG), 401
    session.clear()
    session["user"] = name
    return redirect("/session")


def log_out() -> Response:
    """Forget the user."""
    session.clear()
    return redirect("/session")


def secret() -> Any:
    """Show what is for users only."""
    if "user" not in session:
        return redirect("/session")
    return f"{session['user']}, this is for users only."


def create_app(secret_key: str) -> App:
    """Make the application; *secret_key* signs the cookies of both versions."""
    app = App(__name__)
    app.secret_key = secret_key
    app.handler_settings["login_url"] = "/cookie"
    app.add_handlers(
        r".*",
        [
            (r"/cookie", CookieGreeting),
            (r"/cookie/login", CookieLogin),
            (r"/cookie/logout", CookieLogout),
            (r"/cookie/secret", CookieSecret),
        ],
    )
    app.add_url_rule("/session", view_func=show)
    app.add_url_rule("/session/login", view_func=log_in, methods=["POST"])
    app.add_url_rule("/session/logout", view_func=log_out, methods=["POST"])
    app.add_url_rule("/session/secret", view_func=secret)
    return app


if __name__ == "__main__":
    create_app("a long random text; in a real program from the environment").run()
