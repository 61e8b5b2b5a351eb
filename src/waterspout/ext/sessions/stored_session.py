"""The session of one request: a dict that knows its id and how it was read."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, NamedTuple, NoReturn

from werkzeug.datastructures import CallbackDict

from waterspout.sessions import NullSession, SessionMixin

from ..outage import StoreUnavailable
from .types import Stored

__all__ = ["Origin", "ServerSideSession", "UnavailableSession"]

#: Keys that do not make a session: whether it is permanent, and when it began.
PERMANENT, CREATED = "_permanent", "_created"


class Origin(NamedTuple):
    """What a session was read as: the id, and the value in the store."""

    sid: str
    value: Stored


def _note_change(session: ServerSideSession) -> None:
    session.modified = session.accessed = True


class ServerSideSession(CallbackDict[str, Any], SessionMixin):
    """What `session` is when sessions are kept on the server (Flask-Session's class).

    A change inside a value (a list in the session, say) goes unseen: set `modified` then.
    """

    modified = False
    #: How many random bytes a new id is made of.
    sid_length = 32
    #: How the session was read; None: it is new.
    origin: Origin | None = None

    def __init__(
        self,
        initial: Mapping[str, object] | None = None,
        sid: str | None = None,
        permanent: bool | None = None,
    ) -> None:
        super().__init__(initial, _note_change)
        #: The id, as in the cookie but for its signature.
        self.sid = sid
        if permanent:
            self.permanent = permanent
        self.modified = False
        self.accessed = False

    def __bool__(self) -> bool:
        """Whether the session holds anything of the program's."""
        return not self.keys() <= {PERMANENT, CREATED}

    def clear(self) -> None:
        """Drop everything; the session is then deleted from the store, and its cookie too."""
        permanent = self.permanent
        super().clear()
        self.permanent = permanent

    def regenerate(self) -> None:
        """Give the session a new id and keep its data; when the answer is sent, the old id is
        dead.

        To be done wherever rights change: login, a second factor, "log in as".
        """
        self.sid = secrets.token_urlsafe(self.sid_length)
        self.modified = True

    def is_rotated(self) -> bool:
        """Whether the id differs from the one that the session was read by."""
        return self.origin is not None and self.origin.sid != self.sid


class UnavailableSession(NullSession):
    """The session of a request that came while the store could not be reached.

    It is not saved, so the client keeps its cookie.

    Raises:
        StoreUnavailable: At every use: 503.
    """

    def __init__(self, error: StoreUnavailable) -> None:
        super().__init__()
        self._error = error

    def _fail(self, *args: object, **kwargs: object) -> NoReturn:
        raise self._error

    __getitem__ = __setitem__ = __delitem__ = __contains__ = __iter__ = __len__ = __bool__ = _fail
    get = keys = values = items = copy = clear = pop = popitem = update = setdefault = _fail
    regenerate = __ior__ = _fail
    del _fail
