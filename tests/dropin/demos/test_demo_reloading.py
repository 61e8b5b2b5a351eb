"""Tornado's demo "chat" while somebody works on it: debug mode, which is its default."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import httpx
from demos_process import ON_TORNADO


def test_chat_follows_its_files(serve: Any, browse: Any, demos: Path, tmp_path: Path) -> None:
    """A template is read again at the next request; for the program's own file the process starts
    anew, under the drop-in as before. (It is a copy of the demo that is edited.)"""
    program = shutil.copytree(demos / "chat", tmp_path / "chat") / "chatdemo.py"
    demo, port = serve(str(program))
    ann = browse(port)
    assert "<title>Tornado Chat Demo</title>" in ann.visit("/").text
    template = program.parent / "templates" / "index.html"
    template.write_text(template.read_text().replace("Tornado Chat Demo", "Our own chat", 1))
    assert "<title>Our own chat</title>" in ann.visit("/").text

    render = 'self.render("index.html"'
    edited = program.read_text().replace(
        render, f'self.set_header("X-From", tornado.web.__spec__.name); {render}', 1
    )
    headers = httpx.Headers()

    def reloaded() -> bool:
        nonlocal headers
        if "restarting server" not in demo.said:
            program.write_text(edited)  # again: Tornado's first look only notes the file's time
        try:
            headers = httpx.get(ann.url, trust_env=False).headers
        except httpx.TransportError:
            return False
        return "X-From" in headers

    demo.wait_for(reloaded, "reload")
    assert headers["X-From"] == ("tornado.web" if ON_TORNADO else "waterspout.tornado.web")
    assert "chatdemo.py modified; restarting server" in demo.said
