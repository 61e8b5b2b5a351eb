"""A Flask program with Flask-Login: members see a page that guests are sent away from."""

from flask import Flask, redirect, request, session, url_for
from flask_login import (
    LoginManager,
    UserMixin,
    current_user,
    login_required,
    login_user,
    logout_user,
)

app = Flask(__name__)
app.config.update(SECRET_KEY="not secret", REMEMBER_COOKIE_NAME="remember")
manager = LoginManager(app)
manager.login_view = "login"


class User(UserMixin):
    names = {"1": "ada", "2": "grace"}

    def __init__(self, id):
        self.id = id

    @property
    def name(self):
        return self.names[self.id]


@manager.user_loader
def load_user(id):
    return User(id) if id in User.names else None


@app.route("/login", methods=["GET", "POST"])
def login():
    if request.method == "GET":
        return "please log in", 200
    login_user(User(request.form["id"]), remember="remember" in request.form)
    return redirect(request.args.get("next") or url_for("member"))


@app.route("/member")
@login_required
def member():
    session["seen"] = session.get("seen", 0) + 1
    return f"hello {current_user.name}, visit {session['seen']}"


@app.route("/logout", methods=["POST"])
@login_required
def logout():
    logout_user()
    return redirect(url_for("login"))


@app.route("/who")
def who():
    return current_user.name if current_user.is_authenticated else "a guest"
