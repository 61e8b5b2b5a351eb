"""The signals an application sends (blinker), under Flask's names.

Each is sent with the app as the sender and keyword arguments as listed. Subscribe with
``signal.connect(function, app)``; receivers must accept ``**extra``.
"""

from __future__ import annotations

from threading import RLock

from blinker import ANY, NamedSignal, Namespace

from .typing import Function, Untyped

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

#: Whether a signal that every request sends has a receiver now: one test instead of one at each
#: signal of a request.
watched = False
_lock = RLock()  # a receiver may be connected and dropped in any thread


class _Receivers(dict[Untyped, Untyped]):
    """The receivers of a signal that every request sends; what changes them sets `watched`."""

    def __setitem__(self, key: object, receiver: object) -> None:
        with _lock:
            super().__setitem__(key, receiver)
            _look()

    def pop(self, *args: Untyped) -> Untyped:
        """Remove a receiver."""
        with _lock:
            receiver = super().pop(*args)
            _look()
        return receiver

    def clear(self) -> None:
        """Remove all receivers."""
        with _lock:
            super().clear()
            _look()


def _look() -> None:
    global watched
    watched = any(signal.receivers for signal in _OF_A_REQUEST)


class _RequestSignal(NamedSignal):
    """A signal that every request sends."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.receivers = _Receivers()

    def disconnect(self, receiver: Function, sender: object = ANY) -> None:
        """Disconnect *receiver*, from all senders or from one."""
        super().disconnect(receiver, sender)
        # Blinker keeps one that was disconnected from each of its senders.
        for key in list(self.receivers):
            if not self._by_receiver.get(key):
                self.receivers.pop(key, None)


#: The context was pushed / popped.
appcontext_pushed = _RequestSignal("appcontext-pushed")
appcontext_popped = _RequestSignal("appcontext-popped")

#: A request is about to run its hooks and view.
request_started = _RequestSignal("request-started")
#: The response is complete: ``response``.
request_finished = _RequestSignal("request-finished")
#: An exception was not handled: ``exception``.
got_request_exception = _RequestSignal("got-request-exception")
#: The request, and the application context, are being torn down: ``exc`` or None.
request_tearing_down = _RequestSignal("request-tearing-down")
appcontext_tearing_down = _RequestSignal("appcontext-tearing-down")

#: A template is about to be rendered, and was rendered: ``template``, ``context``.
before_render_template = NamedSignal("before-render-template")
template_rendered = NamedSignal("template-rendered")

#: `flash` was called: ``message``, ``category``.
message_flashed = NamedSignal("message-flashed")

_OF_A_REQUEST = (
    appcontext_pushed,
    appcontext_popped,
    request_started,
    request_finished,
    got_request_exception,
    request_tearing_down,
    appcontext_tearing_down,
)
