"""A Flask program of the plainest kind: it ends in `app.run()` and is started with `python`."""

import sys

from flask import Flask, request

app = Flask(__name__)


@app.route("/", methods=["GET", "POST"])
def index():
    return f"{request.method} {request.form.get('name', 'nobody')}"


@app.route("/server")
def server():
    return request.environ.get("SERVER_SOFTWARE", "")


if __name__ == "__main__":
    app.run(port=int(sys.argv[1]))
