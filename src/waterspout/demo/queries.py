"""What pages read: lists of posts, one post with its comments.

A list is one query. Its page is found by the id that it begins after, not by counting those before
it: page 5,000 costs what page 1 does.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import ColumnElement, RowMapping, Select, func, select
from sqlalchemy.orm import contains_eager, joinedload, selectinload

from waterspout import abort, request

from .extensions import db
from .models import Comment, Post, Tag, User, post_tag

__all__ = ["LARGEST_ID", "PAGE_SIZE", "Page", "find", "get_post", "id_in_query", "list_query"]

LARGEST_ID = 2**31 - 1  # of the databases' integers; a URL can hold larger ones
PAGE_SIZE = 10


class Page(NamedTuple):
    """Rows with `id`, `title`, `summary`, `picture`, `created`, `author`, `avatar`, `city`, `tags`
    (names, separated by commas, or None), `comments` (their number); and where to go on."""

    posts: list[RowMapping]
    older: int | None
    newer: int | None


def id_in_query(key: str) -> int | None:
    """Return an id of the query string, None where there is none; what is no id is 400."""
    text = request.args.get(key)
    if text is None:
        return None
    digits = text.lstrip("0") or text[:1]
    # SECURITY: as many digits as LARGEST_ID has, before int(), whose time grows with their square.
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 10):
        abort(400, f"'{key}' is an id.")
    if int(digits) > LARGEST_ID:
        abort(400, f"'{key}' is an id.")
    return int(digits)


def list_query(
    *where: ColumnElement[bool],
    before: int | None = None,
    after: int | None = None,
    size: int = PAGE_SIZE,
) -> Select[tuple[object, ...]]:
    """Return the query for the newest *size* posts that fulfil *where*, or those next to the id
    *before* or *after*; and one more, which tells whether there are further ones."""
    chosen = select(Post.id).where(*where).limit(size + 1)
    if after is not None:
        chosen = chosen.where(Post.id > after).order_by(Post.id)
    elif before is not None:
        chosen = chosen.where(Post.id < before).order_by(Post.id.desc())
    else:
        chosen = chosen.order_by(Post.id.desc())
    # NOTE: the page's ids come first, as a table of their own; else MariaDB begins with the users
    # and sorts all posts.
    page = chosen.subquery("page")
    tags = (
        select(func.aggregate_strings(Tag.name, ","))
        .join_from(post_tag, Tag)
        .where(post_tag.c.post_id == Post.id)
        .scalar_subquery()
    )
    comments = select(func.count(Comment.id)).where(Comment.post_id == Post.id).scalar_subquery()
    return (
        select(
            *(Post.id, Post.title, Post.summary, Post.picture, Post.created),
            *(User.name.label("author"), User.avatar, User.city),
            *(tags.label("tags"), comments.label("comments")),
        )
        .join_from(page, Post, Post.id == page.c.id)
        .join(User, User.id == Post.user_id)
        .order_by(Post.id.desc())
    )


def find(*where: ColumnElement[bool], before: int | None = None, after: int | None = None) -> Page:
    """Return one page of the posts that fulfil *where*."""
    rows = list(db.session.execute(list_query(*where, before=before, after=after)).mappings())
    more = len(rows) > PAGE_SIZE
    if after is not None:
        posts = rows[-PAGE_SIZE:]
        newer, older = more, bool(posts)
    else:
        posts = rows[:PAGE_SIZE]
        newer, older = before is not None and bool(posts), more
    return Page(posts, posts[-1]["id"] if older else None, posts[0]["id"] if newer else None)


def get_post(post_id: int) -> dict[str, object]:
    """Return a post with its author and tags, and its comments with theirs; or answer 404."""
    found = db.get_or_404(Post, post_id, options=[joinedload(Post.author), selectinload(Post.tags)])
    comments = (
        select(Comment)
        .where(Comment.post_id == post_id)
        .join(Comment.author)
        .options(contains_eager(Comment.author))
        .order_by(Comment.id)
    )
    return {"post": found, "comments": list(db.session.scalars(comments))}
