"""Who may change what: one place that pages and requests ask."""

from __future__ import annotations

from waterspout import Blueprint
from waterspout.ext.auth import current_user

from .models import Comment, Post

__all__ = ["may_change", "may_delete", "pages"]

pages = Blueprint("rights", __name__)


def may_change(post: Post) -> bool:
    """Tell whether the current user may change and delete *post*: who wrote it may while an author,
    and admins."""
    if not current_user.is_authenticated or not current_user.has_role("author"):
        return False
    return bool(current_user.id == post.user_id or current_user.has_role("admin"))


def may_delete(comment: Comment, post: Post) -> bool:
    """Tell whether the current user may delete *comment*, which is on *post*: its author, the
    post's author, and admins."""
    if not current_user.is_authenticated:
        return False
    own = current_user.id in {comment.user_id, post.user_id}
    return own or bool(current_user.has_role("admin"))


@pages.app_context_processor
def names() -> dict[str, object]:
    """Give both to the templates of both engines."""
    return {"may_change": may_change, "may_delete": may_delete}
