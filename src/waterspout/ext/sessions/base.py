"""How a session is opened and saved, whatever its store (Flask-Session's ``base``).

Two requests of one session at once: each writes what it has changed. Where the value in the store
is no longer the one that a request has read, the keys that the request has set or deleted are
applied to what is there now; of two requests that set one key, the later write stays. A session
that was deleted meanwhile (logout, `revoke`, `regenerate`) does not come back by a write.
"""

from __future__ import annotations

import logging
import random
import re
import secrets
import time
from abc import ABC
from collections.abc import Coroutine, Mapping
from copy import deepcopy
from datetime import timedelta
from typing import Any, ClassVar, TypedDict, TypeVar

from itsdangerous import BadSignature, Signer

from waterspout import App, Request, Response, current_app, has_request_context, session
from waterspout.concurrency import drive
from waterspout.sessions import (
    SessionMixin,
    StoredSessionInterface,
    cookie_attributes,
    keep_from_caches,
    vary_on_cookie,
)
from waterspout.typing import JSONValue

from ..outage import Outage, StoreUnavailable
from .defaults import Defaults
from .methods import MethodStore
from .serializer import MsgSpecSerializer, Serializer
from .store import (
    AsyncStore,
    Entry,
    Outcome,
    SessionInfo,
    Store,
    Waiting,
    Write,
    at,
    public_id,
)
from .stored_session import CREATED, Origin, ServerSideSession, UnavailableSession
from .types import Stored

__all__ = [
    "Defaults",
    "MsgSpecSerializer",
    "Serializer",
    "ServerSideSession",
    "ServerSideSessionInterface",
]

T = TypeVar("T")

_logger = logging.getLogger("waterspout.sessions")

#: What an id may look like: nothing else is looked for in a store.
_SID = re.compile(r"[A-Za-z0-9_-]{8,512}\Z")
#: What a store of a program's own consists of.
_METHODS = ("_retrieve_session_data", "_delete_session", "_upsert_session")
#: How often a write is tried anew after another request's.
_ATTEMPTS = 500


class Options(TypedDict, total=False):
    """What every session interface takes besides its store, as `ServerSideSessionInterface`."""

    key_prefix: str
    use_signer: bool
    permanent: bool
    sid_length: int
    serialization_format: str
    cleanup_n_requests: int | None


