"""The tables: users, posts with tags, comments.

After a change: ``waterspout --app waterspout.demo:make_app db migrate -m "…"``.
"""

from __future__ import annotations

import hmac
from datetime import UTC, datetime

from sqlalchemy import Column, DateTime, ForeignKey, Index, Integer, String, Table, Text
from sqlalchemy.orm import Mapped, MappedColumn, mapped_column, relationship

from waterspout.ext.auth import UserMixin

from .extensions import Model, db, users

__all__ = ["ROLES", "Comment", "Post", "Tag", "User", "now", "post_tag"]

#: What a user may do, each role more than the one before: comment; write; everything.
ROLES = ("reader", "author", "admin")

# SECURITY: SQLite would give the id of what was deleted to what comes next, and with it what still
# names that id: somebody's session, an open page.
NO_ID_TWICE = {"sqlite_autoincrement": True}


def now() -> datetime:
    """Return the time as the tables keep it: UTC, without a zone, in whole seconds."""
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)


def _owner(table: str) -> MappedColumn[int]:
    """Return a foreign key to *table*: the row goes when the one that it names goes."""
    return mapped_column(ForeignKey(f"{table}.id", ondelete="CASCADE"))


class User(UserMixin, Model):
    """Who reads, comments and writes."""

    __table_args__ = NO_ID_TWICE

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

    def get_id(self) -> str:
        """Return what sessions and cookies that remember hold: the id, and a mark of the password.

        SECURITY: with another password they are nobody's, also those that were copied.
        """
        return f"{self.id}.{self.mark('session')}"

    def mark(self, purpose: str) -> str:
        """Return 32 hex digits that change with the password, others for each *purpose*."""
        # The key has the random salt of the hash in it: a mark says nothing of the password.
        return hmac.digest(self.password.encode(), purpose.encode(), "sha256").hex()[:32]

    def has_mark(self, purpose: str, mark: str) -> bool:
        """Tell whether *mark* is that of *purpose*, with the password as it is now."""
        return hmac.compare_digest(self.mark(purpose).encode(), mark.encode())


post_tag = Table(
    "post_tag",
    db.metadatas[None],
    Column("post_id", Integer, ForeignKey("post.id", ondelete="CASCADE"), primary_key=True),
    Column("tag_id", Integer, ForeignKey("tag.id", ondelete="CASCADE"), primary_key=True),
    Index("ix_post_tag_tag", "tag_id", "post_id"),
)


class Tag(Model):
    """A word that posts are found by."""

    __table_args__ = NO_ID_TWICE

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

    __table_args__ = (Index("ix_post_user", "user_id", "id"), NO_ID_TWICE)


class Comment(Model):
    """What a user says about a post, as plain text."""

    id: Mapped[int] = mapped_column(primary_key=True)
    post_id: Mapped[int] = _owner("post")
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    content: Mapped[str] = mapped_column(Text)
    created: Mapped[datetime] = mapped_column(DateTime, default=now)

    author: Mapped[User] = relationship()
    post: Mapped[Post] = relationship()

    __table_args__ = (Index("ix_comment_post", "post_id", "id"), NO_ID_TWICE)


@users.user_loader
def load_user(user_id: str) -> User | None:
    """Return the user whose `User.get_id` is in the session; None if the password is another."""
    number, _, mark = user_id.partition(".")
    user = db.session.get(User, int(number)) if number.isdecimal() else None
    return user if user is not None and user.has_mark("session", mark) else None
