"""Tornado's demo "s3server" under the drop-in: a store for files, by PUT, GET and DELETE.

The demo was never moved to Python 3 altogether: for objects it calls ``urllib.unquote`` and writes
bytes to a text file. Buckets work as they are; for objects the tests give it those two names of
Python 2 (see `surroundings/sitecustomize.py`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx

NAMESPACE = "{http://doc.s3.amazonaws.com/2006-03-01}"


def found(answer: httpx.Response, name: str) -> list[str | None]:
    """Return the texts of the elements *name* in a listing."""
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/xml; charset=UTF-8"
    return [e.text for e in ElementTree.fromstring(answer.text).iter(NAMESPACE + name)]


def test_s3server_buckets(serve: Any, browse: Any, tmp_path: Path) -> None:
    """Buckets are made, listed and removed; what is wrong is refused."""
    _, port = serve("s3server/s3server.py", f"--root_directory={tmp_path / 'store'}")
    s3 = browse(port).client
    assert found(s3.get("/"), "Name") == []
    made = s3.put("/photos/")
    assert (made.status_code, made.content) == (200, b"")
    assert s3.put("/photos/").status_code == 403
    s3.put("/b%26w/")
    listing = s3.get("/")
    assert sorted(map(str, found(listing, "Name"))) == ["b&w", "photos"]
    again = s3.get("/", headers={"If-None-Match": listing.headers["Etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert s3.get("/films/").status_code == 404
    removed = s3.delete("/photos/")
    assert (removed.status_code, removed.content) == (204, b"")
    assert "Content-Length" not in removed.headers
    assert s3.delete("/photos/").status_code == 404
    assert s3.post("/photos/").status_code == 405


def test_s3server_objects(serve: Any, browse: Any, tmp_path: Path) -> None:
    """Objects are put, listed in parts, got back byte for byte and deleted."""
    store = tmp_path / "store"
    _, port = serve("s3server/s3server.py", f"--root_directory={store}", DEMO_PYTHON2=str(store))
    s3 = browse(port).client
    s3.put("/photos/")
    data = bytes(range(256)) * 5000
    assert s3.put("/photos/2026/a%20b.jpg", content=data).status_code == 200
    for name in ("2025", "2027", "2028"):
        assert s3.put(f"/photos/{name}", content=iter([b"in ", b"pieces"])).status_code == 200
    assert (store / "photos/2026/a b.jpg").read_bytes() == data
    got = s3.get("/photos/2026/a%20b.jpg")
    assert got.content == data
    assert got.headers["Content-Type"] == "application/unknown"
    assert got.headers["Last-Modified"].endswith("GMT")
    assert s3.get("/photos/2025").content == b"in pieces"
    listing = s3.get("/photos/")
    assert found(listing, "Key") == ["2025", "2026/a b.jpg", "2027", "2028"]
    assert found(listing, "Size") == ["9", str(len(data)), "9", "9"]
    part = s3.get("/photos/", params={"max-keys": 2, "marker": "2025", "terse": 1})
    assert found(part, "Key") == ["2026/a b.jpg", "2027"]
    assert found(part, "IsTruncated") == ["True"]
    assert found(s3.get("/photos/", params={"prefix": "2026/"}), "Key") == ["2026/a b.jpg"]
    assert s3.delete("/photos/2025").status_code == 204
    assert s3.get("/photos/2025").status_code == 404
    assert s3.put("/films/one", content=b"x").status_code == 404
    assert s3.delete("/photos/").status_code == 403


def test_s3server_on_python_3(serve: Any, browse: Any, tmp_path: Path) -> None:
    """As it stands, the demo's own fault becomes a 500 that says nothing of it, and a log entry."""
    demo, port = serve("s3server/s3server.py", f"--root_directory={tmp_path / 'store'}")
    answer = browse(port).client.put("/photos/one", content=b"x")
    assert answer.status_code == 500
    assert "unquote" not in answer.text
    assert "500: Internal Server Error" in answer.text
    demo.expect_fault("AttributeError: module 'urllib' has no attribute 'unquote'")
    demo.wait_for_line("Uncaught exception PUT /photos/one (127.0.0.1)")
