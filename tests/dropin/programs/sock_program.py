"""A Flask program with flask-sock: `python sock_program.py PORT [adhoc]`, or `sock_program:app`."""

import sys
import threading

from flask import Flask, jsonify, request, session
from flask_sock import Sock

app = Flask(__name__)
app.secret_key = "k"
sock = Sock(app)
ended = []
one_more = threading.Condition()


@sock.route("/echo/<name>")
def echo(ws, name):
    ws.send(f"{request.args['greeting']}, {name} {session.get('x')}")
    try:
        while True:
            ws.send(ws.receive())
    finally:
        with one_more:
            ended.append(name)
            one_more.notify_all()


@sock.route("/bye")
def bye(ws):
    ws.send("bye")


@app.get("/ended/<int:count>")
def wait_until_ended(count):
    with one_more:
        one_more.wait_for(lambda: len(ended) >= count, 10)
    return jsonify(ended)


@app.get("/plain")
def plain():
    return f"{request.headers.get('Upgrade')} {'werkzeug.socket' in request.environ}"


if __name__ == "__main__":
    app.run(port=int(sys.argv[1]), ssl_context=(sys.argv[2:] or [None])[0])
