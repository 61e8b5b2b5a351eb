"""Rooms: groups of WebSockets that messages are sent to, across processes.

from waterspout.ext.rooms import Rooms

rooms = Rooms(app)

rooms.join(ws, "lobby", {"name": "Ada"})      # in an @app.websocket function, or a handler
await rooms.send("lobby", "hello")            # async code
rooms.send_sync("lobby", {"say": "hello"})    # def code: views, tasks, commands
rooms.members("lobby")                        # who is there, in all processes
"""

from __future__ import annotations

from .extension import RoomMember, Rooms

__all__ = ["RoomMember", "Rooms"]
