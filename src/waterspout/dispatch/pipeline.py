"""The stages of one request through an application.

    open → match → before → endpoint → (error handlers) → after, session → close

Each stage is a coroutine over an explicit context and a driver (`drivers`), which decides
how user code is called, and so where synchronous code runs.

Flask's methods of the same names on `App` are these stages driven with `SYNC`; a
program that overrides one has its own called here instead (`App.waterspout_overridden`).
"""

from __future__ import annotations

import asyncio
from functools import partial
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import BadRequestKeyError, HTTPException, InternalServerError
from werkzeug.routing import RoutingException
from werkzeug.wrappers import Response as WerkzeugResponse

from .. import signals
from ..concurrency.request_thread import NoThread
from ..context.variables import app_var
from ..csrf import repeats_token
from ..http import Response
from ..http.prepared import Sent, Written
from ..import_paths import load
from ..typing import Argument, Function, ReturnValue
from .admission import CrossSiteRequest
from .drivers import SYNC, Driver, settle
from .make_response import as_response, check_status
from .plan import Plan, is_async

if TYPE_CHECKING:
    from ..context.request_context import RequestContext
    from ..interfaces import Application


#: Tasks that run functions of `AppContext.call_on_close`.
_closing: set[asyncio.Task[object]] = set()


class Plain(tuple[bytes, bytes]):
    """Header section (up to the number of Content-Length) and body of a response that needs no
    response object. A type of its own: a tuple may be a value of the program's."""

    __slots__ = ()


Answer = Response | Plain | Written | Sent
"""What a gateway is given to send. A `Written` one is whole, and needs no response object
either."""


# -- the whole way ---------------------------------------------------------------


async def respond(ctx: RequestContext, drv: Driver) -> Answer:
    """Take a context that was just entered to its response; the native server's and ASGI's
    way. `close` must follow in every case.

    Raises only what asks to be raised (PROPAGATE_EXCEPTIONS) or failed in an error handler.
    """
    plan = ctx.plan
    try:
        if signals.watched and signals.appcontext_pushed.receivers:
            await drv.send(ctx.app, signals.appcontext_pushed)
        if plan is None:
            ctx.plan = plan = await find_plan(ctx, drv)
        elif plan.bare and plan.is_async is drv.on_loop and ctx.is_lone():
            # `full_dispatch` for a route that has nothing but its view. PERF: saves 33 % of a
            # request's time in the pipeline.
            if plan.is_async:
                drv.begin()
            try:
                rv: ReturnValue = plan.view(**ctx.matched_args)  # type: ignore[arg-type]  # bare: set
                if type(rv) is CoroutineType:
                    rv = await rv if drv.on_loop else ctx.app.async_to_sync(settle)(rv)
            except Exception as error:
                return await recover(ctx, drv, error)
            return await conclude(ctx, drv, rv)
        elif plan.opens_session and ctx.opens_early():
            await open_session(ctx, drv)
        return await full_dispatch(ctx, drv, plan)
    except NoThread:
        raise
    except Exception as error:
        ctx.error = error
        return await stage_handle_exception(ctx, drv, error)


async def conclude(ctx: RequestContext, drv: Driver, rv: ReturnValue) -> Answer:
    """Make the response of a `Plan.bare` route's value."""
    short = as_it_is(ctx, ctx.plan, rv)
    if short is not None:
        return short
    try:
        return await finalize(ctx, drv, rv)
    except Exception as error:
        ctx.error = error
        return await stage_handle_exception(ctx, drv, error)


def as_it_is(ctx: RequestContext, plan: Plan, rv: ReturnValue) -> Plain | Written | Sent | None:
    """Return what can be sent of an endpoint's value without a response object; None if
    somebody wants to see one."""
    if isinstance(rv, Sent):
        return rv
    heads = plan.plain_heads
    if heads is None:
        return None
    plain = heads.get(type(rv))
    if plain is not None:
        return Plain((plain[0], plain[1](rv))) if ctx.is_untouched() else None
    whole = type(rv) is Written and rv.is_whole and ctx.is_untouched()
    written: Written | None = rv if whole else None
    return written


