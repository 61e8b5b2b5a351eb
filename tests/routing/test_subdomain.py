"""Which subdomain a host is, below SERVER_NAME."""

from __future__ import annotations

import warnings

import pytest

from waterspout.routing.subdomain import INVALID, subdomain_of


@pytest.mark.parametrize(
    ("host", "server_name", "scheme", "expected"),
    [
        ("example.org", "example.org", "http", ""),
        ("a.b.example.org", "example.org", "http", "a.b"),
        ("A.Example.ORG", "example.org", "http", "a"),
        ("a.example.org:8080", "example.org:8080", "http", "a"),
        ("a.example.org", "example.org:80", "http", "a"),
        ("a.example.org", "example.org:443", "https", "a"),
    ],
)
def test_subdomain(host: str, server_name: str, scheme: str, expected: str) -> None:
    """Letters' case does not count, nor does the scheme's own port in SERVER_NAME."""
    assert subdomain_of(host, server_name, scheme) == expected


@pytest.mark.parametrize("host", ["127.0.0.1", "badexample.org", "example.org:8080", "org"])
def test_host_elsewhere_is_no_subdomain(host: str) -> None:
    """It matches no rule, and the warning comes from the module Flask's users know."""
    with pytest.warns(UserWarning, match=rf"Current server name '{host}' doesn't match"):
        assert subdomain_of(host, "example.org", "http") == INVALID
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "Current server name", UserWarning, "flask.app")
        assert subdomain_of(f"x{host}", "example.org", "http") == INVALID
