"""Uploads that lie about what they are or where they belong."""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from waterspout import App
from waterspout.ext.forms import FlaskForm
from waterspout.ext.forms.file import (
    FileAllowed,
    FileContent,
    FileField,
    FileRequired,
    FileSize,
    MultipleFileField,
    save_upload,
    save_upload_async,
)

PNG = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + bytes(range(40))
GIF = b"GIF89a\1\0\1\0\0\0\0;"
JPEG = b"\xff\xd8\xff\xe0\0\x10JFIF\0" + b"\0" * 64


class Avatar(FlaskForm):
    class Meta:
        csrf = False

    picture = FileField(
        validators=[
            FileRequired(),
            FileAllowed(["png", "gif", "jpg", "jpeg"]),
            FileSize(300_000),
            FileContent(["png", "gif", "jpeg"]),
        ]
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "uploads"
    found.mkdir()
    return found


@pytest.fixture
def app(folder: Path) -> App:
    app = App(__name__)

    @app.post("/")
    def upload() -> dict[str, Any]:
        form = Avatar()
        if not form.validate_on_submit():
            return {"errors": form.picture.errors}
        return {"saved": save_upload(form.picture.data, folder, ["png", "gif", "jpg"]).name}

    @app.post("/async")
    async def upload_async() -> dict[str, Any]:
        form = Avatar()
        if not await form.validate_on_submit_async():
            return {"errors": form.picture.errors}
        return {"saved": (await save_upload_async(form.picture.data, folder, ["png"])).name}

    return app


def send(app: App, name: str, content: bytes, path: str = "/") -> Any:
    data = {"picture": (BytesIO(content), name, "image/png")}
    return app.test_client().post(path, data=data).json


@pytest.mark.parametrize("path", ["/", "/async"])
def test_a_picture_is_saved_under_a_name_of_ours(app: App, folder: Path, path: str) -> None:
    """The whole file is there; of the client's name the extension is left."""
    name = send(app, "me.PNG", PNG, path)["saved"]
    assert re.fullmatch(r"[0-9a-f]{32}\.png", name)
    assert (folder / name).read_bytes() == PNG


def test_kinds_that_have_two_extensions(app: App) -> None:
    """A JPEG may be named in either way."""
    assert "saved" in send(app, "a.jpg", JPEG)
    assert "saved" in send(app, "a.jpeg", JPEG)
    assert "saved" in send(app, "a.gif", GIF)


@pytest.mark.parametrize(
    "name",
    ["../../evil.png", "/etc/cron.d/evil.png", "..\\..\\evil.png", "a\0b.png", "CON.png", "x/.png"],
)
def test_a_name_with_a_path_leads_nowhere(app: App, folder: Path, name: str) -> None:
    """Whatever the name, the file is in its folder and nowhere else."""
    send(app, name, PNG)
    assert [path.name for path in folder.parent.iterdir()] == ["uploads"]
    assert all(re.fullmatch(r"[0-9a-f]{32}(\.png)?", path.name) for path in folder.iterdir())


@pytest.mark.parametrize(
    ("name", "content"),
    {
        "a page": ("a.png", b"<!doctype html><script>alert(1)</script>"),
        "a program": ("a.png", b"\x7fELF\2\1\1\0"),
        "another kind of picture": ("a.png", GIF),
        "nothing": ("a.png", b""),
        "a script in a GIF": ("a.gif", GIF + b"/*<SCRIPT>alert(1)</SCRIPT>"),
        "PHP in a JPEG": ("a.jpg", JPEG + b"<?php system($_GET['c']); ?>"),
        "an archive behind a GIF": ("a.gif", GIF + b"PK\3\4" + b"\0" * 40 + b"PK\5\6"),
        "a PDF in a PNG": ("a.png", PNG + b"%PDF-1.7"),
        "a mark across two pieces": ("a.png", PNG.ljust(65_533, b"\0") + b"<?php"),
    }.values(),
)
def test_bytes_of_another_kind_are_refused(
    app: App, folder: Path, name: str, content: bytes
) -> None:
    """The bytes must be what the name says, and an image nothing besides (a polyglot)."""
    assert "not of an approved type: gif, jpg, png" in send(app, name, content)["errors"][0]
    assert list(folder.iterdir()) == []


def test_two_extensions(app: App) -> None:
    """The last one counts, for every check."""
    assert "approved extension" in send(app, "a.png.php", PNG)["errors"][0]
    assert send(app, "a.php.png", PNG)["saved"].endswith(".png")


def test_a_kind_that_is_not_known_is_told() -> None:
    """A misspelt kind is an error of the program, at its start."""
    with pytest.raises(ValueError, match=r"Unknown kinds of files: svg; known are .*png"):
        FileContent(["png", "svg"])


def test_each_of_several_files_is_checked() -> None:
    """One that lies is enough."""

    class Album(FlaskForm):
        class Meta:
            csrf = False

        pictures = MultipleFileField(validators=[FileContent(["png"])])

    app = App(__name__)

    @app.post("/")
    def upload() -> dict[str, Any]:
        form = Album()
        return {"valid": form.validate(), "read": [len(f.read()) for f in form.pictures.data]}

    def post(*contents: bytes) -> Any:
        data = {"pictures": [(BytesIO(one), f"{n}.png") for n, one in enumerate(contents)]}
        return app.test_client().post("/", data=data).json

    assert post(PNG, PNG) == {"valid": True, "read": [len(PNG)] * 2}
    assert post(PNG, b"no")["valid"] is False
