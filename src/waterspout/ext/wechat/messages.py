"""Messages and events that an account receives, and its passive replies."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from . import xml
from .errors import BadMessage

__all__ = ["Article", "Image", "Message", "Music", "News", "Reply", "Text", "Video", "Voice"]


class Message:
    """A message or event.

    *fields* are all its elements under WeChat's names (``message["PicUrl"]``); those that every
    kind has are attributes as well.

    Raises:
        BadMessage: An element that every message has is missing.
    """

    def __init__(self, fields: xml.Fields) -> None:
        self.fields = fields
        try:
            self.to_user = str(fields["ToUserName"])
            self.from_user = str(fields["FromUserName"])
            self.type = str(fields["MsgType"]).lower()
            self.created = int(fields["CreateTime"])
        except (KeyError, ValueError) as error:
            raise BadMessage(f"The message lacks an element, or it is wrong: {error}") from None

    def __getitem__(self, name: str) -> Any:
        return self.fields[name]

    def get(self, name: str, default: Any = None) -> Any:
        """Return an element, *default* if it is not there."""
        return self.fields.get(name, default)

    @property
    def content(self) -> str:
        """The text of a text message, else empty."""
        return str(self.fields.get("Content", ""))

    @property
    def event(self) -> str:
        """The kind of an event in lower case (``subscribe``, ``click``, …), else empty."""
        return str(self.fields.get("Event", "")).lower() if self.type == "event" else ""

    @property
    def key(self) -> str:
        """What tells it from others, the same when WeChat repeats it: its id; of an event sender,
        time and kind."""
        own = self.fields.get("MsgId")
        return str(own) if own else f"{self.from_user}-{self.created}-{self.event}"


@dataclass(frozen=True)
class Reply:
    """Base of passive replies."""

    def _own_fields(self) -> xml.Fields:
        raise NotImplementedError

    def to(self, message: Message) -> str:
        """Return the XML of the reply to *message*."""
        kind = type(self).__name__.lower()
        return xml.write(
            {
                "ToUserName": message.from_user,
                "FromUserName": message.to_user,
                "CreateTime": int(time.time()),
                "MsgType": kind,
                **self._own_fields(),
            }
        )


@dataclass(frozen=True)
class Text(Reply):
    """Text; 2048 bytes at most."""

    content: str

    def _own_fields(self) -> xml.Fields:
        return {"Content": self.content}


@dataclass(frozen=True)
class Image(Reply):
    """A picture that was uploaded to WeChat."""

    media_id: str

    def _own_fields(self) -> xml.Fields:
        return {"Image": {"MediaId": self.media_id}}


@dataclass(frozen=True)
class Voice(Reply):
    """A recording that was uploaded to WeChat."""

    media_id: str

    def _own_fields(self) -> xml.Fields:
        return {"Voice": {"MediaId": self.media_id}}


@dataclass(frozen=True)
class Video(Reply):
    """A film that was uploaded to WeChat."""

    media_id: str
    title: str = ""
    description: str = ""

    def _own_fields(self) -> xml.Fields:
        about = {"Title": self.title, "Description": self.description}
        return {"Video": {"MediaId": self.media_id, **about}}


@dataclass(frozen=True)
class Music(Reply):
    """Music by its address, with an uploaded thumbnail."""

    thumb_media_id: str
    title: str = ""
    description: str = ""
    url: str = ""
    hq_url: str = ""

    def _own_fields(self) -> xml.Fields:
        own = {"Title": self.title, "Description": self.description}
        own |= {"MusicUrl": self.url, "HQMusicUrl": self.hq_url}
        return {"Music": {**own, "ThumbMediaId": self.thumb_media_id}}


@dataclass(frozen=True)
class Article:
    """One article of `News`."""

    title: str
    description: str = ""
    picture: str = ""
    url: str = ""


@dataclass(frozen=True)
class News(Reply):
    """Articles; WeChat shows one in reply to a message, up to eight in reply to a menu."""

    articles: Sequence[Article] = field(default_factory=tuple)

    def _own_fields(self) -> xml.Fields:
        items = [
            {
                "Title": one.title,
                "Description": one.description,
                "PicUrl": one.picture,
                "Url": one.url,
            }
            for one in self.articles
        ]
        return {"ArticleCount": len(items), "Articles": items}
