"""Who the user of the running request is, found once and kept in `g`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from werkzeug.local import LocalProxy

from waterspout import current_app, has_request_context, session
from waterspout.typing import User

from ..request_notes import read_note

if TYPE_CHECKING:
    from waterspout import App


__all__ = [
    "app_here",
    "current_user",
    "find_current_user",
    "load_current_user",
    "manager_here",
    "searched",
]


def app_here() -> App:
    """Return the current application itself, which signals name as their sender."""
    found: App = current_app._get_current_object()  # type: ignore[attr-defined]  # a LocalProxy's
    return found


class Manager(Protocol):
    """A `LoginManager`, as the functions around it see it."""

    id_attribute: str
    login_view: str | None
    blueprint_login_views: dict[str | None, str]

    def unauthorized(self) -> Any: ...
    def needs_refresh(self) -> Any: ...
    def _load_user(self) -> None: ...
    async def _load_user_async(self) -> None: ...
    def note_user(self, user: object = None) -> None: ...
    def session_identifier(self) -> str: ...


def manager_here() -> Manager:
    """Return the `LoginManager` of the current application.

    Raises:
        RuntimeError: It has none.
    """
    found: Manager | None = getattr(current_app, "login_manager", None)
    if found is None:
        raise RuntimeError(
            f"The application {current_app.name!r} has no LoginManager; write LoginManager(app), or"
            " login_manager.init_app(app), where it is set up."
        )
    return found


def searched() -> bool:
    """Tell whether the user of the running request was looked for.

    Raises:
        Exception: That failed before the view began, as where the store of the sessions is down.
    """
    if read_note("_login_user") is not None:
        return True
    failure: Exception | None = read_note("_login_failure")
    if failure is not None:
        raise failure
    return False


def find_current_user() -> User:
    """Return the user of the running request, nobody in particular if no one is logged in; None
    without a request."""
    if not has_request_context():
        return None
    if not searched():
        manager_here()._load_user()
    elif hasattr(session, "accessed"):
        session.accessed = True  # whoever asks for the user asks the session: for caches
    return read_note("_login_user")


async def load_current_user() -> User:
    """Do as `find_current_user` from ``async def`` code: ``async def`` loaders are awaited, others
    run in a worker thread."""
    if has_request_context() and not searched():
        await manager_here()._load_user_async()
    return find_current_user()


#: The user of the running request. In ``async def`` views and in request handlers it has been
#: loaded before they run.
current_user: Any = LocalProxy(find_current_user)
