"""The pages of the demo's blog that the bench asks for, on Flask with its extensions: the same
tables, queries and templates."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Flask, flash, redirect, render_template, request, url_for
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect, FlaskForm
from jinja2 import ChoiceLoader, FileSystemLoader
from markupsafe import Markup
from sqlalchemy import func, select
from sqlalchemy.orm import DeclarativeBase, contains_eager, joinedload, relationship, selectinload
from werkzeug.wrappers import Response
from wtforms import PasswordField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length

import waterspout.demo
import waterspout.ext.forms
from waterspout.demo.markdown import render_now

DEMO = Path(waterspout.demo.__file__).parent
FORMS = Path(waterspout.ext.forms.__file__).parent
PAGE_SIZE = 10


class Base(DeclarativeBase):
    pass


app = Flask(__name__, static_folder=str(DEMO / "static"))
app.jinja_loader = ChoiceLoader(
    [FileSystemLoader([DEMO / "templates", FORMS / "templates"])]  # type: ignore[assignment]
)
app.config.update(
    SECRET_KEY="of the bench",
    SQLALCHEMY_DATABASE_URI=os.environ["BENCH_DATABASE"].replace(
        "postgresql:", "postgresql+psycopg:"
    ),
    WTF_CSRF_TIME_LIMIT=None,
)
db = SQLAlchemy(app, model_class=Base)
CSRFProtect(app)
users = LoginManager(app)
users.login_view = "reading.login"


class User(UserMixin, db.Model):
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(40))
    avatar = db.Column(db.String(60))
    city = db.Column(db.String(60))
    role = db.Column(db.String(20))

    def has_role(self, role: str) -> bool:
        roles = ("reader", "author", "admin")
        return roles.index(self.role) >= roles.index(role)


post_tag = db.Table(
    "post_tag",
    db.Column("post_id", db.Integer, db.ForeignKey("post.id"), primary_key=True),
    db.Column("tag_id", db.Integer, db.ForeignKey("tag.id"), primary_key=True),
)


class Tag(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(40))


class Post(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    user_id = db.Column(db.Integer, db.ForeignKey("user.id"))
    title = db.Column(db.String(120))
    content = db.Column(db.Text)
    summary = db.Column(db.String(300))
    picture = db.Column(db.String(60))
    created = db.Column(db.DateTime)
    updated = db.Column(db.DateTime)
    author = relationship(User)
    tags = relationship(Tag, secondary=post_tag, order_by=Tag.name)


class Comment(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    post_id = db.Column(db.Integer, db.ForeignKey("post.id"))
    user_id = db.Column(db.Integer, db.ForeignKey("user.id"))
    content = db.Column(db.Text)
    created = db.Column(db.DateTime)
    author = relationship(User)


class LoginForm(FlaskForm):
    username = StringField("Name", validators=[DataRequired()])
    password = PasswordField("Password", validators=[DataRequired()])


class CommentForm(FlaskForm):
    comment = TextAreaField("Your comment", validators=[DataRequired(), Length(max=2000)])


@users.user_loader
def load_user(user_id: str) -> User | None:
    return db.session.get(User, int(user_id))


@lru_cache(maxsize=1000)
def kept(text: str) -> str:
    return render_now(text)


@app.template_filter()
def markdown(text: str) -> Markup:
    return Markup(kept(text))


@app.context_processor
def names() -> dict[str, Any]:
    def translate(message: str, plural: str = "", count: int = 1) -> str:
        return plural if plural and count != 1 else message

    languages = {"en": ("en_US", "en", "English"), "zh": ("zh_CN", "zh-CN", "中文")}
    theme = request.cookies.get("theme")
    return {
        "_": translate,
        "languages": languages,
        "language": request.accept_languages.best_match(languages) or "en",
        "theme": theme if theme in ("dark", "light") else "system",
        "may_change": lambda post: (
            current_user.is_authenticated and current_user.id == post.user_id
        ),
        "may_delete": lambda comment, post: (
            current_user.is_authenticated and current_user.id in {comment.user_id, post.user_id}
        ),
    }


def read_post(post_id: int) -> dict[str, Any]:
    options = [joinedload(Post.author), selectinload(Post.tags)]
    found = db.get_or_404(Post, post_id, options=options)
    comments = (
        select(Comment)
        .where(Comment.post_id == post_id)
        .join(Comment.author)
        .options(contains_eager(Comment.author))
        .order_by(Comment.id)
    )
    return {"post": found, "comments": list(db.session.scalars(comments))}


def index() -> str:
    page = select(Post.id).order_by(Post.id.desc()).limit(PAGE_SIZE + 1).subquery("page")
    tags = (
        select(func.aggregate_strings(Tag.name, ","))
        .join_from(post_tag, Tag)
        .where(post_tag.c.post_id == Post.id)
        .scalar_subquery()
    )
    comments = select(func.count(Comment.id)).where(Comment.post_id == Post.id).scalar_subquery()
    query = (
        select(
            *(Post.id, Post.title, Post.summary, Post.picture, Post.created),
            *(User.name.label("author"), User.avatar, User.city),
            *(tags.label("tags"), comments.label("comments")),
        )
        .join_from(page, Post, Post.id == page.c.id)
        .join(User, User.id == Post.user_id)
        .order_by(Post.id.desc())
    )
    rows = list(db.session.execute(query).mappings())
    posts = rows[:PAGE_SIZE]
    older = posts[-1]["id"] if len(rows) > PAGE_SIZE else None
    found = {"posts": posts, "older": older, "newer": None}
    return render_template("jinja/index.html", kind="index", name="", page=found)


def post(post_id: int) -> str:
    return render_template("jinja/post.html", form=CommentForm(), **read_post(post_id))


@login_required
def add(post_id: int) -> Response | tuple[str, int]:
    form = CommentForm()
    if not form.validate():
        return render_template("jinja/post.html", form=form, **read_post(post_id)), 422
    db.get_or_404(Post, post_id)
    created = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    comment = Comment(
        post_id=post_id, user_id=current_user.id, content=form.comment.data, created=created
    )
    db.session.add(comment)
    db.session.commit()
    flash("Your comment is there.", "success")
    return redirect(url_for("reading.post", post_id=post_id, _anchor=f"comment-{comment.id}"), 303)


def login() -> Response | str:
    """Let anybody in: only who is logged in comments, and passwords are not measured."""
    form = LoginForm()
    if form.validate_on_submit():
        login_user(db.session.scalars(select(User).where(User.name == form.username.data)).one())
        return redirect("/", 303)
    return f"<form>{form.hidden_tag()}</form>"


def nothing(**_: object) -> str:
    """Stand for the pages that others link to."""
    return ""


app.add_url_rule("/", "reading.index", index)
app.add_url_rule("/post/<int:post_id>", "reading.post", post)
app.add_url_rule("/post/<int:post_id>/comment", "comments.add", add, methods=["POST"])
app.add_url_rule("/login", "reading.login", login, methods=["GET", "POST"])
for rule, endpoint in {
    "/tag/<name>": "reading.tag",
    "/city/<name>": "reading.city",
    "/author/<name>": "reading.author",
    "/search": "reading.search",
    "/feed.xml": "reading.feed",
    "/comment/<int:comment_id>/delete": "comments.delete",
    "/picture/<name>": "pictures.large",
    "/picture/small/<name>": "pictures.small",
    "/language/<code>": "language",
}.items():
    app.add_url_rule(rule, endpoint, nothing)
