"""Detection of gevent's and eventlet's patches of the standard library's threads."""

from __future__ import annotations

import sys

__all__ = ["refuse_green_threads"]


def refuse_green_threads() -> None:
    """Raise `RuntimeError` if a program has replaced threads by green ones.

    They run only while the main thread waits in the package's own loop. Ours waits in asyncio's, so
    the first view that waits would never continue, and a stop would wait for it for ever.
    the first view that waits would never go on, and a stop would wait for it for ever.
    """
    gevent = sys.modules.get("gevent.monkey")
    eventlet = sys.modules.get("eventlet.patcher")
    if gevent is not None and gevent.is_module_patched("threading"):
        name, instead = "gevent", "gevent.pywsgi.WSGIServer or 'gunicorn -k gevent'"
    elif eventlet is not None and eventlet.is_monkey_patched("thread"):
        name, instead = "eventlet", "eventlet.wsgi.server or 'gunicorn -k eventlet'"
    else:
        return
    raise RuntimeError(
        f"{name} has replaced the threads of this process, and this server needs real ones."
        f" Leave the patching out, it is not needed here; or serve the application, which is a"
        f" WSGI application too, with {instead}."
    )