async def recover(ctx: RequestContext, drv: Driver, error: Exception) -> Answer:
    """Make the response of an error in a `Plan.bare` route's view."""
    try:
        rv = await stage_handle_user_exception(ctx, drv, error)
    except Exception as raised:
        ctx.error = raised
        return await stage_handle_exception(ctx, drv, raised)
    return await conclude(ctx, drv, rv)


async def find_plan(ctx: RequestContext, drv: Driver) -> Plan:
    """Match the request in its context, session first, and return the plan."""
    app = ctx.app
    if ctx.opens_early():
        await open_session(ctx, drv)
    if ctx.request.routing_exception is None:
        ctx.match_request()
    plan: Plan = app.waterspout_plan_for(ctx.request.url_rule)
    return plan


async def open_session(ctx: RequestContext, drv: Driver) -> None:
    """Open a session that is kept in a store: awaited on the loop if its interface can, else in
    the request's thread."""
    app = ctx.app
    opens = getattr(app.session_interface, "open_session_async", None)
    if opens is None or not drv.on_loop:
        await drv.call_io(app, ctx.open_session)
    else:
        ctx.take_session(await opens(app, ctx.request))


async def save_session(ctx: RequestContext, drv: Driver, response: Response) -> None:
    """Save the session, if there is one, and set its cookie on *response*."""
    app = ctx.app
    interface = app.session_interface
    session = ctx.session_to_save()
    if session is None or interface.is_null_session(session):
        return
    if app.waterspout_session_is_lazy:
        interface.save_session(app, session, response)
        return
    saves = getattr(interface, "save_session_async", None)
    if saves is None or not drv.on_loop:
        await drv.call_io(app, interface.save_session, app, session, response)
    else:
        await saves(app, session, response)


async def full_dispatch(ctx: RequestContext, drv: Driver, plan: Plan | None = None) -> Answer:
    """Dispatch the request with hooks and error handlers, and finish the response (Flask's
    `full_dispatch_request`). With a *plan*, the response may be a `Plain` one."""
    app = ctx.app
    given = plan
    if plan is None:
        plan = app.waterspout_plan_for(ctx.request.url_rule)
    elif "full_dispatch_request" in app.waterspout_overridden:
        return await _call_for_response(ctx, drv, app.full_dispatch_request)
    if not app._got_first_request:
        app.waterspout_close_setup()
    if plan.queues_first:
        await drv.take_thread()
    if app.before_first_request_funcs:
        await first_request(ctx, drv)
    try:
        if signals.request_started.receivers:
            await drv.send(app, signals.request_started)
        one_hop = plan.one_hop and drv.on_loop
        if one_hop:
            rv = await drv.call_stage(approach(ctx, SYNC, plan))
        elif "preprocess_request" in app.waterspout_overridden:
            rv = await drv.call(app, app.preprocess_request)
        elif plan.before or plan.preprocessors:
            rv = await preprocess(ctx, drv, plan)
        else:
            rv = None
        if rv is None and not one_hop:
            if plan.direct and ctx.is_direct():
                # The same as `dispatch`, without a coroutine of its own.
                view: Any = plan.view
                if drv.on_loop and not plan.is_async:
                    rv = await drv.call_io(app, partial(view, **ctx.view_args))
                else:
                    if plan.is_async and not drv.on_loop:
                        view = app.ensure_sync(view)
                    drv.begin()
                    rv = view(**ctx.view_args)
                if type(rv) is CoroutineType:
                    rv = await rv if drv.on_loop else app.async_to_sync(settle)(rv)
            elif "dispatch_request" in app.waterspout_overridden:
                rv = await drv.call(app, app.dispatch_request)
            else:
                rv = await dispatch(ctx, drv)
    except NoThread:
        raise
    except Exception as error:
        rv = await stage_handle_user_exception(ctx, drv, error)
    if given is not None:
        short = as_it_is(ctx, plan, rv)
        if short is not None:
            return short
    if "finalize_request" in app.waterspout_overridden:
        return await _call_for_response(ctx, drv, app.finalize_request, rv)
    return await finalize(ctx, drv, rv)


