"""Signals about the objects that a session has inserted, changed and deleted.

They are sent where the setting ``SQLALCHEMY_TRACK_MODIFICATIONS`` is on, by the application, with
``changes``: a list of ``(object, "insert" | "update" | "delete")``.
"""

from __future__ import annotations

from typing import Any

from waterspout import current_app, has_app_context
from waterspout.ext import needs_extra
from waterspout.signals import Namespace

with needs_extra("db"):
    import sqlalchemy as sa
    from sqlalchemy import event

__all__ = ["before_models_committed", "listen", "models_committed"]

_signals = Namespace()

#: Sent after a commit that has changed something.
models_committed = _signals.signal("models-committed")
#: Sent before it.
before_models_committed = _signals.signal("before-models-committed")


def listen(session: object) -> None:
    """Send the signals for the sessions of *session*, a scoped session or a session class."""
    event.listen(session, "before_flush", _note_changes)
    event.listen(session, "before_commit", _before_commit)
    event.listen(session, "after_commit", _after_commit)
    event.listen(session, "after_rollback", _after_rollback)


def _is_on() -> bool:
    return has_app_context() and bool(current_app.config["SQLALCHEMY_TRACK_MODIFICATIONS"])


def _note_changes(session: Any, *_: object) -> None:
    if not _is_on():
        return
    kinds = ((session.new, "insert"), (session.dirty, "update"), (session.deleted, "delete"))
    for targets, operation in kinds:
        for target in targets:
            state = sa.inspect(target)
            key = state.identity_key if state.has_identity else id(target)
            session.model_changes[key] = (target, operation)


def _before_commit(session: object) -> None:
    _note_changes(session)
    _send(before_models_committed, session)


def _after_commit(session: Any) -> None:
    if _is_on():
        _send(models_committed, session)
        session.model_changes.clear()


def _after_rollback(session: Any) -> None:
    session.model_changes.clear()


def _send(signal: Any, session: Any) -> None:
    if _is_on() and session.model_changes:
        app = current_app._get_current_object()  # type: ignore[attr-defined]  # a proxy
        signal.send(app, changes=list(session.model_changes.values()))
