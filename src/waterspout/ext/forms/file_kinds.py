"""What a file is by its bytes: the signatures that common kinds begin with, and other files that
may hide in one.

SECURITY: a file can be two things at once (a polyglot): a GIF that is a script, a JPEG with an
archive behind it (CWE-434). Pictures have no use for the beginnings of markup, scripts, PDF or ZIP;
one that has them is refused. That is no proof: serve what users have sent with
``X-Content-Type-Options: nosniff``, or from another host.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["extension_of", "kind_of", "known_kinds", "smuggles"]

#: Kinds, and what stands at which offset of one. All of a row must.
_SIGNATURES: tuple[tuple[str, tuple[tuple[int, bytes], ...]], ...] = (
    ("png", ((0, b"\x89PNG\r\n\x1a\n"),)),
    ("jpg", ((0, b"\xff\xd8\xff"),)),
    ("gif", ((0, b"GIF87a"),)),
    ("gif", ((0, b"GIF89a"),)),
    ("webp", ((0, b"RIFF"), (8, b"WEBP"))),
    ("avif", ((4, b"ftypavif"),)),
    ("bmp", ((0, b"BM"), (6, b"\0\0\0\0"))),
    ("tiff", ((0, b"II*\0"),)),
    ("tiff", ((0, b"MM\0*"),)),
    ("ico", ((0, b"\0\0\1\0"),)),
    ("pdf", ((0, b"%PDF-"),)),
    ("zip", ((0, b"PK\3\4"),)),
    ("zip", ((0, b"PK\5\6"),)),
    ("gz", ((0, b"\x1f\x8b\x08"),)),
    ("mp3", ((0, b"ID3"),)),
    ("wav", ((0, b"RIFF"), (8, b"WAVE"))),
    ("ogg", ((0, b"OggS"),)),
    ("flac", ((0, b"fLaC"),)),
    ("webm", ((0, b"\x1aE\xdf\xa3"),)),
    ("mp4", ((4, b"ftypisom"),)),
    ("mp4", ((4, b"ftypmp42"),)),
    ("mp4", ((4, b"ftypavc1"),)),
)
_SAME = {"jpeg": "jpg", "jpe": "jpg", "tif": "tiff", "gzip": "gz"}
_IMAGES = frozenset({"png", "jpg", "gif", "webp", "avif", "bmp", "tiff", "ico"})

#: What other files begin with, in lower case.
_FOREIGN = (
    *(b"<script", b"<html", b"<svg", b"<!doctype", b"<iframe", b"<?php", b"<?="),
    *(b"%pdf-", b"pk\3\4", b"pk\5\6"),
)
#: Shorter ones are no more likely to be meant than to be chance in compressed data.
_LONGEST = max(map(len, _FOREIGN))


def known_kinds() -> frozenset[str]:
    """Return the kinds that have a signature here."""
    return frozenset(kind for kind, _ in _SIGNATURES)


def extension_of(name: str) -> str:
    """Return the usual extension for an extension or kind, in lower case without dot."""
    name = name.removeprefix(".").lower()
    return _SAME.get(name, name)


def kind_of(head: bytes) -> str | None:
    """Return the kind of a file that begins with *head* (64 bytes are enough), None: unknown."""
    for kind, parts in _SIGNATURES:
        if all(head.startswith(signature, offset) for offset, signature in parts):
            return kind
    return None


def smuggles(kind: str, pieces: Iterable[bytes]) -> bool:
    """Tell whether an image, in *pieces*, holds the beginning of another kind of file."""
    if kind not in _IMAGES:
        return False
    kept = b""
    for piece in pieces:
        text = kept + piece.lower()
        if any(mark in text for mark in _FOREIGN):
            return True
        kept = text[-(_LONGEST - 1) :]
    return False