async def first_request(ctx: RequestContext, drv: Driver) -> None:
    """Run the classic once-hooks before the first request; requests beside it wait.

    In a thread in any case: whoever takes them there runs them at once, so that no thread waits
    for one who waits for a thread.
    """
    if drv.on_loop:
        await drv.call_stage(first_request(ctx, SYNC))
        return
    done, funcs = ctx.app.waterspout_take_first_request()
    if not funcs:
        done.result()
        return
    try:
        for func in funcs:
            await drv.call(ctx.app, func)
    finally:
        ctx.app.before_first_request_funcs.clear()
        ctx.app.waterspout_revision.advance()
        done.set_result(None)


async def approach(ctx: RequestContext, drv: Driver, plan: Plan) -> ReturnValue:
    """Run the functions before the view, and the view unless one of them has answered."""
    rv = await preprocess(ctx, drv, plan)
    return await dispatch(ctx, drv) if rv is None else rv


async def preprocess(ctx: RequestContext, drv: Driver, plan: Plan) -> ReturnValue:
    """Run URL value preprocessors and before-request functions; a value that is not None
    takes the place of the view's (Flask's `preprocess_request`)."""
    app = ctx.app
    request = ctx.request
    for hook in plan.preprocessors:
        await drv.call_hook(app, hook, request.endpoint, request.view_args)
    for hook in plan.before:
        rv = await drv.call_hook(app, hook)
        if rv is not None:
            return rv
    return None


async def dispatch(ctx: RequestContext, drv: Driver) -> ReturnValue:
    """Call the endpoint, or answer OPTIONS, or raise the routing error (Flask's
    `dispatch_request`)."""
    app = ctx.app
    request = ctx.request
    refused = request.routing_exception
    if refused is not None and not await _is_excused(ctx, drv, refused):
        app.raise_routing_exception(request)
    rule: Any = request.url_rule
    if request.method == "OPTIONS" and getattr(rule, "provide_automatic_options", False):
        return app.make_default_options_response()
    view = app.view_functions[rule.endpoint]
    return await drv.call(app, view, **(request.view_args or {}))


async def _is_excused(ctx: RequestContext, drv: Driver, refused: Exception) -> bool:
    """Tell whether a request that seemed to come from another site repeats a token of ours."""
    if not (isinstance(refused, CrossSiteRequest) and refused.unsure):
        return False
    streams = ctx.plan is not None and ctx.plan.stream
    return await drv.call_io(ctx.app, repeats_token, streams)


async def finish_early(ctx: RequestContext, drv: Driver, rv: ReturnValue) -> Response:
    """Make the response of a response whose endpoint goes on working."""
    try:
        if "finalize_request" in ctx.app.waterspout_overridden:
            return await _call_for_response(ctx, drv, ctx.app.finalize_request, rv)
        return await finalize(ctx, drv, rv)
    except Exception as error:
        ctx.error = error
        return await stage_handle_exception(ctx, drv, error)


# -- errors ------------------------------------------------------------------------


async def stage_handle_user_exception(
    ctx: RequestContext, drv: Driver, error: Exception
) -> ReturnValue:
    """Run `handle_user_exception`, the program's own if it has one."""
    if "handle_user_exception" in ctx.app.waterspout_overridden:
        return await drv.call(ctx.app, ctx.app.handle_user_exception, error)
    return await handle_user_exception(ctx, drv, error)


async def stage_handle_exception(ctx: RequestContext, drv: Driver, error: Exception) -> Response:
    """Run `handle_exception`, the program's own if it has one."""
    if "handle_exception" in ctx.app.waterspout_overridden:
        return await _call_for_response(ctx, drv, ctx.app.handle_exception, error)
    return await handle_exception(ctx, drv, error)


