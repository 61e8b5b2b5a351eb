"""The signals an application sends (blinker), under Flask's names.

Each is sent with the app as the sender and keyword arguments as listed. Subscribe with
``signal.connect(function, app)``; receivers must accept ``**extra``.
"""

from __future__ import annotations

from blinker import Namespace

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

# The namespace of the framework's own signals; programs make their own.
_signals = Namespace()

#: The context was pushed / popped.
appcontext_pushed = _signals.signal("appcontext-pushed")
appcontext_popped = _signals.signal("appcontext-popped")

#: A request is about to run its hooks and view.
request_started = _signals.signal("request-started")
#: The response is complete: ``response``.
request_finished = _signals.signal("request-finished")
#: An exception was not handled: ``exception``.
got_request_exception = _signals.signal("got-request-exception")
#: The request, and the application context, are being torn down: ``exc`` or None.
request_tearing_down = _signals.signal("request-tearing-down")
appcontext_tearing_down = _signals.signal("appcontext-tearing-down")

#: A template is about to be rendered, and was rendered: ``template``, ``context``.
before_render_template = _signals.signal("before-render-template")
template_rendered = _signals.signal("template-rendered")

#: `flash` was called: ``message``, ``category``.
message_flashed = _signals.signal("message-flashed")
