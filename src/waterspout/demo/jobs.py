"""What is done after the answer: small pictures, mail, and removing what nobody shows any more."""

from __future__ import annotations

from werkzeug.datastructures import FileStorage

from waterspout import run_in_thread
from waterspout.ext.mail import Message

from . import pictures
from .extensions import mail, tasks

__all__ = ["keep_picture", "make_small", "remove_picture", "send_mail"]


async def keep_picture(sent: FileStorage | None) -> str:
    """Keep a picture that was checked and return its name, empty without one; the small picture is
    made afterwards."""
    if not sent:
        return ""
    name = await run_in_thread(pictures.keep, sent.stream)
    await make_small.enqueue_async(name)
    return name


@tasks.task
def make_small(name: str) -> None:
    """Make the small form of a picture."""
    pictures.shrink(name)


@tasks.task
def remove_picture(name: str) -> None:
    """Remove a picture that belongs to nothing any more."""
    pictures.remove(name)


@tasks.task(retries=3)
async def send_mail(recipient: str, subject: str, body: str) -> None:
    """Send a message; with MAIL_OUTBOX, as the blog has it, into that folder."""
    await mail.send_async(Message(subject, recipients=[recipient], body=body))
