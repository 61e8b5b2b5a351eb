"""What everybody reads: function views and Jinja templates."""

from __future__ import annotations

from sqlalchemy import ColumnElement, func, select

from waterspout import Blueprint, Response, render_template, request
from waterspout.ext.auth import current_user

from .comments import CommentForm
from .extensions import db, limiter
from .models import Post, Tag, User, post_tag
from .queries import find, get_post, id_in_query, list_query
from .texts import CONTROLS

__all__ = ["pages"]

QUERY_LENGTH = 80  # characters
FEED_SIZE = 20  # posts

pages = Blueprint("reading", __name__)


@pages.get("/")
def index() -> str:
    """Show the newest posts of all."""
    return _show("index")


@pages.get("/tag/<name>")
def tag(name: str) -> str:
    """Show the posts that have a tag."""
    having = select(post_tag.c.post_id).join(Tag).where(Tag.name == name)
    return _show("tag", Post.id.in_(having), name=name)


@pages.get("/city/<name>")
def city(name: str) -> str:
    """Show the posts of the authors in a city."""
    return _show("city", Post.user_id.in_(select(User.id).where(User.city == name)), name=name)


@pages.get("/author/<name>")
def author(name: str) -> str:
    """Show an author and what they have written."""
    found = db.first_or_404(select(User).where(User.name == name))
    return _show("author", Post.user_id == found.id, name=name, author=found)


@pages.get("/search")
@limiter.limit("60/minute")
def search() -> str:
    """Show the posts with ``?q=`` in their title or text."""
    query = request.args.get("q", "").strip()[:QUERY_LENGTH]
    found = Post.title.icontains(query, autoescape=True) | Post.content.icontains(
        query, autoescape=True
    )
    return _show("search", *([found] if query else []), name=query)


@pages.get("/post/<id:post_id>")
def post(post_id: int) -> str:
    """Show a post with its comments."""
    # The token of a form makes a session, which who only reads does not need.
    form = CommentForm() if current_user.is_authenticated else None
    return render_template("jinja/post.html", form=form, **get_post(post_id))


@pages.get("/newest")
def newest() -> str:
    """Show who came last, of all and in each city."""
    last = select(func.max(User.id)).group_by(User.city)
    people = db.session.scalars(select(User).where(User.id.in_(last)).order_by(User.id.desc()))
    return render_template("jinja/newest.html", people=list(people))


@pages.get("/feed.xml")
def feed() -> Response:
    """Offer the newest posts to feed readers (RSS 2.0)."""
    posts = list(db.session.execute(list_query(size=FEED_SIZE)).mappings())[:FEED_SIZE]
    text = CONTROLS.sub("", render_template("jinja/feed.xml", posts=posts))
    return Response(text, mimetype="application/rss+xml")


def _show(kind: str, *where: ColumnElement[bool], name: str = "", **more: object) -> str:
    """Render one page of a list: ``?before=ID`` is what is older, ``?after=ID`` what is newer."""
    places = {key: id_in_query(key) for key in ("before", "after")}
    page = find(*where, **places)
    return render_template("jinja/index.html", kind=kind, name=name, page=page, **more)
