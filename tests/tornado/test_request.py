"""`HTTPServerRequest`, made by a program and as the face of what our server received."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest

from waterspout.http import Incoming, Origin
from waterspout.tornado.httputil import (
    HTTPHeaders,
    HTTPInputError,
    HTTPServerRequest,
    RequestStartLine,
)

FIELDS = [
    (b"host", b"Example.com:8080"),
    (b"cookie", b"a=1; b=2"),
    (b"x-two", b"1"),
    (b"X-Two", b"\xe9"),
    (b"content-type", b"application/x-www-form-urlencoded"),
]


def received() -> HTTPServerRequest:
    incoming = Incoming(
        "POST",
        b"/a%20b?x=1&y=%C3%A9&x=",
        FIELDS,
        origin=Origin(scheme="https", client=("10.0.0.1", 4321)),
    )
    incoming.body = b"x=2&z=3"
    return HTTPServerRequest.waterspout_from_incoming(incoming)


def made() -> HTTPServerRequest:
    headers = HTTPHeaders()
    for name, value in FIELDS:
        headers.add(name.decode(), value.decode("latin-1"))
    context = SimpleNamespace(remote_ip="10.0.0.1", protocol="https")
    return HTTPServerRequest(
        start_line=RequestStartLine("POST", "/a%20b?x=1&y=%C3%A9&x=", "HTTP/1.1"),
        headers=headers,
        body=b"x=2&z=3",
        connection=SimpleNamespace(context=context),
    )


@pytest.mark.parametrize("make", [received, made])
def test_a_request_has_tornados_attributes(make: object) -> None:
    """The same, whoever made it."""
    request = make()  # type: ignore[operator]
    assert (request.method, request.version) == ("POST", "HTTP/1.1")
    assert request.uri == "/a%20b?x=1&y=%C3%A9&x="
    assert (request.path, request.query) == ("/a%20b", "x=1&y=%C3%A9&x=")
    assert (request.host, request.host_name) == ("Example.com:8080", "example.com")
    assert (request.remote_ip, request.protocol) == ("10.0.0.1", "https")
    assert request.full_url() == "https://Example.com:8080/a%20b?x=1&y=%C3%A9&x="
    assert request.headers["X-Two"] == "1,é"
    assert request.body == b"x=2&z=3"
    assert {name: morsel.value for name, morsel in request.cookies.items()} == {"a": "1", "b": "2"}
    assert request.arguments == {"x": [b"1", b""], "y": ["é".encode()]}
    assert (request.body_arguments, request.files) == ({}, {})
    request._parse_body()
    assert request.body_arguments == {"x": [b"2"], "z": [b"3"]}
    assert request.query_arguments == {"x": [b"1", b""], "y": ["é".encode()]}
    assert request.arguments == {"x": [b"1", b"", b"2"], "y": ["é".encode()], "z": [b"3"]}
    assert 0 <= request.request_time() < 60
    request.path, request.headers, request.body = "/other", HTTPHeaders(), b"new"
    assert (request.path, len(request.headers), request.body) == ("/other", 0, b"new")


def test_a_spooled_body_is_read_when_asked_for() -> None:
    """`body` is bytes, also of a body that was put on disk."""
    incoming = Incoming("PUT", b"/", [(b"host", b"h")])
    incoming.body = io.BytesIO(b"large")
    request = HTTPServerRequest.waterspout_from_incoming(incoming)
    assert (request.body, request.body) == (b"large", b"large")


def test_a_request_can_be_made_as_before_start_lines() -> None:
    """Method and uri by name, and a host."""
    request = HTTPServerRequest(method="GET", uri="/a", host="h", version="HTTP/1.1")
    assert (request.method, request.path, request.host) == ("GET", "/a", "h")


def test_its_repr_tells_no_secrets() -> None:
    """A repr is for logs; headers are not in it."""
    request = received()
    assert "cookie" not in repr(request).lower()
    assert "method='POST'" in repr(request)


@pytest.mark.parametrize(
    ("hosts", "says"),
    [
        ([], "Missing Host header"),
        ([b"a b"], "Invalid Host header: 'a b'"),
        ([b"a/b"], "Invalid Host header"),
        ([b"a%zz"], "Invalid Host header"),
        ([b"a", b"b"], "Multiple host headers not allowed: 'a,b'"),
    ],
)
def test_a_bad_host_is_refused(hosts: list[bytes], says: str) -> None:
    """By the same words as in Tornado."""
    fields = [(b"host", host) for host in hosts]
    with pytest.raises(HTTPInputError, match=says):
        HTTPServerRequest.waterspout_from_incoming(Incoming("GET", b"/", fields))


def test_http_1_0_needs_no_host() -> None:
    """The old version has no virtual hosts."""
    request = HTTPServerRequest.waterspout_from_incoming(Incoming("GET", b"/", [], version="1.0"))
    assert (request.host, request.host_name) == ("127.0.0.1", "127.0.0.1")


def test_certificates_are_asked_of_the_connection() -> None:
    """None without TLS, or without a connection."""
    assert received().get_ssl_certificate() is None
