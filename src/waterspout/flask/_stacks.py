"""`_app_ctx_stack` and `_request_ctx_stack`: Flask's context stacks, as old extensions use them.

The contexts live in context variables now. What extensions did with the stacks was to ask for
`.top` and to keep attributes of their own on the context they got; that still works.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Generic, TypeVar

from ..context.request_context import AppContext, RequestContext, _cv_app, _cv_request

C = TypeVar("C", bound=AppContext)


class ContextStack(Generic[C]):
    """A context variable, seen as the stack it once was."""

    def __init__(self, variable: ContextVar[C]) -> None:
        self._variable = variable

    @property
    def top(self) -> C | None:
        """The current context, None outside of one."""
        return self._variable.get(None)

    def push(self, context: C) -> None:
        """Make *context* the current one."""
        context.push()

    def pop(self) -> C | None:
        """Leave the current context and return it; None when there is none."""
        context = self.top
        if context is not None:
            context.pop()
        return context


app_ctx_stack: ContextStack[AppContext] = ContextStack(_cv_app)
request_ctx_stack: ContextStack[RequestContext] = ContextStack(_cv_request)
