"""Pictures that users send: known by their bytes, limited, decoded and written anew.

What is kept is a JPEG of ours; nothing of the sent file is: no place, no camera, no second file
hidden in it. A task makes the small picture for lists afterwards (`jobs`).
"""

from __future__ import annotations

import re
import secrets
from pathlib import Path
from typing import IO

from PIL import Image, ImageOps
from wtforms import Field, ValidationError  # type: ignore[import-untyped]  # WTForms has no types

from waterspout import Blueprint, Response, abort, current_app, send_from_directory

from .translations import translate

__all__ = ["KINDS", "MAX_BYTES", "check_upload", "keep", "pages", "remove", "shrink", "write"]

KINDS = ["jpg", "jpeg", "png", "webp"]
FORMATS = ["JPEG", "PNG", "WEBP"]
MAX_BYTES = 5 * 1024 * 1024
MAX_PIXELS = 40_000_000
LARGE = (1600, 1600)  # pixels: what a picture is fitted into
SMALL = (480, 480)
#: What `write` calls a picture.
NAME = re.compile(r"[0-9a-f]{24}\.jpg")
A_YEAR = 365 * 24 * 3600  # seconds

pages = Blueprint("pictures", __name__)


def folder() -> Path:
    """Return the folder of the pictures; the small ones are in ``small`` below it."""
    found = Path(current_app.instance_path, "pictures")
    (found / "small").mkdir(parents=True, exist_ok=True)
    return found


def check_upload(form: object, field: Field) -> None:
    """Refuse what cannot be decoded, or has more than MAX_PIXELS, by a `ValidationError`."""
    if not field.data:
        return
    try:
        _decode(field.data.stream)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise ValidationError(translate("This is not a picture, or too large a one.")) from None


def keep(sent: IO[bytes]) -> str:
    """Write a picture that was checked anew, and return its name."""
    return write(_decode(sent))


def _decode(sent: IO[bytes]) -> Image.Image:
    """Return the picture, upright, without transparency, and no larger than LARGE."""
    sent.seek(0)
    with Image.open(sent, formats=FORMATS) as image:
        # SECURITY: known before anything is unpacked; a small file can be an immense picture.
        if image.width * image.height > MAX_PIXELS:
            raise ValueError(f"more than {MAX_PIXELS} pixels")
        image.draft("RGB", LARGE)
        upright = ImageOps.exif_transpose(image).convert("RGBA")
    upright.thumbnail(LARGE)
    picture = Image.new("RGB", upright.size, "white")
    picture.paste(upright, mask=upright)
    return picture


def write(picture: Image.Image) -> str:
    """Write *picture* under a name of its own, and return that."""
    name = f"{secrets.token_hex(12)}.jpg"
    picture.save(folder() / name, "JPEG", quality=82, optimize=True)
    return name


def shrink(name: str) -> None:
    """Make the small picture."""
    with Image.open(folder() / name) as image:
        image.thumbnail(SMALL)
        image.save(folder() / "small" / name, "JPEG", quality=80, optimize=True)


def remove(name: str) -> None:
    """Remove a picture, large and small."""
    if name:
        (folder() / name).unlink(missing_ok=True)
        (folder() / "small" / name).unlink(missing_ok=True)


@pages.get("/pictures/<name>")
def large(name: str) -> Response:
    """Send a picture. A name is never used twice, so browsers may keep it."""
    if not NAME.fullmatch(name):
        abort(404)
    return send_from_directory(folder(), name, max_age=A_YEAR)


@pages.get("/pictures/small/<name>")
def small(name: str) -> Response:
    """Send the small picture; until there is one, the large one, which is not to be kept."""
    if not NAME.fullmatch(name):
        abort(404)
    if (folder() / "small" / name).exists():
        return send_from_directory(folder() / "small", name, max_age=A_YEAR)
    return send_from_directory(folder(), name, max_age=0)