class ServerSideSessionInterface(StoredSessionInterface, ABC):
    """Keeps sessions in a store, and their ids in the cookie.

    For a store of your own, give a subclass ``_retrieve_session_data``, ``_delete_session`` and
    ``_upsert_session``, as for Flask-Session; they run in worker threads.
    """

    session_class: type[ServerSideSession] = ServerSideSession
    serializer: Serializer
    #: Whether the store lets sessions expire by itself.
    ttl: ClassVar[bool] = True

    def __init__(
        self,
        app: Any,
        key_prefix: str = Defaults.SESSION_KEY_PREFIX,
        use_signer: bool = Defaults.SESSION_USE_SIGNER,
        permanent: bool = Defaults.SESSION_PERMANENT,
        sid_length: int = Defaults.SESSION_ID_LENGTH,
        serialization_format: str = Defaults.SESSION_SERIALIZATION_FORMAT,
        cleanup_n_requests: int | None = Defaults.SESSION_CLEANUP_N_REQUESTS,
    ) -> None:
        self.app = app
        self.key_prefix = key_prefix
        self.use_signer = use_signer
        self.permanent = permanent
        self.sid_length = sid_length
        self.cleanup_n_requests = cleanup_n_requests
        self.serializer = MsgSpecSerializer(app, serialization_format)
        config = {} if app is None else app.config
        self.user_key: str | None = setting(config, "SESSION_USER_KEY")
        self.absolute: float | None = setting(config, "SESSION_ABSOLUTE_LIFETIME")
        self.idle: float | None = setting(config, "SESSION_IDLE_LIFETIME")
        self._outage = Outage(
            f"The store of the sessions ({type(self).__name__})",
            _logger,
            setting(config, "SESSION_RETRY_AFTER"),
        )
        self._own_store = self._make_store()
        #: Whether the program's class reads and writes by methods of its own.
        self._by_methods = any(
            getattr(type(self), name) is not getattr(ServerSideSessionInterface, name)
            for name in _METHODS
        )
        self.waiting_store = Waiting(MethodStore(self) if self._by_methods else self._own_store)
        if self.has_async_store() and not self._by_methods:
            self.open_session_async = self._open_on_loop
            self.save_session_async = self._save_on_loop
        if app is not None:
            app.on_shutdown(self._close)
            if not self.ttl:
                self._arrange_cleanup(app)

    # -- what a store's interface gives ---------------------------------------------------

    def _make_store(self) -> Store:
        """Return the store; here, none but the three methods of a subclass."""
        if all(
            getattr(type(self), name) is getattr(ServerSideSessionInterface, name)
            for name in _METHODS
        ):
            raise TypeError(f"{type(self).__name__} has none of: {', '.join(_METHODS)}")
        return MethodStore(self)

    def has_async_store(self) -> bool:
        """Whether `async_store` returns one."""
        return False

    def async_store(self) -> AsyncStore:
        """Return the store for the running event loop."""
        raise NotImplementedError

    def _pack(self, data: Mapping[str, object]) -> object:
        """Return what the store keeps of a session's dict."""
        return deepcopy(data) if self._by_methods else self.serializer.encode(data)

    def _unpack(self, value: Stored) -> dict[str, object]:
        """Return the dict of what the store has kept. Raises `ValueError`."""
        return deepcopy(value) if self._by_methods else self.serializer.decode(value)

    async def _close(self) -> None:
        self._own_store.close()

    # -- what Flask-Session's programs call and override ----------------------------------

    def _generate_sid(self, session_id_length: int) -> str:
        return secrets.token_urlsafe(session_id_length)

    def _get_store_id(self, sid: str) -> str:
        return self.key_prefix + sid

    def _get_signer(self, app: Any) -> Signer:
        if not app.secret_key:
            raise KeyError("SESSION_USE_SIGNER is on: set SECRET_KEY, which signs the ids.")
        keys = [*reversed(list(app.config.get("SECRET_KEY_FALLBACKS") or ())), app.secret_key]
        return Signer(keys, salt="flask-session", key_derivation="hmac")

    def _unsign(self, app: App, sid: str) -> str:
        return self._get_signer(app).unsign(sid).decode()

    def _sign(self, app: App, sid: str) -> str:
        return self._get_signer(app).sign(sid.encode()).decode()

    def should_set_storage(self, app: App, session: ServerSideSession) -> bool:
        """Whether a session is written to a store that cannot only move its end."""
        return bool(session.modified or app.config["SESSION_REFRESH_EACH_REQUEST"])

    def regenerate(self, session: ServerSideSession) -> None:
        """Give *session* a new id, see `ServerSideSession.regenerate`."""
        if session:
            session.regenerate()

    def _retrieve_session_data(self, store_id: str) -> dict[str, object] | None:
        """Return a session's dict by its key in the store, None where there is none."""
        found = self._own_store.load(self._sid_of(store_id), None)
        return None if found is None else self._unpack(found)

    def _delete_session(self, store_id: str) -> None:
        """Delete a session by its key in the store."""
        self._own_store.delete(self._sid_of(store_id), None)

    def _upsert_session(
        self, session_lifetime: timedelta, session: ServerSideSession, store_id: str
    ) -> None:
        """Write a session, whatever is there, under a key of the store."""
        lifetime = int(session_lifetime.total_seconds())
        write = Write(self._sid_of(store_id), self._pack(dict(session)), lifetime)
        self._own_store.commit(write)

    def _delete_expired_sessions(self) -> None:
        """Delete what has expired from a store that does not do it by itself."""
        self._own_store.collect()

    def _sid_of(self, store_id: str) -> str:
        return store_id.removeprefix(self.key_prefix)

    def _arrange_cleanup(self, app: App) -> None:
        def cleanup() -> None:
            with app.app_context():
                self._delete_expired_sessions()

        about = "Delete expired sessions from their store."
        app.cli.command("session_cleanup", help=about)(cleanup)

    # -- opening and saving ------------------------------------------------------------------

    def open_session(self, app: App, request: Request) -> Any:
        """Return the session of *request*: the one its cookie names, if we have issued it and it
        lives, else a new one. While the store is down, an `UnavailableSession`."""
        return drive(self._open(app, request, self.waiting_store))

    def save_session(self, app: App, session: SessionMixin, response: Response) -> None:
        """Write, refresh or delete *session*, and set or delete its cookie on *response*.

        Raises:
            StoreUnavailable: The store cannot be reached: 503.
        """
        drive(self._save(app, session, response, self.waiting_store))

    async def _open_on_loop(self, app: App, request: Request) -> Any:
        return await self._open(app, request, self.async_store())

    async def _save_on_loop(self, app: App, session: object, response: object) -> None:
        await self._save(app, session, response, self.async_store())

    async def _open(self, app: Any, request: Any, store: AsyncStore) -> object:
        sid = self._sid_in(app, request.cookies.get(self.get_cookie_name(app)))
        if sid is None:
            return self._new()
        refresh = app.config["SESSION_REFRESH_EACH_REQUEST"]
        try:
            found = await self._ask(
                store, store.load(sid, self._lifetime(app) if refresh else None)
            )
        except StoreUnavailable as error:
            return UnavailableSession(error)
        data = None if found is None else self._read(found)
        if data is None:
            return self._new()  # SECURITY: under an id of ours, never under one that was sent
        if self._left(data) <= 0:
            try:
                await self._ask(store, store.delete(sid, self._user_in(data)))
            except StoreUnavailable as error:
                return UnavailableSession(error)
            return self._new()
        opened = self.session_class(data, sid=sid)
        opened.sid_length = self.sid_length
        opened.origin = Origin(sid, found)
        if self.absolute is not None and CREATED not in opened:
            opened[CREATED] = int(time.time())  # it was written without this setting
        return opened

    async def _save(self, app: Any, session: Any, response: Any, store: AsyncStore) -> None:
        if session.accessed:
            # SECURITY: an answer that depends on the session must not be cached for others.
            vary_on_cookie(response)
        if not session:
            if session.modified:
                if session.origin is not None:
                    read = self._read(session.origin.value) or {}
                    await self._ask(store, store.delete(session.origin.sid, self._user_in(read)))
                    session.origin = None
                response.delete_cookie(self.get_cookie_name(app), **cookie_attributes(self, app))
                keep_from_caches(app, response)
            return
        refreshes = self._by_methods and session.origin and self.should_set_storage(app, session)
        if (session.modified or refreshes) and not await self._write(app, session, store):
            return
        if not self.should_set_cookie(app, session):
            return
        response.set_cookie(
            self.get_cookie_name(app),
            self._sign(app, session.sid) if self.use_signer else session.sid,
            expires=self.get_expiration_time(app, session),
            **cookie_attributes(self, app),
        )
        keep_from_caches(app, response)

    async def _write(self, app: App, session: ServerSideSession, store: AsyncStore) -> bool:
        """Write a changed session. Return False if it was ended by somebody else meanwhile."""
        origin = session.origin
        before = {} if origin is None else self._read(origin.value) or {}
        data, old_user = dict(session), self._user_in(before)
        if origin is not None and self._user_in(data) != old_user and not session.is_rotated():
            session.regenerate()  # SECURITY: no id that was known before a login is good after it
        self._note_beginning(data, before)
        if origin is None:
            return await self._write_over(app, session, store, None, before, data)
        async with store.turns.take(origin.sid) as turn:
            written = await self._write_over(app, session, store, turn.latest, before, data)
            if written and session.origin is not None and session.origin.sid == origin.sid:
                turn.latest = session.origin
            return written

    async def _write_over(
        self,
        app: App,
        session: ServerSideSession,
        store: AsyncStore,
        latest: Origin | None,
        before: dict[str, object],
        data: dict[str, object],
    ) -> bool:
        """Write *data* over what the session was read as, or over the *latest* that is known, or
        whatever is there by then: apply to it what has changed since *before*."""
        origin, current = session.origin, before
        changes = None
        if latest is not None and origin is not None and latest.value != origin.value:
            origin, current = latest, self._read(latest.value) or {}
            changes = self._changes(before, data)
            data = _merged(current, changes)
        for _ in range(_ATTEMPTS):
            write = self._write_of(app, session, data, origin, self._user_in(current))
            result = await self._ask(store, store.commit(write))
            if result is Outcome.DONE:
                assert session.sid is not None
                session.origin = Origin(session.sid, write.value)
                await self._collect_sometimes(store)
                return True
            if changes is None:
                changes = self._changes(before, data)
            if result is not Outcome.GONE:
                assert origin is not None
                origin, current = Origin(origin.sid, result), self._read(result) or {}
            elif session.is_rotated():
                # A login whose old session has ended: only what this request has set goes on.
                origin, current = None, {}
            else:
                return False
            data = _merged(current, changes)
        raise StoreUnavailable(retry_after=1)

    def _write_of(
        self,
        app: App,
        session: ServerSideSession,
        data: dict[str, JSONValue],
        origin: Origin | None,
        old_user: str | None,
    ) -> Write:
        assert session.sid is not None
        return Write(
            session.sid,
            self._pack(data),
            max(1, int(min(self._lifetime(app), self._left(data)))),
            None if origin is None else origin.sid,
            None if origin is None else origin.value,
            self._user_in(data),
            old_user,
            int(data.get(CREATED) or time.time()),
        )

    # -- the pieces ----------------------------------------------------------------------------

    def _new(self) -> ServerSideSession:
        made = self.session_class(sid=self._generate_sid(self.sid_length), permanent=self.permanent)
        made.sid_length = self.sid_length
        return made

    def _sid_in(self, app: App, cookie: str | None) -> str | None:
        """Return the id in a cookie, None if it cannot be one of ours."""
        if cookie and self.use_signer:
            try:
                cookie = self._unsign(app, cookie)
            except (BadSignature, UnicodeError):
                return None
        return cookie if cookie and _SID.match(cookie) else None

    def _read(self, value: object) -> dict[str, object] | None:
        try:
            return self._unpack(value)
        except ValueError as error:
            _logger.warning(f"A session in the store cannot be read, it is taken for none: {error}")
            return None

    async def _ask(self, store: AsyncStore, work: Coroutine[object, object, T]) -> T:
        """Await what a store does. Raises `StoreUnavailable` if it cannot be reached."""
        try:
            self._outage.check()
            answer = await work
        except store.errors as error:
            raise self._outage.failed(error) from error
        finally:
            work.close()
        self._outage.worked()
        return answer

    def _lifetime(self, app: Any) -> int:
        """Return after how many seconds without a request a session ends."""
        if self.idle is not None:
            return int(self.idle)
        lifetime: timedelta = app.permanent_session_lifetime
        return int(lifetime.total_seconds())

    def _left(self, data: dict[str, object]) -> float:
        """Return the seconds until a session must end, however busy it is."""
        if self.absolute is None:
            return float("inf")
        began = data.get(CREATED)
        return self.absolute - (time.time() - began if isinstance(began, int | float) else 0)

    def _note_beginning(self, data: dict[str, object], before: Mapping[str, object]) -> None:
        """Put into *data* when the session, or its login, began, if that is asked for."""
        if self.absolute is None:
            return
        if CREATED not in data or self._user_in(data) != self._user_in(before):
            data[CREATED] = int(time.time())

    def _user_in(self, data: Mapping[str, object]) -> str | None:
        user = None if self.user_key is None else data.get(self.user_key)
        return None if user is None else str(user)

    def _changes(
        self, before: Mapping[str, object], data: Mapping[str, object]
    ) -> tuple[dict[str, object], set[str]]:
        """Return what was set, and which keys were deleted, between two states of a session."""
        now = self._read(self._pack(data)) or {}  # as it will be read: lists for tuples
        changed = {k: v for k, v in now.items() if k not in before or before[k] != v}
        return changed, before.keys() - now.keys()

    # -- a user's sessions -----------------------------------------------------------------------

    async def list_of(self, user: str, store: AsyncStore) -> list[SessionInfo]:
        """List the live sessions of *user*, the newest first."""
        entries: list[Entry] = await self._ask(store, store.of(user))
        # Not every door has the request's session; then none is the current one.
        current = getattr(session, "sid", None) if has_request_context() else None
        found = []
        for entry in sorted(entries, key=lambda entry: entry.created, reverse=True):
            data = self._read(entry.value)
            if data is not None and self._user_in(data) == user:
                found.append(
                    SessionInfo(
                        public_id(entry.sid, user),
                        user,
                        at(entry.created),
                        at(entry.expires),
                        entry.sid == current,
                        data,
                    )
                )
        return found

    async def revoke_one(self, id: str, store: AsyncStore) -> int:
        """End the session that is called *id* in a list, or has it in its cookie."""
        _, dot, user = id.partition(".")
        if not dot:
            return int(await self._ask(store, store.delete(id, None)))
        for entry in await self._ask(store, store.of(user)):
            if secrets.compare_digest(public_id(entry.sid, user).encode(), id.encode()):
                return int(await self._ask(store, store.delete(entry.sid, user)))
        return 0

    async def revoke_all(self, user: str, spare: str | None, store: AsyncStore) -> int:
        """End the sessions of *user* but the one with the id *spare*."""
        ended = 0
        for entry in await self._ask(store, store.of(user)):
            if entry.sid != spare:
                ended += await self._ask(store, store.delete(entry.sid, user))
        return ended

    async def _collect_sometimes(self, store: AsyncStore) -> None:
        """Delete what has expired, after about every SESSION_CLEANUP_N_REQUESTS-th write."""
        every = self.cleanup_n_requests
        if not self.ttl and every and random.randrange(every) == 0:
            await self._ask(store, store.collect())


def _merged(
    current: Mapping[str, object], changes: tuple[dict[str, object], set[str]]
) -> dict[str, object]:
    """Return *current* with what was set and without what was deleted."""
    return {key: value for key, value in current.items() if key not in changes[1]} | changes[0]


def setting(config: Mapping[str, object], name: str) -> Any:
    """Return a setting of *config*, or its default."""
    return config.get(name, getattr(Defaults, name))


def interface_here() -> ServerSideSessionInterface:
    """Return the current application's. Raises `RuntimeError` if it keeps no sessions itself."""
    found = current_app.session_interface
    if not isinstance(found, ServerSideSessionInterface):
        raise RuntimeError(
            "The sessions of this application are in cookies; nobody can list or revoke them."
            " Keep them on the server: waterspout.ext.sessions.Session(app)."
        )
    return found
