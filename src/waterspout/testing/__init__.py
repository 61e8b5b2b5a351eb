"""Clients that talk to an application without a network (Flask's ``flask.testing``)."""

from .client import EnvironBuilder as EnvironBuilder
from .client import FlaskClient as FlaskClient
from .runner import FlaskCliRunner as FlaskCliRunner
from .sockets import WebSocketRefused as WebSocketRefused
