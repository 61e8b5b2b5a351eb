"""What a program's users have (the names of `flask_login.mixins`)."""

from __future__ import annotations

__all__ = ["AnonymousUserMixin", "UserMixin"]


class UserMixin:
    """A user who may log in. Needs an attribute ``id``, or a `get_id` of its own."""

    # A class with `__eq__` has no hash unless it says so.
    __hash__ = object.__hash__

    @property
    def is_active(self) -> bool:
        """Whether the account may be used."""
        return True

    @property
    def is_authenticated(self) -> bool:
        """Whether this is somebody: True for active users."""
        return self.is_active

    @property
    def is_anonymous(self) -> bool:
        """Whether this is nobody."""
        return False

    def get_id(self) -> str:
        """Return what the user loader finds this user by.

        Raises:
            NotImplementedError: There is no attribute ``id``.
        """
        try:
            return str(self.id)  # type: ignore[attr-defined]  # a program's
        except AttributeError:
            raise NotImplementedError("No `id` attribute - override `get_id`") from None

    def __eq__(self, other: object) -> bool:
        if isinstance(other, UserMixin):
            return self.get_id() == other.get_id()
        return NotImplemented

    def __ne__(self, other: object) -> bool:
        equal = self.__eq__(other)
        return equal if equal is NotImplemented else not equal


class AnonymousUserMixin:
    """Nobody in particular."""

    @property
    def is_authenticated(self) -> bool:
        return False

    @property
    def is_active(self) -> bool:
        return False

    @property
    def is_anonymous(self) -> bool:
        return True

    def get_id(self) -> None:
        """Return None."""
