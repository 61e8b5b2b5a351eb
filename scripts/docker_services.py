"""A pytest plugin: the fixture `docker_services` of lovely-pytest-docker, where the services that a
suite wants run already, or are not there."""

from __future__ import annotations

import pytest


class RunningServices:
    """Takes every service for running."""

    def start(self, *services: str) -> None:
        """Start nothing."""

    def wait_for_service(self, *service: object) -> None:
        """Wait for nothing."""


@pytest.fixture(scope="session")
def docker_services() -> RunningServices:
    """Return what starts nothing."""
    return RunningServices()
