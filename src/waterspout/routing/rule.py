"""The URL rule: Werkzeug's, with the options of a route."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

import werkzeug.routing

from ..typing import Argument


class Rule(werkzeug.routing.Rule):
    """One URL pattern and the options of its route.

    Takes what :class:`werkzeug.routing.Rule` takes, and by keyword, here or in
    ``@app.route(...)``:

    ``timeout``
        Seconds that the view may take before the client gets 504. ``None``: the server's limit.
    ``on_disconnect``
        What happens to the view when the client disconnects: ``"cancel"`` or ``"finish"`` it.
        ``None``: cancel where the method is safe (RFC 9110, 9.2.1), else finish.
    ``stream``
        ``True``: the view starts after the header section and reads the body itself.
        ``False``: the body has arrived, within its limits, before the view starts.
    ``inline``
        ``True``: a ``def`` view runs on the event loop instead of in a worker thread. Only
        for views that never wait. It changes nothing for ``async def`` views, nor where the
        app has an ``async def`` error handler or end of its context: the loop's thread could
        not wait for it, so the view goes to a worker thread; with ``async def`` hooks, the
        view alone does.
    ``max_content_length``
        Largest body in bytes; above it 413. ``None``: MAX_CONTENT_LENGTH.
    ``cross_site``
        ``True``: pages of other sites may send requests that change something, whatever
        CROSS_SITE_CHECK says.

    :raises TypeError: an option has the wrong type.
    :raises ValueError: an option has the right type and no useful value.
    """

    # Flask's name; App.add_url_rule sets it on each rule.
    provide_automatic_options: bool = False
    # What a request to the rule needs (`plan.Plan`); the app sets and renews it.
    plan: Any = None

    def __init__(
        self,
        string: str,
        *args: Argument,
        timeout: float | None = None,
        on_disconnect: Literal["cancel", "finish"] | None = None,
        stream: bool = False,
        inline: bool = False,
        max_content_length: int | None = None,
        cross_site: bool = False,
        **options: Argument,
    ) -> None:
        super().__init__(string, *args, **options)
        _check_timeout(string, timeout)
        _check_max_content_length(string, max_content_length)
        _check_switch(string, "stream", stream)
        _check_switch(string, "inline", inline)
        _check_switch(string, "cross_site", cross_site)

        if on_disconnect not in ("cancel", "finish", None):
            raise ValueError(
                f"Route '{string}': on_disconnect must be 'cancel', 'finish' or None,"
                f" not {on_disconnect!r}."
            )
        if stream and inline:
            raise ValueError(
                f"Route '{string}': stream and inline exclude each other. Reading a body waits"
                " for the network, and an inline view must never wait: leave out inline=True,"
                " or make the view 'async def'."
            )

        if inline and timeout is not None:
            raise ValueError(
                f"Route '{string}': inline and timeout exclude each other. An inline view runs on"
                " the event loop's thread, where nothing can end it: leave out inline=True, or"
                " make the view 'async def'."
            )

        self.timeout = timeout
        self.on_disconnect = on_disconnect
        self.stream = stream
        self.inline = inline
        self.max_content_length = max_content_length
        self.cross_site = cross_site

    def get_empty_kwargs(self) -> Mapping[str, object]:
        """Return the keyword arguments of a copy (Werkzeug: Submount and its like copy rules)."""
        return {
            **super().get_empty_kwargs(),
            "timeout": self.timeout,
            "on_disconnect": self.on_disconnect,
            "stream": self.stream,
            "inline": self.inline,
            "max_content_length": self.max_content_length,
            "cross_site": self.cross_site,
        }


def _check_timeout(rule: str, value: object) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(
            f"Route '{rule}': timeout must be a number of seconds or None, not {value!r}."
        )
    if not 0 < value < math.inf:
        raise ValueError(
            f"Route '{rule}': timeout must be more than 0 seconds and finite, not {value!r}."
            " Leave it out to use the app's."
        )


def _check_max_content_length(rule: str, value: object) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(
            f"Route '{rule}': max_content_length must be a whole number of bytes or None,"
            f" not {value!r}. For 2 MiB write 2 * 1024 * 1024."
        )
    if value < 0:
        raise ValueError(
            f"Route '{rule}': max_content_length must not be negative, but is {value!r}."
            " Leave it out to use the app's, or pass 0 to refuse any body."
        )


def _check_switch(rule: str, option: str, value: object) -> None:
    if not isinstance(value, bool):
        raise TypeError(f"Route '{rule}': {option} must be True or False, not {value!r}.")
