"""A Flask program with Flask-Session: the session is a file on the server."""

from cachelib.file import FileSystemCache
from flask import Flask, request, session
from flask_session import Session


def create_app(directory):
    app = Flask(__name__)
    app.config.update(
        SESSION_TYPE="cachelib",
        SESSION_CACHELIB=FileSystemCache(directory),
        SESSION_COOKIE_NAME="sid",
    )
    Session(app)

    @app.route("/put/<name>/<value>")
    def put(name, value):
        session[name] = value
        return session.sid

    @app.route("/get/<name>")
    def get(name):
        return session.get(name, "nothing")

    @app.route("/clear")
    def clear():
        session.clear()
        return ""

    @app.route("/big", methods=["POST"])
    def big():
        session["text"] = request.get_data(as_text=True)
        return str(len(session["text"]))

    return app
