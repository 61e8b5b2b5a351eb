"""A WeChat official account: messages and events, login by WeChat, and WeChat's interface.

    wechat = WeChat(app)                    # settings: WECHAT_…, see docs/wechat.md

    @wechat.message("text")
    def echo(message):
        return message.content

    @wechat.event("subscribe")
    async def welcome(message):
        return "Welcome!"

`waterspout.ext.wechat.testing` has a stand-in for WeChat's servers.
"""

from __future__ import annotations

from .account import WeChat
from .api import Cache, MemoryCache, User
from .errors import (
    BadMessage,
    InvalidCode,
    InvalidState,
    SignatureError,
    TokenRefused,
    WeChatAPIError,
    WeChatError,
    WeChatUnavailable,
)
from .messages import Article, Image, Message, Music, News, Reply, Text, Video, Voice
from .signing import MessageCrypt, js_signature, signature

__all__ = [
    "Article",
    "BadMessage",
    "Cache",
    "Image",
    "InvalidCode",
    "InvalidState",
    "MemoryCache",
    "Message",
    "MessageCrypt",
    "Music",
    "News",
    "Reply",
    "SignatureError",
    "Text",
    "TokenRefused",
    "User",
    "Video",
    "Voice",
    "WeChat",
    "WeChatAPIError",
    "WeChatError",
    "WeChatUnavailable",
    "js_signature",
    "signature",
]
