"""Defaults (the names of `flask_login.config`).

Settings: SESSION_PROTECTION (``basic``: a session that comes from another address or browser is no
longer fresh; ``strong``: it ends; None), LOGIN_DISABLED (False), USE_SESSION_FOR_NEXT (False: the
page that was asked for goes into the URL of the login page), FORCE_HOST_FOR_REDIRECTS,
AUTH_HEADER_NAME; and of the cookie that remembers users REMEMBER_COOKIE_NAME (``remember_token``),
REMEMBER_COOKIE_DURATION (365 days; a timedelta, or seconds), REMEMBER_COOKIE_DOMAIN,
REMEMBER_COOKIE_PATH (``/``), REMEMBER_COOKIE_SECURE (False), REMEMBER_COOKIE_HTTPONLY (True),
REMEMBER_COOKIE_SAMESITE (None), REMEMBER_COOKIE_REFRESH_EACH_REQUEST (False).
"""

from __future__ import annotations

from datetime import timedelta

#: The cookie that remembers a user.
COOKIE_NAME = "remember_token"
#: How long it does.
COOKIE_DURATION = timedelta(days=365)
#: Whether browsers send it over TLS only.
COOKIE_SECURE = False
#: Whether scripts cannot read it.
COOKIE_HTTPONLY = True
#: Its SameSite: ``Lax``, ``Strict``, ``None``; None leaves it to the browser.
COOKIE_SAMESITE = None

#: What is flashed before the login page, and its category.
LOGIN_MESSAGE = "Please log in to access this page."
LOGIN_MESSAGE_CATEGORY = "message"
#: The same for users who have to log in anew.
REFRESH_MESSAGE = "Please reauthenticate to access this page."
REFRESH_MESSAGE_CATEGORY = "message"

#: The method of a user that gives the id.
ID_ATTRIBUTE = "get_id"
#: The header field that a header loader gets.
AUTH_HEADER_NAME = "Authorization"

#: What is ours in the session.
SESSION_KEYS = {"_user_id", "_remember", "_remember_seconds", "_id", "_fresh", "next"}
#: Methods that need no login: a browser asks with OPTIONS before it sends what it knows (CORS).
EXEMPT_METHODS = {"OPTIONS"}
#: Whether the page that was asked for is kept in the session, and not in the URL.
USE_SESSION_FOR_NEXT = False
