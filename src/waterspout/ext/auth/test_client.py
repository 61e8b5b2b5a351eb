"""A test client that is logged in (`flask_login.FlaskLoginClient`)."""

from __future__ import annotations

from typing import Any

from waterspout.testing import FlaskClient

__all__ = ["FlaskLoginClient"]


class FlaskLoginClient(FlaskClient):
    """``app.test_client(user=somebody)``, after ``app.test_client_class = FlaskLoginClient``;
    ``fresh_login=False`` for a login that is not fresh."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        user = kwargs.pop("user", None)
        fresh = kwargs.pop("fresh_login", True)
        super().__init__(*args, **kwargs)
        if user:
            with self.session_transaction() as session:
                session["_user_id"] = user.get_id()
                session["_fresh"] = fresh
