"""The tables: users, posts with tags, comments.

After a change: ``waterspout --app waterspout.demo:make_app db migrate -m "…"``.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Column, DateTime, ForeignKey, Index, Integer, String, Table, Text
from sqlalchemy.orm import Mapped, MappedColumn, mapped_column, relationship

from waterspout.ext.auth import UserMixin

from .extensions import Model, db, users

__all__ = ["ROLES", "Comment", "Post", "Tag", "User", "now", "post_tag"]

#: What a user may do, each role more than the one before: comment; write; everything.
ROLES = ("reader", "author", "admin")


def now() -> datetime:
    """Return the time as the tables keep it: UTC, without a zone, in whole seconds."""
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)


def _owner(table: str) -> MappedColumn[int]:
    """Return a foreign key to *table*: the row goes when the one that it names goes."""
    return mapped_column(ForeignKey(f"{table}.id", ondelete="CASCADE"))


class User(UserMixin, Model):
    """Who reads, comments and writes."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(40), unique=True)
    password: Mapped[str] = mapped_column(String(255))
    email: Mapped[str] = mapped_column(String(120), default="")
    avatar: Mapped[str] = mapped_column(String(60), default="")
    city: Mapped[str] = mapped_column(String(60), default="", index=True)
    role: Mapped[str] = mapped_column(String(20), default="author")
    #: The newest comment on the user's posts that the user has seen.
    seen: Mapped[int] = mapped_column(default=0)
    created: Mapped[datetime] = mapped_column(DateTime, default=now)
    updated: Mapped[datetime] = mapped_column(DateTime, default=now, onupdate=now)

    def has_role(self, role: str) -> bool:
        """Tell whether the user may do what *role* may."""
        return ROLES.index(self.role) >= ROLES.index(role)


post_tag = Table(
    "post_tag",
    db.metadatas[None],
    Column("post_id", Integer, ForeignKey("post.id", ondelete="CASCADE"), primary_key=True),
    Column("tag_id", Integer, ForeignKey("tag.id", ondelete="CASCADE"), primary_key=True),
    Index("ix_post_tag_tag", "tag_id", "post_id"),
)


class Tag(Model):
    """A word that posts are found by."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(40), unique=True)


class Post(Model):
    """What an author has written, in Markdown."""

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = _owner("user")
    title: Mapped[str] = mapped_column(String(120))
    content: Mapped[str] = mapped_column(Text)
    #: The beginning as plain text, for lists.
    summary: Mapped[str] = mapped_column(String(300))
    picture: Mapped[str] = mapped_column(String(60), default="")
    created: Mapped[datetime] = mapped_column(DateTime, default=now)
    updated: Mapped[datetime] = mapped_column(DateTime, default=now, onupdate=now)

    author: Mapped[User] = relationship()
    tags: Mapped[list[Tag]] = relationship(
        secondary=post_tag, order_by=Tag.name, passive_deletes=True
    )

    __table_args__ = (Index("ix_post_user", "user_id", "id"),)


class Comment(Model):
    """What a user says about a post, as plain text."""

    id: Mapped[int] = mapped_column(primary_key=True)
    post_id: Mapped[int] = _owner("post")
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    content: Mapped[str] = mapped_column(Text)
    created: Mapped[datetime] = mapped_column(DateTime, default=now)

    author: Mapped[User] = relationship()
    post: Mapped[Post] = relationship()

    __table_args__ = (Index("ix_comment_post", "post_id", "id"),)


@users.user_loader
def load_user(user_id: str) -> User | None:
    """Return the user whose id is in the session."""
    return db.session.get(User, int(user_id))
