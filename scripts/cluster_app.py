"""The application that scripts/cluster.py runs on each of its hosts."""

from __future__ import annotations

import os
import time
from typing import Any

from waterspout import App, WebSocket, session
from waterspout.ext.rooms import Rooms
from waterspout.ext.sessions import Session
from waterspout.ext.tasks import Tasks

HOST = os.environ["CLUSTER_HOST"]
NOTES = os.environ["CLUSTER_NOTES"]

app = App("cluster")
app.config.update(
    SECRET_KEY="the same on all hosts",
    SESSION_URL=os.environ["CLUSTER_SESSIONS"],
    ROOMS_URL=os.environ["CLUSTER_REDIS"],
    ROOMS_CHANNEL="ws_tasks_cluster.rooms",
    TASKS_URL=os.environ["CLUSTER_RABBITMQ"],
    TASKS_QUEUE="ws_tasks_cluster",
    TASKS_CONCURRENCY=4,
)
Session(app)
rooms = Rooms(app)
tasks = Tasks(app)


def note(*words: object) -> None:
    """Write a line that the script reads; the hosts share the file system."""
    with open(NOTES, "a", encoding="utf-8") as file:
        print(*words, HOST, file=file)


@app.post("/login/<name>")
def login(name: str) -> dict[str, str]:
    """Begin a session."""
    session["name"] = name
    return {"host": HOST}


@app.get("/who")
async def who() -> dict[str, Any]:
    """Tell whose session this is, and which host answers."""
    return {"name": session.get("name"), "host": HOST}


@app.websocket("/room")
async def room(ws: WebSocket) -> None:
    """Stay in the room; the first message names the host."""
    await ws.accept()
    rooms.join(ws, "all", {"host": HOST})
    await ws.send(HOST)
    async for _ in ws:
        pass


@app.post("/say/<text>")
def say(text: str) -> dict[str, Any]:
    """Send to the room, from whichever host answers."""
    rooms.send_sync("all", text)
    return {"host": HOST}


@app.get("/members")
async def members() -> dict[str, int]:
    """Count the members on all hosts."""
    return {"count": rooms.count("all")}


@tasks.task(keep_result=False)
def work(number: int) -> None:
    """Take a while."""
    note("begin", number)
    time.sleep(0.1)
    note("end", number)


@app.post("/work/<int:number>")
async def order(number: int) -> dict[str, str]:
    """Enqueue a task."""
    await work.enqueue_async(number)
    return {"host": HOST}


@tasks.every(1)
def tick() -> None:
    """Note each second, once."""
    assert tasks.current is not None
    note("tick", tasks.current.id)