async def handle_user_exception(ctx: RequestContext, drv: Driver, error: Exception) -> ReturnValue:
    """Return an error handler's value for *error*, or raise it on (Flask's
    `handle_user_exception`)."""
    app = ctx.app
    if isinstance(error, BadRequestKeyError) and (
        app.debug or app.config["TRAP_BAD_REQUEST_ERRORS"]
    ):
        error.show_exception = True
    if isinstance(error, HTTPException) and not app.trap_http_exception(error):
        if "handle_http_exception" in app.waterspout_overridden:
            return await drv.call(app, app.handle_http_exception, error)
        return await handle_http_exception(ctx, drv, error)
    handler = app._find_error_handler(error, ctx.request.blueprints)
    if handler is None:
        raise error
    return await drv.call(app, handler, error)


async def handle_http_exception(
    ctx: RequestContext, drv: Driver, error: HTTPException
) -> ReturnValue:
    """Return an error handler's value for an HTTP error, or the error itself as the response
    (Flask's `handle_http_exception`)."""
    if error.code is None or isinstance(error, RoutingException):
        return error
    handler = ctx.app._find_error_handler(error, ctx.request.blueprints)
    return error if handler is None else await drv.call(ctx.app, handler, error)


async def handle_exception(ctx: RequestContext, drv: Driver, error: Exception) -> Response:
    """Log an error that no handler took and make the 500 response, or raise it where
    PROPAGATE_EXCEPTIONS, TESTING or DEBUG ask for it (Flask's `handle_exception`)."""
    app = ctx.app
    if isinstance(error, RuntimeError):
        load("waterspout.dropin.hints:note_peer")(error)
    if signals.got_request_exception.receivers:
        await drv.send(app, signals.got_request_exception, exception=error)
    propagate = app.config["PROPAGATE_EXCEPTIONS"]
    if propagate is None:
        propagate = app.testing or app.debug
    if propagate:
        raise error
    app.log_exception((type(error), error, error.__traceback__))
    server_error: Any = InternalServerError(original_exception=error)
    handler = app._find_error_handler(server_error, ctx.request.blueprints)
    if handler is not None:
        server_error = await drv.call(app, handler, server_error)
    if "finalize_request" in app.waterspout_overridden:
        return await _call_for_response(
            ctx, drv, app.finalize_request, server_error, from_error_handler=True
        )
    return await finalize(ctx, drv, server_error, from_error_handler=True)


# -- the response --------------------------------------------------------------------


async def finalize(
    ctx: RequestContext, drv: Driver, rv: ReturnValue, from_error_handler: bool = False
) -> Response:
    """Turn a view's value into a response and run the after-request functions (Flask's
    `finalize_request`). With *from_error_handler*, errors of these are only logged."""
    app = ctx.app
    response = app.make_response(rv)
    try:
        if "process_response" in app.waterspout_overridden:
            response = await _call_for_response(ctx, drv, app.process_response, response)
        else:
            response = await process_response(ctx, drv, response)
        check_status(response)
        if signals.request_finished.receivers:
            await drv.send(app, signals.request_finished, response=response)
    except Exception:
        if not from_error_handler:
            raise
        app.logger.exception("Request finalizing failed with an error while handling an error")
    except BaseException:
        ctx.unsent = response  # the client has left: what hooks have registered on it is called
        raise
    return response


async def _call_for_response(
    ctx: RequestContext, drv: Driver, func: Function, /, *args: Argument, **kw: Argument
) -> Response:
    """Call a function of the program that returns a response. Raises `TypeError` if it does not."""
    value = await drv.call(ctx.app, func, *args, **kw)
    if not isinstance(value, WerkzeugResponse):
        value = as_response(ctx.app, ctx.request, value, func)
    response: Response = value
    return response


