"""A folder instead of a mail server: each message is a file that mail programs open."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Sequence
from pathlib import Path

__all__ = ["Outbox"]


class Outbox:
    """Writes messages into *folder*, which is made if it is not there.

    The files sort by their time. Two fields that no mail server adds stand at the head: who the
    message is from and for, Bcc included (``X-Envelope-From``, ``X-Envelope-To``).
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)

    def write(self, sender: str, recipients: Sequence[str], message: bytes) -> Path:
        """Write one message and return its file; who lists the folder sees it whole or not."""
        self.folder.mkdir(parents=True, exist_ok=True)
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
        name = f"{stamp}.{time.time_ns() % 10**9:09d}-{os.getpid()}-{secrets.token_hex(4)}"
        envelope = f"X-Envelope-From: {sender}\r\nX-Envelope-To: {', '.join(recipients)}\r\n"
        hidden = self.folder / f".{name}.part"
        file = self.folder / f"{name}.eml"
        try:
            hidden.write_bytes(envelope.encode() + message)
            hidden.rename(file)
        except BaseException:
            hidden.unlink(missing_ok=True)
            raise
        return file
