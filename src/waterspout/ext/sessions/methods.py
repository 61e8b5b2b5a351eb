"""A store made of three methods, as programs have written them for Flask-Session."""

from __future__ import annotations

import threading
from copy import deepcopy
from datetime import timedelta
from typing import Protocol

from .store import Entry, Outcome, Write
from .stored_session import ServerSideSession
from .types import Stored

__all__ = ["MethodStore"]


class _Methods(Protocol):
    session_class: type[ServerSideSession]

    def _get_store_id(self, sid: str) -> str: ...
    def _retrieve_session_data(self, store_id: str) -> dict[str, object] | None: ...
    def _delete_session(self, store_id: str) -> None: ...
    def _upsert_session(
        self, session_lifetime: timedelta, session: ServerSideSession, store_id: str
    ) -> None: ...


class MethodStore:
    """Keeps sessions by the methods of *interface*; its values are dicts.

    One write at a time in one process. Of two processes that write one session in the same
    moment, the later one's values stay.
    """

    errors: tuple[type[BaseException], ...] = (OSError,)

    def __init__(self, interface: _Methods) -> None:
        self._interface = interface
        self._lock = threading.Lock()

    def load(self, sid: str, lifetime: int | None) -> Stored:
        store_id = self._interface._get_store_id(sid)
        return deepcopy(self._interface._retrieve_session_data(store_id))

    def commit(self, write: Write) -> Stored:
        interface = self._interface
        with self._lock:
            if write.read_sid is not None:
                read_as = interface._get_store_id(write.read_sid)
                current = interface._retrieve_session_data(read_as)
                if current is None:
                    return Outcome.GONE
                if current != write.seen:
                    return deepcopy(current)
            session = interface.session_class(write.value, sid=write.sid)
            interface._upsert_session(
                timedelta(seconds=write.lifetime), session, interface._get_store_id(write.sid)
            )
            if write.read_sid is not None and write.read_sid != write.sid:
                interface._delete_session(read_as)
        return Outcome.DONE

    def delete(self, sid: str, user: str | None) -> bool:
        store_id = self._interface._get_store_id(sid)
        found = self._interface._retrieve_session_data(store_id) is not None
        self._interface._delete_session(store_id)
        return found

    def of(self, user: str) -> list[Entry]:
        raise NotImplementedError(
            "This store keeps no lists of a user's sessions; those of SESSION_URL do."
        )

    def collect(self) -> int:
        return 0

    def close(self) -> None:
        pass
