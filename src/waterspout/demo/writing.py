"""What authors do: write, look at it before, change and delete."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import joinedload, selectinload
from wtforms import (  # type: ignore[import-untyped]  # WTForms has no types
    StringField,
    TextAreaField,
    ValidationError,
)
from wtforms.validators import DataRequired, Length  # type: ignore[import-untyped]  # as above

from waterspout import abort, flash, run_in_thread
from waterspout.ext.auth import login_required, roles_required
from waterspout.ext.forms.file import FileContent, FileField, FileSize

from . import jobs, pictures
from .comments import room_of
from .extensions import db, limiter, rooms
from .forms import Form
from .handlers import Handler
from .markdown import render_now, summary_of
from .models import Post, Tag
from .rights import may_change
from .texts import fits_in_path
from .translations import Words, translate

__all__ = ["ROUTES"]

MAX_TAGS = 8
ATTEMPTS = 5  # to save a post, while others save the same tags
TAG_LENGTH = 40  # characters, as in the table


def tag_names(text: str) -> list[str]:
    """Return the tags that somebody has typed, separated by commas: in lower case, each once."""
    parts = text.replace("，", ",").replace("、", ",").split(",")
    return list(dict.fromkeys(name for part in parts if (name := " ".join(part.lower().split()))))


def is_tag(name: str) -> bool:
    """Tell whether *name* can be a tag, which is part of a URL."""
    return len(name) <= TAG_LENGTH and fits_in_path(name)


class PostForm(Form):
    """A post."""

    title = StringField(
        Words("Title"), filters=[lambda text: (text or "").strip()],
        validators=[DataRequired(), Length(max=120)],
    )  # fmt: skip
    content = TextAreaField(
        Words("Text"), description=Words("Markdown: **bold**, *slanted*, # heading, - list"),
        # Every database has room for so many: MariaDB's TEXT is 65,535 bytes.
        validators=[DataRequired(), Length(max=16_000)],
    )  # fmt: skip
    tags = StringField(Words("Tags"), description=Words("Separated by commas"))
    picture = FileField(
        Words("Picture"),
        validators=[
            FileSize(pictures.MAX_BYTES),
            FileContent(pictures.KINDS),
            pictures.check_upload,
        ],
    )

    def validate_tags(self, field: StringField) -> None:
        """Refuse too many tags, too long ones, and those that cannot stand in a URL, by a
        `ValidationError`."""
        names = tag_names(field.data)
        if len(names) > MAX_TAGS or not all(map(is_tag, names)):
            raise ValidationError(
                translate("At most 8 tags of 40 letters each, without slashes, and not only dots.")
            )


async def save(post: Post, form: PostForm, summary: str, picture: str) -> None:
    """Give *post* what the form has, and commit; without a new *picture* it keeps the old one."""
    post.title, post.content, post.summary = form.title.data, form.content.data, summary
    before = post.picture
    post.picture = picture or before
    names = tag_names(form.tags.data)
    known = await db.async_session.scalars(select(Tag).where(Tag.name.in_(names)))
    by_name = {tag.name: tag for tag in known}
    post.tags = [by_name.get(name) or Tag(name=name) for name in names]
    db.async_session.add(post)
    await db.async_session.commit()
    if picture and before:
        await jobs.remove_picture.enqueue_async(before)


class Editor(Handler):
    """What writing and editing have in common: a form with a preview."""

    async def get_post(self, number: str | None, *, lock: bool = False) -> Post:
        """Return the post to be written, or answer 404, or 403 to who may not. With *lock* others
        who want to change it wait until this transaction ends."""
        if number is None:
            return Post(user_id=self.current_user.id, picture="", tags=[])
        if lock:
            # NOTE: a change that changes nothing locks in SQLite too, which has no FOR UPDATE. A
            # new transaction, else MariaDB shows the post as it was when the old one began.
            await db.async_session.rollback()
            same = {"id": Post.id, "updated": Post.updated}
            await db.async_session.execute(update(Post).where(Post.id == int(number)).values(same))
        options = [selectinload(Post.tags), joinedload(Post.author)]
        post: Post = await db.async_get_or_404(Post, int(number), options=options)
        if not may_change(post):
            abort(403)
        return post

    async def show(self, post: Post, form: PostForm, status: int = 200) -> None:
        """Show the form; with the preview, if that was asked for."""
        wanted = self.get_body_argument("preview", None) is not None
        preview = await run_in_thread(render_now, form.content.data) if wanted else ""
        self.set_status(status)
        self.render("tornado/write.html", form=form, post=post, preview=preview)


class Write(Editor):
    """Writes a new post, or changes one."""

    @roles_required("author")
    async def get(self, number: str | None = None) -> None:
        """Show the form."""
        post = await self.get_post(number)
        names = ", ".join(tag.name for tag in post.tags)
        data = {"title": post.title, "content": post.content, "tags": names}
        await self.show(post, PostForm(data=data))

    @roles_required("author")
    @limiter.limit("30/minute")
    async def post(self, number: str | None = None) -> None:
        """Keep the post, or show what it will look like."""
        form = PostForm()
        post = await self.get_post(number)
        good = await form.validate_async()
        if not good or self.get_body_argument("preview", None) is not None:
            await self.show(post, form, 200 if good else 422)
            return
        summary = await run_in_thread(summary_of, form.content.data)
        picture = await jobs.keep_picture(form.picture.data)
        for tries_left in reversed(range(ATTEMPTS)):
            post = await self.get_post(number, lock=True)
            try:
                await save(post, form, summary, picture)
                break
            except (IntegrityError, OperationalError):
                # Somebody else made one of the tags in this moment, or the database chose this
                # transaction to end a deadlock: now the way is free.
                await db.async_session.rollback()
                if not tries_left:
                    raise
        flash(translate("Your post is there."), "success")
        self.redirect(f"/post/{post.id}", status=303)


class Preview(Handler):
    """Says for a script what Markdown will look like."""

    @login_required
    @limiter.limit("120/minute")
    async def post(self) -> None:
        """Answer with clean HTML."""
        self.write(await run_in_thread(render_now, self.get_body_argument("content", "")[:16_000]))


class Delete(Editor):
    """Deletes a post, after a question."""

    @login_required
    async def get(self, number: str) -> None:
        """Ask."""
        self.render("tornado/delete.html", post=await self.get_post(number))

    @login_required
    async def post(self, number: str) -> None:
        """Delete the post; its comments go with it."""
        post = await self.get_post(number, lock=True)
        picture = post.picture
        await db.async_session.delete(post)
        await db.async_session.commit()
        await jobs.remove_picture.enqueue_async(picture)
        await rooms.send(room_of(int(number)), {"gone": True})
        flash(translate("The post is gone."), "success")
        self.redirect("/", status=303)


ROUTES = [
    (r"/write", Write),
    (r"/preview", Preview),
    (r"/post/([0-9]{1,9})/edit", Write),
    (r"/post/([0-9]{1,9})/delete", Delete),
]
