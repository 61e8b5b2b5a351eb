"""An application, and the servers that it is tried on."""

from __future__ import annotations

import pytest
from e2e_servers import Serve, on_native, on_uvicorn

from waterspout import App


@pytest.fixture
def app() -> App:
    app = App("demand")
    app.config.update(SECRET_KEY="demand")
    return app


@pytest.fixture
def native() -> Serve:
    return on_native


@pytest.fixture(params=[on_native, on_uvicorn], ids=["native", "uvicorn"])
def serve(request: pytest.FixtureRequest) -> Serve:
    """The native server and an ASGI server, in turn."""
    found: Serve = request.param
    return found
