from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_login import current_user, login_required, login_user, logout_user

from .extensions import db
from .forms import SignInForm
from .models import User

auth = Blueprint("auth", __name__)


@auth.route("/register", methods=["GET", "POST"])
def register():
    form = SignInForm()
    if form.validate_on_submit():
        if User.query.filter_by(name=form.name.data).first() is not None:
            flash("That name is taken.")
            return render_template("form.html", form=form, title="Register"), 409
        user = User(name=form.name.data)
        user.set_password(form.password.data)
        db.session.add(user)
        db.session.commit()
        login_user(user)
        flash(f"Welcome, {user.name}!")
        return redirect(url_for("goods.index"))
    return render_template("form.html", form=form, title="Register")


@auth.route("/sign-in", methods=["GET", "POST"])
def sign_in():
    form = SignInForm()
    if form.validate_on_submit():
        user = User.query.filter_by(name=form.name.data).first()
        if user is not None and user.has_password(form.password.data):
            login_user(user)
            return redirect(request.args.get("next") or url_for("goods.index"))
        flash("Wrong name or password.")
    return render_template("form.html", form=form, title="Sign in")


@auth.post("/sign-out")
@login_required
def sign_out():
    flash(f"Goodbye, {current_user.name}.")
    logout_user()
    return redirect(url_for("goods.index"))
