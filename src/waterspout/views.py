"""Views as classes (Flask's `flask.views`): one `View` per rule, or one method per verb.

`as_view` makes the function a rule leads to. What the class's methods return, and whether
they are ``def`` or ``async def``, is as free as in a view function.

As in Flask that function is plain, so that decorators work on it, and an ``async def`` method
is run through `app.ensure_sync`. That would hold a worker thread while the method waits;
where every method of the class is ``async def``, and nothing was wrapped around the function,
the pipeline runs `loop_view` of it on the event loop instead.
"""

from __future__ import annotations

from collections.abc import Collection
from inspect import isawaitable, iscoroutinefunction
from typing import Any, ClassVar

from .context.request_context import current_app, request
from .typing import Argument, Function, ReturnValue

__all__ = ["MethodView", "View", "http_method_funcs", "loop_view"]

#: The methods of a `MethodView` that handle the HTTP methods of the same names.
http_method_funcs = frozenset(["get", "post", "head", "options", "delete", "put", "trace", "patch"])


class View:
    """A view as a class: override `dispatch_request`, register what `as_view` returns.

    Values from the URL are the method's keywords:

        class Hello(View):
            def dispatch_request(self, name):
                return f"Hello, {name}!"

        app.add_url_rule("/hello/<name>", view_func=Hello.as_view("hello"))
    """

    #: The HTTP methods of the view; None means GET (with HEAD and OPTIONS).
    methods: ClassVar[Collection[str] | None] = None
    #: Whether OPTIONS is handled automatically; None: as PROVIDE_AUTOMATIC_OPTIONS says.
    provide_automatic_options: ClassVar[bool | None] = None
    #: Decorators for the function `as_view` makes, the innermost first. Decorators of the
    #: class itself do not reach it.
    decorators: ClassVar[list[Function]] = []
    #: Make an instance per request. If False, one instance serves all: less work, but then
    #: data of one request must not be kept on ``self``.
    init_every_request: ClassVar[bool] = True

    def dispatch_request(self) -> ReturnValue:
        """Return the response; called with the URL's variables as keywords."""
        raise NotImplementedError

    @classmethod
    def as_view(cls, name: str, *class_args: Argument, **class_kwargs: Argument) -> Function:
        """Return a view function whose endpoint is *name*; the other arguments are those of
        the class.

        The function has the class in ``view_class``; another class set there replaces it.
        """
        shared = None if cls.init_every_request else cls(*class_args, **class_kwargs)

        def instance() -> View:
            return made.view_class(*class_args, **class_kwargs) if shared is None else shared

        def view(**kwargs: Argument) -> object:
            return current_app.ensure_sync(instance().dispatch_request)(**kwargs)

        async def on_loop(**kwargs: Argument) -> object:
            rv = instance()._waterspout_handler()(**kwargs)
            return await rv if isawaitable(rv) else rv

        made: Any = view
        made.__name__ = name
        made.__module__ = cls.__module__
        for decorator in cls.decorators:
            made = decorator(made)
        made.view_class = cls
        made.__name__ = name
        made.__doc__ = cls.__doc__
        made.__module__ = cls.__module__
        made.methods = cls.methods
        made.provide_automatic_options = cls.provide_automatic_options
        if not cls.decorators:
            made._loop_view = (made, on_loop)
        function: Function = made
        return function

    def _waterspout_handler(self) -> Function:
        """Return the method that handles the current request."""
        return self.dispatch_request

    @classmethod
    def _waterspout_is_async(cls) -> bool:
        """Tell whether every method that may be called is `async def`."""
        return iscoroutinefunction(cls.dispatch_request)


def loop_view(view: Function) -> Function:
    """Return the coroutine function that may run on the event loop in place of *view*; *view*
    itself where it is no function of `View.as_view`, or not all of its class is async."""
    # SECURITY: functools.wraps copies attributes to a wrapper. Were the coroutine function taken
    # from there, the wrapper (a login check, say) would be skipped.
    made: Any
    twin: Function
    made, twin = getattr(view, "_loop_view", (None, view))
    whole = made is view
    return twin if whole and made.view_class._waterspout_is_async() else view


class MethodView(View):
    """A view with a method per verb: ``get`` answers GET, ``post`` POST, and so on.

        class Counter(MethodView):
            def get(self):
                return str(session.get("count", 0))

            def post(self):
                session["count"] = session.get("count", 0) + 1
                return redirect(url_for("counter"))

        app.add_url_rule("/counter", view_func=Counter.as_view("counter"))

    `methods` follows from the methods a class has, unless it sets them.
    """

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if "methods" in cls.__dict__:
            return
        found = {name.upper() for name in http_method_funcs if hasattr(cls, name)}
        for base in cls.__bases__:
            found.update(getattr(base, "methods", None) or ())
        if found:
            cls.methods = found

    def dispatch_request(self, **kwargs: Argument) -> ReturnValue:
        """Call the method named as the request's; HEAD falls back on ``get``."""
        return current_app.ensure_sync(self._waterspout_method())(**kwargs)

    def _waterspout_method(self) -> Function:
        name = request.method
        method: Function | None = getattr(self, name.lower(), None)
        if method is None and name == "HEAD":
            method = getattr(self, "get", None)
        assert method is not None, f"Unimplemented method {name!r}"
        return method

    def _waterspout_handler(self) -> Function:
        own = type(self).dispatch_request is not MethodView.dispatch_request
        return self.dispatch_request if own else self._waterspout_method()

    @classmethod
    def _waterspout_is_async(cls) -> bool:
        if cls.dispatch_request is not MethodView.dispatch_request:
            return super()._waterspout_is_async()
        methods = [getattr(cls, name.lower(), None) for name in cls.methods or ()]
        found = [iscoroutinefunction(method) for method in methods if method is not None]
        return bool(found) and all(found)
