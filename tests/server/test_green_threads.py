"""A process whose threads gevent has replaced is told so at the start, instead of hanging."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
from gevent import monkey
monkey.patch_all()
from waterspout.flask import Flask
app = Flask("green")
app.get("/")(lambda: "green")
assert app.test_client().get("/").text == "green"
app.run(port=0)
"""


def test_app_run_refuses_green_threads() -> None:
    command = [sys.executable, "-c", PROGRAM]
    said = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
    assert said.returncode == 1
    assert "RuntimeError: gevent has replaced the threads of this process" in said.stderr
    assert "gevent.pywsgi.WSGIServer" in said.stderr
