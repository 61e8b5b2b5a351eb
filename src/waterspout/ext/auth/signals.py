"""Signals; the sender is the application (the names of `flask_login.signals`)."""

from __future__ import annotations

from blinker import Namespace

_signals = Namespace()

#: *user* has logged in.
user_logged_in = _signals.signal("logged-in")
#: *user* has logged out.
user_logged_out = _signals.signal("logged-out")
#: *user* was known by the cookie that remembers.
user_loaded_from_cookie = _signals.signal("loaded-from-cookie")
#: *user* was known by the request loader.
user_loaded_from_request = _signals.signal("loaded-from-request")
#: *user* was known by a header loader.
_user_loaded_from_header = _signals.signal("loaded-from-header")
#: A login was confirmed, and is fresh.
user_login_confirmed = _signals.signal("login-confirmed")
#: Somebody who is not logged in was refused.
user_unauthorized = _signals.signal("unauthorized")
#: Somebody has to log in anew.
user_needs_refresh = _signals.signal("needs-refresh")
#: The user is looked for.
user_accessed = _signals.signal("accessed")
#: A session came from elsewhere, and is no longer fresh, or has ended.
session_protected = _signals.signal("session-protected")
