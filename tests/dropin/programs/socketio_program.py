"""A Flask program with Flask-SocketIO: `python socketio_program.py PORT`."""

import sys

from flask import Flask, request
from flask_socketio import SocketIO, emit, join_room

app = Flask(__name__)
socketio = SocketIO(app, async_mode="threading")


@socketio.on("connect")
def connect():
    emit("greeting", {"path": request.path, "agent": request.headers.get("X-Name")})


@socketio.on("shout")
def shout(text):
    join_room("all")
    emit("heard", text.upper(), to="all")
    return len(text)


@app.get("/")
def index():
    return "index"


if __name__ == "__main__":
    socketio.run(app, port=int(sys.argv[1]), allow_unsafe_werkzeug=True)
