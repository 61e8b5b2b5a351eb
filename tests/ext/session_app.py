"""A program with sessions on the server: one page a kind of code, and what may be done to one."""

from __future__ import annotations

import os
from typing import Any

from waterspout import App, RequestHandler, WebSocket, session
from waterspout.ext.sessions import Session, of, of_async, revoke, revoke_async

#: Who answers a page: a `def` view, an `async def` view, a request handler of either kind.
KINDS = ("view", "async", "handler", "async-handler")


def put(values: Any) -> dict[str, Any]:
    """Set what the query says, and tell what the session holds."""
    for key, value in values.items():
        session[key] = value
    return {key: value for key, value in session.items() if key[0] != "_"}


class Handler(RequestHandler):
    def get(self) -> None:
        for key, (value, *_) in self.request.arguments.items():
            self.session[key] = value.decode()
        self.write({key: value for key, value in self.session.items() if key[0] != "_"})


class AsyncHandler(RequestHandler):
    async def get(self) -> None:
        Handler.get(self)  # type: ignore[arg-type]  # the same attributes


def make_app(*, instance_path: str | None = None, **settings: Any) -> App:
    """Return the program with *settings*."""
    app = App("session_app", instance_path=instance_path, static_folder=None)
    app.config.update(SECRET_KEY="a key of the tests", **settings)
    Session(app)
    app.add_handlers([("/handler", Handler), ("/async-handler", AsyncHandler)])

    @app.get("/view")
    def view() -> Any:
        from waterspout import request

        return put(request.args)

    @app.get("/async")
    async def asynchronous() -> Any:
        from waterspout import request

        return put(request.args)

    @app.get("/plain")
    async def plain() -> str:
        return "plain"

    @app.get("/regenerate")
    async def regenerate() -> dict[str, Any]:
        session.regenerate()  # type: ignore[attr-defined]
        return put({})

    @app.get("/login/<user>")
    def login(user: str) -> dict[str, Any]:
        return put({"_user_id": user, "device": f"{user}'s"})

    @app.get("/logout")
    async def logout() -> str:
        session.clear()
        return "bye"

    @app.get("/end")
    def end() -> dict[str, Any]:
        session.clear()
        return put({})

    @app.get("/of/<user>")
    def listed(user: str) -> list[dict[str, Any]]:
        return [{"id": one.id, "current": one.current, **one.data} for one in of(user)]

    @app.get("/async-of/<user>")
    async def async_listed(user: str) -> list[dict[str, Any]]:
        return [{"id": one.id, "current": one.current, **one.data} for one in await of_async(user)]

    @app.get("/revoke/<id>")
    async def revoke_one(id: str) -> dict[str, int]:
        return {"ended": await revoke_async(id)}

    @app.get("/revoke-others/<user>")
    def revoke_others(user: str) -> dict[str, int]:
        return {"ended": revoke(user=user, keep_current=True)}

    @app.websocket("/socket")
    async def socket(ws: WebSocket) -> None:
        await ws.send(str(session.get("name")))

    return app


if "SESSION_APP_URL" in os.environ:  # in a process of its own
    app = make_app(SESSION_URL=os.environ["SESSION_APP_URL"], SESSION_KEY_PREFIX="ws_sessions_two:")
