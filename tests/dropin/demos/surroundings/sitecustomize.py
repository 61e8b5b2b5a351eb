"""A machine of its own for one demo: Python reads this file before the demo runs.

Some demos write down a port (8888) or a host on the Internet. The file of such a demo is run as it
is; its sockets go elsewhere. ``DEMO_PORTS`` says where, as JSON: port in the program → port on
this machine. With it, every host is this machine. ``DEMO_PYTHON2`` gives the names of
Python 2 that the S3 server still uses.
"""

import builtins
import contextlib
import importlib
import json
import os
import socket
import urllib
import urllib.parse

PORTS = {int(there): here for there, here in json.loads(os.environ.get("DEMO_PORTS", "{}")).items()}


def _elsewhere(method):
    def call(self, address):
        if isinstance(address, tuple) and address[1] in PORTS:
            address = ("127.0.0.1", PORTS[address[1]])
        return method(self, address)

    return call


def _this_machine(getaddrinfo):
    def call(host, port, family=0, type=0, proto=0, flags=0):
        return getaddrinfo(host and "127.0.0.1", port, socket.AF_INET, type, proto, flags)

    return call


async def _as_socket_does(self, host, port, *, family=0, type=0, proto=0, flags=0):
    return socket.getaddrinfo(host, port, family, type, proto, flags)


def _open_with_bytes(open_file):
    def call(file, mode="r", *arguments, **options):
        in_store = isinstance(file, str) and file.startswith(os.environ["DEMO_PYTHON2"])
        return open_file(file, "wb" if mode == "w" and in_store else mode, *arguments, **options)

    return call


if PORTS:
    for _name in ("bind", "connect", "connect_ex"):
        setattr(socket.socket, _name, _elsewhere(getattr(socket.socket, _name)))
    socket.getaddrinfo = _this_machine(socket.getaddrinfo)
    with contextlib.suppress(ImportError):
        uvloop = importlib.import_module("uvloop")  # asks for addresses by itself
        uvloop.Loop.getaddrinfo = _as_socket_does
if "DEMO_PYTHON2" in os.environ:
    urllib.unquote = urllib.parse.unquote
    builtins.open = _open_with_bytes(open)
