"""The signals an application sends (blinker), under Flask's names.

Each is sent with the app as the sender and keyword arguments as listed. Subscribe with
``signal.connect(function, app)``; receivers must accept ``**extra``.
"""

from __future__ import annotations

from typing import Any

from blinker import NamedSignal, Namespace

__all__ = [
    "Namespace",
    "appcontext_popped",
    "appcontext_pushed",
    "appcontext_tearing_down",
    "before_render_template",
    "got_request_exception",
    "message_flashed",
    "request_finished",
    "request_started",
    "request_tearing_down",
    "template_rendered",
]

#: Whether anything was ever connected to a signal of the framework: one test instead of one at
#: each signal of a request.
watched = False


class _FrameworkSignal(NamedSignal):
    def connect(self, *args: Any, **kwargs: Any) -> Any:
        global watched
        watched = True
        return super().connect(*args, **kwargs)


#: The context was pushed / popped.
appcontext_pushed = _FrameworkSignal("appcontext-pushed")
appcontext_popped = _FrameworkSignal("appcontext-popped")

#: A request is about to run its hooks and view.
request_started = _FrameworkSignal("request-started")
#: The response is complete: ``response``.
request_finished = _FrameworkSignal("request-finished")
#: An exception was not handled: ``exception``.
got_request_exception = _FrameworkSignal("got-request-exception")
#: The request, and the application context, are being torn down: ``exc`` or None.
request_tearing_down = _FrameworkSignal("request-tearing-down")
appcontext_tearing_down = _FrameworkSignal("appcontext-tearing-down")

#: A template is about to be rendered, and was rendered: ``template``, ``context``.
before_render_template = _FrameworkSignal("before-render-template")
template_rendered = _FrameworkSignal("template-rendered")

#: `flash` was called: ``message``, ``category``.
message_flashed = _FrameworkSignal("message-flashed")

_OF_A_REQUEST = (
    appcontext_pushed,
    appcontext_popped,
    request_started,
    request_finished,
    got_request_exception,
    request_tearing_down,
    appcontext_tearing_down,
)


def has_listeners() -> bool:
    """Tell whether a signal that every request sends has a receiver now."""
    return watched and any(signal.receivers for signal in _OF_A_REQUEST)
