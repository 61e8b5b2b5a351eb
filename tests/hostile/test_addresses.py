"""Where a request says it goes and comes from: URLs, proxies' fields, odd paths."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hostile_wire import Answer, ask

from waterspout import App, jsonify, request


@pytest.fixture
def app() -> App:
    app = App("addresses")

    @app.route("/", defaults={"path": None})
    @app.route("/<path:path>")
    async def show(path: str | None) -> Any:
        return jsonify(
            url=request.url,
            base=request.base_url,
            root=request.host_url,
            host=request.host,
            path=request.path,
            routed=path,
            peer=request.remote_addr,
            scheme=request.scheme,
            secure=request.is_secure,
            route=list(request.access_route),
            forwarded=request.headers.get("X-Forwarded-For"),
            length=request.content_length,
            environ=sorted(k for k in request.environ if k.startswith("HTTP_X")),
        )

    @app.route("/int/<int:number>/")
    async def number(number: int) -> str:
        return str(number)

    return app


@pytest.fixture
def address(serve: Any, app: App) -> Any:
    return serve(app).address


def shown(answer: Answer) -> dict[str, Any]:
    assert answer.status == 200, answer
    found: dict[str, Any] = json.loads(answer.body)
    return found


@pytest.mark.parametrize(
    "target",
    ["/@evil.example", "//evil.example/x", "/%40evil", "/a@evil:80", "/x?//evil", "/%2f%2fevil",
     "http://a/@evil", "/\\evil", "/:80", "/x%3fy"],
)  # fmt: skip
def test_the_host_of_a_url_is_never_from_the_path(address: Any, target: str) -> None:
    """CVE-2026-48710, CVE-2026-54282."""
    answer = ask(address, target)
    if answer.status == 308:  # slashes are merged
        assert (answer.field("Location") or "").startswith("http://a/")
        return
    found = shown(answer)
    assert found["host"] == "a"
    assert found["url"].startswith("http://a/")
    assert found["base"].startswith("http://a/")
    assert found["root"] == "http://a/"
    assert found["path"] == "/" + found["routed"]


def test_an_absolute_target_does_not_disagree_with_host(address: Any) -> None:
    """RFC 9112 section 3.2.2: the target's host counts, the field is ignored."""
    answer = ask(address, "http://b/x")
    assert answer.status == 200
    assert shown(answer)["host"] == "b"


@pytest.mark.parametrize(
    "fields",
    [
        ["X-Forwarded-For: 6.6.6.6", "X-Forwarded-Proto: https", "X-Forwarded-Host: evil",
         "X-Forwarded-Port: 1", "X-Forwarded-Prefix: /evil"],
        ["Forwarded: for=6.6.6.6;proto=https;host=evil"],
        ["X-Real-Ip: 6.6.6.6", "X-Scheme: https"],
        ["X-Forwarded-For: 6.6.6.6", "X-Forwarded-For: 7.7.7.7"],
    ],
    ids=["forwarded-fields", "forwarded", "real-ip", "twice"],
)  # fmt: skip
def test_a_stranger_says_nothing_about_the_peer(address: Any, fields: list[str]) -> None:
    """No proxy is trusted unless the program says so (CVE-2019-12781)."""
    found = shown(ask(address, "/x", fields))
    assert found["peer"] == "127.0.0.1"
    assert found["scheme"] == "http"
    assert found["secure"] is False
    assert found["url"] == "http://a/x"


@pytest.mark.parametrize(
    "field",
    ["X_Forwarded_For: 6.6.6.6", "X_FORWARDED-FOR: 6.6.6.6", "X-Forwarded_For: 6.6.6.6"],
)
def test_an_underscore_is_no_hyphen(address: Any, field: str) -> None:
    """Such fields are not seen at all (CVE-2026-3902)."""
    found = shown(ask(address, "/x", [field]))
    assert found["forwarded"] is None
    assert found["environ"] == []


def test_content_length_with_an_underscore_frames_nothing(address: Any) -> None:
    found = shown(ask(address, "/x", ["Content_Length: 5"]))
    assert found["length"] is None


@pytest.mark.parametrize(
    "target",
    ["/x%00", "/x%zz", "/x%", "/x%2", "/%c0%ae%c0%ae/x", "/%ff%fe", "/%ed%a0%80",
     "/int/%31/", "/int/%d9%a1/", "/int/+1/", "/int/1_0/", "/int/-1/", "/.", "/..", "/%2e%2e/x",
     "/a/./b", "/a//b", "/;x=1", "/%", "/?%", "/?a=%zz&b=%ff", "/?" + "%" * 1000],
)  # fmt: skip
def test_odd_paths_are_found(address: Any, target: str) -> None:
    """One decoding for the route table and the view; no 5xx (CVE-2021-44420)."""
    answer = ask(address, target)
    assert answer.status == 200
    if answer.body.startswith(b"{"):
        found = shown(answer)
        assert found["path"] == "/" + (found["routed"] or "")


@pytest.mark.parametrize(
    ("target", "status"),
    [("/x%0a", 404), ("/int/1%0a/", 404),  # a line end is in no path, as in Werkzeug
     ("/int/" + "9" * 5000 + "/", 404),  # more digits than `int` reads
     ("/int/\u0661/".encode().decode("latin-1"), 400)],  # no ASCII: RFC 3986 section 2
)  # fmt: skip
def test_odd_paths_are_refused_but_never_an_error(address: Any, target: str, status: int) -> None:
    assert ask(address, target).status == status


@pytest.mark.parametrize("target", ["/int/+1/", "/int/1_0/"])
def test_a_number_is_digits_to_the_end(address: Any, target: str) -> None:
    answer = ask(address, target)
    assert answer.status == 200
    assert answer.body.startswith(b"{")  # the route for any path


def test_names_that_collide_cost_no_more(address: Any) -> None:
    """99 fields and 1000 arguments of one hash bucket (str hashing is keyed anyway)."""
    query = "&".join(f"a{n:08d}=1" for n in range(800))
    assert (
        shown(ask(address, f"/x?{query[:8000]}", [f"X-{n}: y" for n in range(90)]))["path"] == "/x"
    )
