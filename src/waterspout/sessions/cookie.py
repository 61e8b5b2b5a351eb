"""The session in a signed cookie, in Flask's format byte for byte (the default).

The browser can read such a session, but not change it. Nothing is kept on the server, so
nothing can be revoked: a copied cookie stays valid until its age passes
PERMANENT_SESSION_LIFETIME. Of two requests that change a session at once, the response that
the browser handles last wins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from itsdangerous import BadSignature, URLSafeTimedSerializer
from werkzeug.http import dump_cookie

from ..json.tag import TaggedJSONSerializer
from ..security.signing import key_ring, serializer, sha1
from ..typing import Values
from .interface import (
    SecureCookieSession,
    SessionInterface,
    SessionMixin,
    cookie_attributes,
    keep_from_caches,
    vary_on_cookie,
)
from .keys import fallbacks_of

if TYPE_CHECKING:
    from ..http import Request, Response
    from ..interfaces import Application

__all__ = ["SecureCookieSessionInterface", "SessionCookieTooLarge", "session_json_serializer"]

#: The serializer of session values; register tags for your own types with it.
session_json_serializer = TaggedJSONSerializer()


class SessionCookieTooLarge(RuntimeError):
    """The session does not fit into a cookie that browsers keep."""


class SecureCookieSessionInterface(SessionInterface):
    """Keeps the whole session in a cookie signed with SECRET_KEY."""

    #: Separates the session's signatures from others made with the same key.
    salt = "cookie-session"
    #: The hash of the signature.
    digest_method = staticmethod(sha1)
    #: How itsdangerous derives the signing key from secret key and salt.
    key_derivation = "hmac"
    #: Writes and reads the session's value.
    serializer = session_json_serializer
    #: The class of sessions that `open_session` makes.
    session_class = SecureCookieSession

    _waterspout_serializers: dict[object, URLSafeTimedSerializer] | None = None

    def get_signing_serializer(self, app: Application) -> URLSafeTimedSerializer | None:
        """Return the signing serializer for the app's keys, None without a secret key."""
        secret_key = app.secret_key
        if not secret_key:
            return None
        # PERF: made once per set of keys and settings (7 µs, and 10 µs more per value). All of
        # these are in the key, so a change is noticed.
        fallbacks = fallbacks_of(app)
        ring = key_ring(secret_key, fallbacks) if fallbacks else (secret_key,)
        # The ids are those of objects the kept serializer holds on to.
        payload, digest = self.serializer, self.digest_method
        key = (ring, self.salt, self.key_derivation, id(payload), id(digest))
        kept = self._waterspout_serializers
        if kept is None:
            kept = self._waterspout_serializers = {}
        found = kept.get(key)
        if found is None:
            if len(kept) >= 8:  # apps share the interface of their class; keys rotate
                kept.clear()
            found = kept[key] = serializer(
                secret_key,
                fallbacks=ring[:-1],
                salt=self.salt,
                payload=payload,
                key_derivation=self.key_derivation,
                digest=digest,
            )
        return found

    def open_session(self, app: Application, request: Request) -> SecureCookieSession | None:
        """Return the session in the request's cookie; an empty one if there is no cookie, or none
        that our keys signed within PERMANENT_SESSION_LIFETIME."""
        signing = self.get_signing_serializer(app)
        if signing is None:
            return None
        value = request.cookies.get(self.get_cookie_name(app))
        if not value:
            return self.session_class()
        max_age = int(app.permanent_session_lifetime.total_seconds())
        try:
            return self.session_class(signing.loads(value, max_age=max_age))
        except (BadSignature, UnicodeError):
            return self.session_class()

    def save_session(self, app: Application, session: SessionMixin, response: Response) -> None:
        """Set, refresh or delete the cookie if the session requires it.

        Raises `SessionCookieTooLarge` if SESSION_COOKIE_OVERSIZE is ``error``.
        """
        # SECURITY: a response that depends on the session must not be cached for others
        # (CVE-2023-30861, CVE-2026-27205).
        if session.accessed:
            vary_on_cookie(response)
        if not session:
            if session.modified:
                name = self.get_cookie_name(app)
                response.delete_cookie(name, **cookie_attributes(self, app))
                keep_from_caches(app, response)
            return
        if not self.should_set_cookie(app, session):
            return
        signing = self.get_signing_serializer(app)
        assert signing is not None, "a session that is not null has a key"
        name = self.get_cookie_name(app)
        value: str = signing.dumps(dict(session))
        attributes = cookie_attributes(self, app)
        attributes["expires"] = self.get_expiration_time(app, session)
        if app.config.get("SESSION_COOKIE_OVERSIZE") == "error":
            _check_size(name, value, attributes, app.config["MAX_COOKIE_SIZE"])
        response.set_cookie(name, value, **attributes)
        keep_from_caches(app, response)


def _check_size(name: str, value: str, attributes: Values, limit: int) -> None:
    # Attributes are short; only a value near the limit is measured exactly.
    if not limit or len(value) + 512 < limit:
        return
    size = len(dump_cookie(name, value, max_size=0, **attributes))
    if size > limit:
        raise SessionCookieTooLarge(
            f"The session cookie {name!r} would have {size} bytes, above the {limit} that"
            " browsers keep (MAX_COOKIE_SIZE); they would drop it, and the session with it. Keep"
            " less in the session, or keep sessions on the server. To send it all the same, set"
            " SESSION_COOKIE_OVERSIZE to 'warn'."
        )


#: The methods that decide when a session is opened and saved, as shipped, to tell whether a program
#: has replaced one.
_OWN = {
    name: getattr(SecureCookieSessionInterface, name)
    for name in ("open_session", "save_session", "is_null_session", "make_null_session")
}


def is_lazy(interface: SessionInterface) -> bool:
    """Whether the session may be opened on first use, and saved only then: it is read from the
    request alone, by methods that the program has not replaced."""
    own = getattr(interface, "__dict__", {})
    return not own.keys() & _OWN.keys() and all(
        getattr(type(interface), name, None) is method for name, method in _OWN.items()
    )
