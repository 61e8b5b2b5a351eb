"""Picture captchas: letters that people read more easily than programs do; each is checked once.

    captcha = Captcha(app, length=5, ttl=300)        # the picture is at /captcha/<id>

    @app.get("/register")
    def form():
        return render_template("register.html", captcha_id=uuid4())    # <img src="/captcha/…">

    @app.post("/register")
    async def register():
        if not await captcha.check_async(request.form["captcha_id"], request.form["captcha"]):
            abort(400)

or, with `waterspout.ext.forms`, one field of a form: `waterspout.ext.captcha.field.CaptchaField`.

The answers are kept in *store*: any object with ``get``, ``set`` and ``delete`` (`Store`), such as
`waterspout.ext.cache.Cache` or one of cachelib's. The default one is of this process: with several
workers, give a store that they share.

SECURITY: an answer is good once, right or wrong, also when many ask at the same time (replay); it
is never sent, nor in the session. A picture keeps out the many, not the determined: limit what
costs you something besides.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence
from io import BytesIO
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from waterspout import App, Response, current_app, run_in_thread
from waterspout.ext import needs_extra
from waterspout.ext.per_process import is_in_memory, keeps_per_process

from .store import MemoryStore, Store

with needs_extra("captcha"):
    from captcha.image import ImageCaptcha

__all__ = ["CHARACTERS", "Captcha", "MemoryStore", "Picture", "Store"]

#: Letters and digits that are not taken for one another.
CHARACTERS = "ABCDEFGHJKLMNPQRTUVWXY346789"

_PREFIX = "captcha:"


class Picture(NamedTuple):
    """A new captcha: its id, and the bytes of a PNG."""

    id: UUID
    image: bytes


class Captcha:
    """The captchas of an application: ``Captcha(app)``, or `init_app`.

    *length*: characters, of *characters*; *ttl*: seconds an answer is good; *width* and *height* in
    pixels; *fonts*: paths of TrueType fonts; *url*: where the pictures are, None for nowhere.
    """

    def __init__(
        self,
        app: App | None = None,
        *,
        length: int = 5,
        ttl: int = 300,
        store: Store | None = None,
        characters: str = CHARACTERS,
        width: int = 160,
        height: int = 60,
        fonts: Sequence[str] | None = None,
        url: str | None = "/captcha",
    ) -> None:
        if length < 1 or not characters:
            raise ValueError("A captcha has at least one character.")
        self.length = length
        self.ttl = ttl
        self.store: Store = MemoryStore() if store is None else store
        self.characters = characters
        self.url = url
        self._painter = ImageCaptcha(width, height, None if fonts is None else list(fonts))
        if app is not None:
            self.init_app(app)

    def init_app(self, app: App) -> None:
        """Give *app* the view of the pictures, endpoint ``captcha``; ``csrf.exempt`` and the like
        need not know it, for it only answers GET."""
        app.extensions["captcha"] = self
        keeps_per_process(app, "captchas (the store of Captcha)", self._is_in_memory)
        if self.url is not None:
            app.add_url_rule(f"{self.url}/<uuid:id>", "captcha", self._show, methods=["GET"])

    def _is_in_memory(self) -> bool:
        return isinstance(self.store, MemoryStore) or is_in_memory(self.store)

    # -- making

    def new(self, id: UUID | str | None = None) -> Picture:  # what it is called
        """Return a new captcha; with *id* it takes the place of that one."""
        found = uuid4() if id is None else _uuid(id)
        text = self._text()
        self.store.set(_key(found), text, timeout=self.ttl)
        return Picture(found, self._paint(text))

    async def new_async(self, id: UUID | str | None = None) -> Picture:  # as above
        """Do as `new`; the picture is made in a worker thread."""
        found = uuid4() if id is None else _uuid(id)
        text = self._text()
        set_async = getattr(self.store, "set_async", None)
        if set_async is None:
            await run_in_thread(self.store.set, _key(found), text, timeout=self.ttl)
        else:
            await set_async(_key(found), text, timeout=self.ttl)
        return Picture(found, await run_in_thread(self._paint, text))

    def _text(self) -> str:
        return "".join(secrets.choice(self.characters) for _ in range(self.length))

    def _paint(self, text: str) -> bytes:
        image: BytesIO = self._painter.generate(text, format="png")
        return image.getvalue()

    def _show(self, id: UUID) -> Response:  # the rule's variable
        # Drawn when it is asked for: the same URL, asked again, shows another one.
        response = current_app.response_class(self.new(id).image, mimetype="image/png")
        response.headers["Cache-Control"] = "no-store"
        return response

    # -- checking

    def check(self, id: UUID | str, answer: str) -> bool:  # as above
        """Tell whether *answer* is what the picture *id* shows, in whatever case and with blanks
        around. Either way the captcha is used up; False for one that was, is too old, or never
        was."""
        key = _known_key(id)
        if key is None:
            return False
        kept = self.store.get(key)
        # Who deletes it has it: of many at a time, one.
        return bool(kept is not None and self.store.delete(key)) and _is_same(kept, answer)

    async def check_async(self, id: UUID | str, answer: str) -> bool:  # as above
        """Do as `check`, without blocking the event loop."""
        store: Any = self.store
        if not hasattr(store, "delete_async"):
            return await run_in_thread(self.check, id, answer)
        key = _known_key(id)
        if key is None:
            return False
        kept = await store.get_async(key)
        return bool(kept is not None and await store.delete_async(key)) and _is_same(kept, answer)

    def peek(self, id: UUID | str) -> str | None:  # as above
        """Return the answer, for tests of a program.

        Raises:
            RuntimeError: The application's TESTING is not set.
        """
        if not current_app.testing:
            raise RuntimeError("captcha.peek() is for tests: the setting TESTING is not set.")
        found: str | None = self.store.get(_key(_uuid(id)))
        return found


def _uuid(value: UUID | str) -> UUID:
    return value if isinstance(value, UUID) else UUID(value)


def _key(id: UUID) -> str:  # as above
    return f"{_PREFIX}{id}"


def _known_key(id: UUID | str) -> str | None:  # as above
    try:
        return _key(_uuid(id))
    except (ValueError, AttributeError, TypeError):  # a client may send anything
        return None


def _is_same(kept: object, answer: str) -> bool:
    text = str(answer).strip().upper().encode()
    return hmac.compare_digest(str(kept).upper().encode(), text)
