"""Files as responses, and what must not be sent."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from werkzeug.exceptions import NotFound, RequestedRangeNotSatisfiable

from waterspout import App, Blueprint, send_file, send_from_directory
from waterspout.http.ranges import usable_range

Write = Callable[[str, str], Any]

TEXT = "0123456789" * 10


@pytest.fixture
def served(app: App, write: Write) -> App:
    """``/f/<path>`` sends from the folder ``pub``."""
    write("pub/a.txt", TEXT)
    write("pub/sub/b.css", "b{}")
    write("secret.txt", "secret")
    write("pub-secret/s.txt", "secret")

    @app.get("/f/<path:name>")
    def file(name: str) -> Any:
        return send_from_directory("pub", name)

    return app


@pytest.fixture
def get(served: App) -> Any:
    client = served.test_client()

    def get(name: str = "a.txt", **headers: str) -> Any:
        fields = {key.replace("_", "-"): value for key, value in headers.items()}
        return client.get(f"/f/{name}", headers=fields, buffered=True)

    return get


def test_a_file_has_type_length_etag_and_date(get: Any) -> None:
    response = get("sub/b.css")
    assert response.data == b"b{}"
    assert response.mimetype == "text/css"
    assert response.content_length == 3
    assert response.headers["ETag"].startswith('"')
    assert response.last_modified is not None
    assert response.cache_control.no_cache
    assert response.headers["Accept-Ranges"] == "bytes"


def test_an_unchanged_file_is_not_sent_again(get: Any) -> None:
    first = get()
    assert get(If_None_Match=first.headers["ETag"]).status_code == 304
    assert get(If_Modified_Since=first.headers["Last-Modified"]).status_code == 304
    assert get(If_None_Match='"other"').status_code == 200


def test_the_application_says_how_long_files_are_kept(app: App, write: Write) -> None:
    write("static/x.js", "x")
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = 60
    with app.test_request_context():
        for response in (send_file("static/x.js"), app.send_static_file("x.js")):
            assert response.cache_control.max_age == 60
            assert response.cache_control.public
            response.close()
        response = send_file("static/x.js", max_age=5)
        assert response.cache_control.max_age == 5
        response.close()


def test_paths_are_relative_to_the_root_path(app: App, write: Write, tmp_path: Path) -> None:
    write("data/x.txt", "x")
    with app.test_request_context():
        for path in ("data/x.txt", tmp_path / "data" / "x.txt", Path("data/x.txt")):
            response = send_file(path)
            response.direct_passthrough = False
            assert response.data == b"x"
            response.close()


def test_static_files_of_app_and_blueprint(app: App, write: Write) -> None:
    write("static/a.txt", "app")
    write("bp/files/a.txt", "blueprint")
    app.register_blueprint(
        Blueprint(
            "bp", "upper", root_path=f"{app.root_path}/bp", static_folder="files", url_prefix="/bp"
        )
    )
    client = app.test_client()
    assert client.get("/static/a.txt", buffered=True).text == "app"
    assert client.get("/bp/files/a.txt", buffered=True).text == "blueprint"


def test_a_file_in_memory_needs_a_name_or_type(app: App) -> None:
    with app.test_request_context():
        response = send_file(io.BytesIO(b"abc"), download_name="x.csv", as_attachment=True)
        assert response.mimetype == "text/csv"
        assert response.headers["Content-Disposition"] == "attachment; filename=x.csv"
        with pytest.raises(TypeError, match="MIME type"):
            send_file(io.BytesIO(b"abc"))
        with pytest.raises(ValueError, match="binary mode"):
            send_file(io.StringIO("abc"), mimetype="text/plain")  # type: ignore[arg-type]


def test_the_proxy_may_send_the_file(served: App) -> None:
    served.config["USE_X_SENDFILE"] = True
    response = served.test_client().get("/f/a.txt")
    assert response.headers["X-Sendfile"] == f"{served.root_path}/pub/a.txt"
    assert response.data == b""


def test_the_response_class_of_the_application_is_used(served: App) -> None:
    class Own(served.response_class):  # type: ignore[name-defined, misc]
        pass

    served.response_class = Own
    with served.test_request_context():
        response = send_from_directory("pub", "a.txt")
        assert type(response) is Own
        response.close()


# -- ranges --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "status", "text"),
    [
        ("bytes=0-4", 206, TEXT[:5]),
        ("bytes=95-", 206, TEXT[95:]),
        ("bytes=-3", 206, TEXT[-3:]),
        ("bytes=90-9999", 206, TEXT[90:]),
        ("bytes=-999999999", 206, TEXT),  # a suffix longer than the file is the file
        ("bytes=100-", 416, None),
        ("bytes=5-1", 200, TEXT),
        ("bytes=0-1,3-4", 200, TEXT),
        ("bytes=" + "0-1," * 1000 + "0-1", 200, TEXT),
        ("bytes=" + "9" * 5000 + "-", 200, TEXT),
        ("bytes=+1-5", 200, TEXT),
        ("bytes=1_0-20", 200, TEXT),
        ("bytes=a-b", 200, TEXT),
        ("lines=0-1", 200, TEXT),
    ],
)
def test_ranges(get: Any, wanted: str, status: int, text: str | None) -> None:
    response = get(Range=wanted)
    assert response.status_code == status
    if text is not None:
        assert response.text == text
        assert response.content_length == len(text)


def test_digits_are_ascii(get: Any) -> None:
    assert usable_range("bytes=٣-٥", 100) is None
    assert usable_range("bytes=0-4", 100) == "bytes=0-4"


def test_a_range_of_another_version_is_not_given(get: Any) -> None:
    etag = get().headers["ETag"]
    assert get(Range="bytes=0-4", If_Range=etag).status_code == 206
    assert get(Range="bytes=0-4", If_Range=f"W/{etag}").status_code == 200  # RFC 9110 13.1.5
    assert get(Range="bytes=0-4", If_Range='"other"').status_code == 200


def test_ranges_of_a_file_in_memory(app: App) -> None:
    with app.test_request_context(headers={"Range": "bytes=1-"}):
        response = send_file(io.BytesIO(b"abc"), mimetype="text/plain")
        assert response.status_code == 206
        response.direct_passthrough = False
        assert response.data == b"bc"
    with (
        app.test_request_context(headers={"Range": "bytes=9-"}),
        pytest.raises(RequestedRangeNotSatisfiable),
    ):
        send_file(io.BytesIO(b"abc"), mimetype="text/plain")


# -- what must not be sent -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        *("../secret.txt", "sub/../../secret.txt", "..", ".", "", "sub", "/etc/passwd"),
        *("//etc/passwd", "..\\secret.txt", "a.txt\0", "../pub-secret/s.txt", "missing.txt"),
        *("x" * 5000, "a.txt/x", "\udc80", "CON", "a.txt::$DATA"),
    ],
)
def test_nothing_outside_the_folder(served: App, path: str) -> None:
    with served.test_request_context(), pytest.raises(NotFound):
        send_from_directory("pub", path)


@pytest.mark.parametrize(
    "path", ["..%2fsecret.txt", "%2e%2e/secret.txt", "..%5csecret.txt", "%2fetc%2fpasswd", "a%00"]
)
def test_nothing_outside_the_folder_by_url(get: Any, path: str) -> None:
    response = get(path)
    if response.status_code == 308:  # to the same host, without the double slash
        assert response.location == "http://localhost/f/etc/passwd"
    else:
        assert response.status_code == 404


def test_a_pipe_is_not_opened(served: App, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pub" / "pipe")
    with served.test_request_context(), pytest.raises(NotFound):
        send_from_directory("pub", "pipe")


@pytest.mark.parametrize("path", ["link.txt", "folder/secret.txt", "device"])
def test_a_link_out_of_the_folder_is_missing_and_logged(
    served: App, tmp_path: Path, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    pub = tmp_path / "pub"
    (pub / "link.txt").symlink_to(tmp_path / "secret.txt")
    (pub / "folder").symlink_to(tmp_path)
    (pub / "device").symlink_to("/dev/zero")
    with served.test_request_context():
        with pytest.raises(NotFound):
            send_from_directory("pub", path)
        if path == "device":
            return
        assert "SEND_FILE_FOLLOW_SYMLINKS" in caplog.text
        served.config["SEND_FILE_FOLLOW_SYMLINKS"] = True
        response = send_from_directory("pub", path)
        response.direct_passthrough = False
        assert response.data == b"secret"
        response.close()


def test_links_inside_the_folder_and_a_linked_folder_are_served(
    served: App, tmp_path: Path
) -> None:
    (tmp_path / "pub" / "inner.txt").symlink_to("a.txt")
    (tmp_path / "current").symlink_to(tmp_path / "pub")
    with served.test_request_context():
        for folder, name in [("pub", "inner.txt"), ("current", "a.txt"), ("current", "inner.txt")]:
            response = send_from_directory(folder, name)
            assert response.content_length == len(TEXT)
            response.close()


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ('say "hi".txt', 'attachment; filename="say \\"hi\\".txt"'),
        ("two\r\nSet-Cookie: x.txt", 'attachment; filename="two__Set-Cookie: x.txt"'),
        ("é.txt", "attachment; filename=e.txt; filename*=UTF-8''%C3%A9.txt"),
    ],
)
def test_file_names_are_encoded(app: App, tmp_path: Path, name: str, field: str) -> None:
    (tmp_path / name).write_text("x")
    with app.test_request_context():
        for response in (
            send_from_directory(".", name, as_attachment=True),
            send_file(io.BytesIO(), download_name=name, as_attachment=True),
        ):
            assert response.headers["Content-Disposition"] == field
            response.close()
