"""Comments: written by a form, and seen at once by all who have the post open.

Each open post page has a WebSocket in the post's room. With ROOMS_URL the room reaches all
processes and machines.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import joinedload
from wtforms import TextAreaField  # type: ignore[import-untyped]  # it has no types
from wtforms.validators import DataRequired, Length  # type: ignore[import-untyped]  # as above

from waterspout import (
    Blueprint,
    WebSocket,
    abort,
    flash,
    redirect,
    render_template,
    url_for,
)
from waterspout.ext.auth import current_user, login_required
from waterspout.typing import ResponseReturnValue

from .extensions import db, limiter, rooms
from .forms import Form
from .models import Comment, Post
from .queries import get_post, id_in_query
from .rights import may_delete
from .translations import Words, translate

__all__ = ["CommentForm", "pages", "room_of"]

pages = Blueprint("comments", __name__)


class CommentForm(Form):
    """A comment."""

    comment = TextAreaField(Words("Your comment"), validators=[DataRequired(), Length(max=2000)])


@pages.post("/post/<id:post_id>/comment")
@login_required
@limiter.limit("30/minute", key_func=lambda: f"user {current_user.get_id()}")
def add(post_id: int) -> ResponseReturnValue:
    """Add a comment, and show it to all who read the post now."""
    form = CommentForm()
    if not form.validate():
        return render_template("jinja/post.html", form=form, **get_post(post_id)), 422
    db.get_or_404(Post, post_id)
    comment = Comment(post_id=post_id, user_id=current_user.id, content=form.comment.data)
    db.session.add(comment)
    try:
        db.session.commit()
    except IntegrityError:  # somebody has deleted the post in this moment
        db.session.rollback()
        abort(404)
    rooms.send_sync(room_of(post_id), _message(comment))
    flash(translate("Your comment is there."), "success")
    return redirect(url_for("reading.post", post_id=post_id, _anchor=f"comment-{comment.id}"), 303)


@pages.websocket("/post/<id:post_id>/live")
async def live(ws: WebSocket, post_id: int) -> None:
    """Send each new comment as a JSON object with ``id`` and ``html``, and of each that goes ``id``
    and ``deleted``; first those after ``?after=ID``, which came since the page was made. ``gone``
    tells that the post is deleted."""
    after = id_in_query("after") or 0
    await db.async_get_or_404(Post, post_id)
    await ws.accept()
    rooms.join(ws, room_of(post_id))
    missed = await db.async_session.scalars(
        select(Comment)
        .where(Comment.post_id == post_id, Comment.id > after)
        .options(joinedload(Comment.author))
        .order_by(Comment.id)
    )
    for comment in missed.all():
        await ws.send_json(_message(comment))
    await db.async_session.close()
    async for _ in ws:
        pass  # readers have nothing to say


@pages.post("/comment/<id:comment_id>/delete")
@login_required
def delete(comment_id: int) -> ResponseReturnValue:
    """Delete a comment: its author may, the post's author, and admins."""
    comment = db.get_or_404(
        Comment, comment_id, options=[joinedload(Comment.post), joinedload(Comment.author)]
    )
    if not may_delete(comment, comment.post):
        abort(403)
    db.session.delete(comment)
    db.session.commit()
    rooms.send_sync(room_of(comment.post_id), {"id": comment.id, "deleted": True})
    flash(translate("The comment is gone."), "success")
    return redirect(url_for("reading.post", post_id=comment.post_id), 303)


def room_of(post_id: int) -> str:
    """Return the name of the room of all who have the post open."""
    return f"post/{post_id}"


def _message(comment: Comment) -> dict[str, object]:
    return {"id": comment.id, "html": render_template("jinja/_comment.html", comment=comment)}
