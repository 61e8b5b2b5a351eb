"""Tornado's demo "file_upload" under the drop-in: the server, and the program that sends.

The sending program gives `asyncio.run` a future, which no Python takes; so its two functions are
called by `surroundings/uploading.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from demos_process import Demo


@pytest.fixture
def port(reserve: Callable[[], int]) -> int:
    """A port in place of the 8888 that both programs have written down."""
    return reserve()


@pytest.fixture
def receiver(start: Any, port: int) -> Demo:
    """The server of the demo."""
    demo: Demo = start("file_upload/file_receiver.py", ports={8888: port})
    demo.wait_for_port(port)
    return demo


def test_file_upload_by_the_demos_own_program(
    start: Any, receiver: Demo, port: int, tmp_path: Path
) -> None:
    """Three files in one multipart POST, then each in a streamed PUT; both in chunks."""
    sizes = {"short.txt": 9, "empty.html": 0, "large é.png": 3_000_003}
    for name, size in sizes.items():
        (tmp_path / name).write_bytes(b"x" * size)
    paths = [str(tmp_path / name) for name in sizes]
    program = "file_upload/file_uploader.py"
    options = {"ports": {8888: port}, "launcher": "uploading.py"}
    posted = start(program, "post", *paths, **options).finish()
    assert "HTTPResponse(" in posted
    assert "code=200" in posted
    for (name, size), path in zip(sizes.items(), paths, strict=True):
        receiver.wait_for_line(f'POST "{path}" "{kind(name)}" {size} bytes')
    put = start(program, "put", *paths, **options).finish()
    assert put.count("code=200") == len(sizes)
    for name, size in sizes.items():
        receiver.wait_for_line(f'PUT "{name}" "{kind(name)}" {size} bytes')


def test_file_upload_as_a_browser_does(receiver: Demo, port: int) -> None:
    """A form's files, two of them under one name; a PUT of unknown length."""
    url = f"http://127.0.0.1:{port}"

    def pieces() -> Iterator[bytes]:
        for _ in range(100):
            yield b"0123456789" * 100

    with httpx.Client(base_url=url, timeout=20, trust_env=False) as client:
        # Quotes in file names are sent as browsers send them, and arrive so.
        files = [
            ("photo", ("one.png", b"\x89PNG\r\n--x\r\n", "image/png")),
            ("photo", ("two.png", b"", "image/png")),
            ("text", ('a "quoted" name.txt', b"words\r\n", "text/plain")),
        ]
        answer = client.post("/post", files=files, data={"field": "not a file"})
        assert (answer.status_code, answer.text) == (200, "OK")
        answer = client.put("/a%20b%2Fc", content=pieces(), headers={"Content-Type": "text/x"})
        assert (answer.status_code, answer.text) == (200, "OK")
        assert client.get("/anything").status_code == 405
        broken = client.post(
            "/post", content=b"nothing", headers={"Content-Type": "multipart/form-data"}
        )
        assert broken.status_code == 400
    for line in (
        'POST "one.png" "image/png" 11 bytes',
        'POST "two.png" "image/png" 0 bytes',
        'POST "a %22quoted%22 name.txt" "text/plain" 7 bytes',
        'PUT "a b/c" "text/x" 100000 bytes',
    ):
        receiver.wait_for_line(line)
    assert "not a file" not in receiver.said


def kind(name: str) -> str:
    """Return the type of a file by its name."""
    return {"txt": "text/plain", "html": "text/html", "png": "image/png"}[name.partition(".")[2]]
