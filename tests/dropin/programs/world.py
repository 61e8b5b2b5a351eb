"""A pytest plugin for the checks: `flask` is what the variable FLASK_IS says."""

import os
import sys

import pytest


@pytest.fixture(autouse=True)
def flask_is_what_was_asked_for():
    """Real Flask knows nothing of Waterspout; in its place, Waterspout's class is `flask.Flask`."""
    import flask

    if os.environ["FLASK_IS"] == "waterspout":
        import waterspout.flask

        assert flask is waterspout.flask
        assert flask.Flask.__module__ == "waterspout.flask.app"
    else:
        assert "waterspout" not in sys.modules
