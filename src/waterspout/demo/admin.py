"""What admins do: give roles, delete users, posts and comments."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from waterspout import abort, flash
from waterspout.ext.auth import roles_required
from waterspout.ext.sessions import revoke_async

from . import jobs
from .comments import room_of
from .extensions import db, rooms
from .handlers import Handler
from .models import ROLES, Comment, Post, User
from .queries import id_in_query
from .translations import translate

__all__ = ["ROUTES"]

PAGE_SIZE = 30

LISTS = {
    "users": select(User),
    "posts": select(Post).options(joinedload(Post.author)),
    "comments": select(Comment).options(joinedload(Comment.author), joinedload(Comment.post)),
}
IDS = {"users": User.id, "posts": Post.id, "comments": Comment.id}


class Admin(Handler):
    """Lists users, posts or comments, the newest first."""

    @roles_required("admin")
    async def get(self, kind: str | None = None) -> None:
        """Show one page of the list; ``?before=ID`` is what is older."""
        kind = kind or "users"
        query = LISTS[kind].order_by(IDS[kind].desc()).limit(PAGE_SIZE)
        if (before := id_in_query("before")) is not None:
            query = query.where(IDS[kind] < before)
        rows = list(await db.async_session.scalars(query))
        self.render("tornado/admin.html", kind=kind, rows=rows, full=len(rows) == PAGE_SIZE)


class Role(Handler):
    """Gives a user a role."""

    @roles_required("admin")
    async def post(self, number: str) -> None:
        """Take the role from the form; one that there is not is 400, one's own role 403."""
        role = self.get_body_argument("role")
        if role not in ROLES:
            abort(400, f"A role is one of {', '.join(ROLES)}.")
        user = await _other_user(self, number)
        user.role = role
        await db.async_session.commit()
        flash(translate("%(name)s has another role now.") % {"name": user.name}, "success")
        self.redirect("/admin/users", status=303)


class DeleteUser(Handler):
    """Deletes a user, with all posts and comments."""

    @roles_required("admin")
    async def post(self, number: str) -> None:
        """Delete, and end the user's sessions; oneself is 403."""
        user = await _other_user(self, number)
        await revoke_async(user=user)
        written = select(Post.id, Post.picture).where(Post.user_id == user.id)
        posts = (await db.async_session.execute(written)).all()
        for name in [user.avatar, *(post.picture for post in posts)]:
            await jobs.remove_picture.enqueue_async(name)
        await db.async_session.delete(user)
        await db.async_session.commit()
        for post in posts:
            await rooms.send(room_of(post.id), {"gone": True})
        flash(translate("%(name)s is gone.") % {"name": user.name}, "success")
        self.redirect("/admin/users", status=303)


class DeleteComment(Handler):
    """Deletes a comment."""

    @roles_required("admin")
    async def post(self, number: str) -> None:
        """Delete."""
        comment = await db.async_get_or_404(Comment, int(number))
        await db.async_session.delete(comment)
        await db.async_session.commit()
        await rooms.send(room_of(comment.post_id), {"id": comment.id, "deleted": True})
        flash(translate("The comment is gone."), "success")
        self.redirect("/admin/comments", status=303)


async def _other_user(handler: Handler, number: str) -> User:
    """Return the user of that id, who is not the admin himself."""
    if int(number) == handler.current_user.id:
        abort(403, translate("Ask another admin."))
    user: User = await db.async_get_or_404(User, int(number))
    return user


ROUTES = [
    (r"/admin(?:/(users|posts|comments))?", Admin),
    (r"/admin/users/([0-9]{1,9})/role", Role),
    (r"/admin/users/([0-9]{1,9})/delete", DeleteUser),
    (r"/admin/comments/([0-9]{1,9})/delete", DeleteComment),
]
