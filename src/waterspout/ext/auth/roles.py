"""Roles: who may do what.

A user has roles in ``user.roles``: strings, or objects with a ``name``; or a method
``has_role(name)``. Who is not logged in is sent to log in; who is, and has not the roles, gets 403.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from waterspout import abort

from .current import current_user, manager_here
from .guards import guarded
from .logins import is_exempt

__all__ = ["roles_accepted", "roles_required"]

F = TypeVar("F", bound=Callable[..., object])


def roles_required(*roles: str) -> Callable[[F], F]:
    """Let in who has all of *roles*; for views, and for methods of request handlers."""
    return lambda func: guarded(func, lambda: _refusal(roles, all))


def roles_accepted(*roles: str) -> Callable[[F], F]:
    """Let in who has one of *roles*; for views, and for methods of request handlers."""
    return lambda func: guarded(func, lambda: _refusal(roles, any))


def _refusal(roles: tuple[str, ...], enough: Callable[..., bool]) -> Callable[[], object] | None:
    if is_exempt():
        return None
    if not current_user.is_authenticated:
        return manager_here().unauthorized
    return None if enough(has_role(current_user, role) for role in roles) else _forbid


def has_role(user: object, role: str) -> bool:
    """Tell whether *user* has *role*."""
    ask = getattr(user, "has_role", None)
    if callable(ask):
        return bool(ask(role))
    return any(role in (own, getattr(own, "name", None)) for own in getattr(user, "roles", ()))


def _forbid() -> object:
    abort(403)
