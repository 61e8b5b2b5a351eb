"""A program that puts two applications together and starts Werkzeug's server itself."""

import sys

from classic_program import app
from flask import Flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import run_simple

other = Flask("other")


@other.route("/")
def index():
    return "the other application"


if __name__ == "__main__":
    run_simple("127.0.0.1", int(sys.argv[1]), DispatcherMiddleware(app, {"/other": other}))