async def process_response(ctx: RequestContext, drv: Driver, response: Response) -> Response:
    """Run after-this-request and after-request functions, then save the session (Flask's
    `process_response`)."""
    app = ctx.app
    plan = ctx.plan
    if plan is None:
        plan = app.waterspout_plan_for(ctx.request.url_rule)
    if ctx.after_funcs is not None:
        for func in ctx.after_funcs:
            response = await _call_for_response(ctx, drv, func, response)
    elif drv.on_loop and plan.afters_are_def:
        return await drv.call_stage(process_response(ctx, SYNC, response))
    for hook in plan.after:
        value = await drv.call_hook(app, hook, response)
        if not isinstance(value, WerkzeugResponse):
            value = as_response(app, ctx.request, value, hook[0])
        response = value  # type: ignore[assignment]  # Werkzeug's own passes
    try:
        await save_session(ctx, drv, response)
    except HTTPException as error:
        # NOTE: the store cannot take it. The answer would be a promise that is not kept.
        response.close()
        response = app.make_response(await handle_http_exception(ctx, drv, error))
    return response


# -- the end ---------------------------------------------------------------------------


async def close(ctx: RequestContext, drv: Driver) -> None:
    """End a request that `respond` answered: teardown functions of the request, then of the
    application context; runs exactly once, also after errors and cancellation."""
    if not ctx.must_close():
        return
    plan = ctx.plan
    if drv.on_loop and plan is not None and plan.ends_are_def:
        await drv.call_stage(end(ctx, SYNC))
    else:
        await end(ctx, drv)


async def end(ctx: RequestContext, drv: Driver) -> None:
    """Run the teardown functions and what belongs to them."""
    app = ctx.app
    plan = ctx.plan
    error = ctx.error
    if error is not None and app.should_ignore_error(error):
        error = None
    try:
        if plan is None or plan.closes or signals.request_tearing_down.receivers:
            if "do_teardown_request" in app.waterspout_overridden:
                await drv.call(app, app.do_teardown_request, error)
            else:
                await teardown_request(ctx, drv, error)
        if ctx.made_request is not None:
            ctx.made_request.close()
    finally:
        ctx.release()
        if (
            plan is None
            or plan.closes
            or ctx.close_funcs is not None
            or signals.appcontext_tearing_down.receivers
        ):
            if "do_teardown_appcontext" in app.waterspout_overridden:
                await drv.call(app, app.do_teardown_appcontext, error)
            else:
                await teardown_appcontext(app, drv, error)
        if signals.appcontext_popped.receivers:
            await drv.send(app, signals.appcontext_popped)


async def teardown_request(ctx: RequestContext, drv: Driver, error: BaseException | None) -> None:
    """Run the teardown-request functions with *error* (Flask's `do_teardown_request`)."""
    app = ctx.app
    for hook in app.waterspout_plan_for(ctx.request.url_rule).teardown:
        await drv.call_hook(app, hook, error)
    if signals.request_tearing_down.receivers:
        await drv.send(app, signals.request_tearing_down, exc=error)


async def teardown_appcontext(app: Application, drv: Driver, error: BaseException | None) -> None:
    """Run the teardown-appcontext functions with *error* (Flask's `do_teardown_appcontext`)."""
    try:
        for func in reversed(app.teardown_appcontext_funcs):
            await drv.call(app, func, error)
        if signals.appcontext_tearing_down.receivers:
            await drv.send(app, signals.appcontext_tearing_down, exc=error)
    finally:
        ctx = app_var.get(None)
        while ctx is not None and ctx.close_funcs:
            try:
                await _call_on_close(app, drv, ctx.close_funcs.pop())
            except Exception:
                app.logger.exception("Error in a function that was to be called on close")


async def _call_on_close(app: Application, drv: Driver, func: Function) -> None:
    """Call a function of `AppContext.call_on_close`.

    Where the context ends in synchronous code on the thread of a running loop (``with
    app.app_context():`` in a coroutine), which cannot wait, async ones become tasks of the loop.
    """
    if not drv.on_loop and is_async(func):
        try:
            task = asyncio.get_running_loop().create_task(func())
        except RuntimeError:
            pass
        else:
            _closing.add(task)
            task.add_done_callback(_closing.discard)
            return
    await drv.call(app, func)
