"""The first start, the next ones, and starts that cannot be."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from blog_people import blog_on
from services import service_url
from sqlalchemy import func, select

from databases import KINDS, database
from waterspout.demo import make_app, prepare
from waterspout.demo.extensions import db
from waterspout.demo.models import Comment, Post, User


@pytest.mark.parametrize("kind", KINDS)
def test_starts(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first one makes everything, the next keeps it, a fresh one begins again."""
    with database(kind, tmp_path) as url:
        given = {"FOLDER": str(tmp_path / "blog"), "SQLALCHEMY_DATABASE_URI": url, "TESTING": True}
        app = make_app(given)
        prepare(app)
        first = capsys.readouterr().out
        assert re.findall(r"Migration (\d+)", first) == ["0001", "0002"]
        assert "Sample posts: 14 of 14" in first
        assert re.search(r"name admin, password \S{12}\n", first)
        with app.app_context():
            db.session.delete(db.session.get_one(Post, 1))
            db.session.commit()
        prepare(app)
        assert capsys.readouterr().out == ""
        with app.app_context():
            assert db.session.scalar(select(func.count()).select_from(Post)) == 13
            assert db.session.get(Comment, 1) is None  # it went with its post
        prepare(app, fresh=True)
        assert "password" in capsys.readouterr().out
        with app.app_context():
            assert db.session.scalar(select(func.count()).select_from(Post)) == 14
            assert db.session.scalar(select(func.count()).select_from(User)) == 9
            db.session.remove()
            db.engine.dispose()


@pytest.mark.parametrize("kind", ["sqlite", "redis"])
def test_a_fresh_start_knows_no_old_cookies(kind: str, tmp_path: Path) -> None:
    """The old admin is not the new one, neither by session nor by a cookie that remembers."""
    settings = {"SESSION_KEY_PREFIX": f"{uuid4()}:"}
    if kind == "redis":
        settings["SESSION_URL"] = service_url("redis")
    url = f"sqlite:///{tmp_path}/blog.db"
    with blog_on(url, tmp_path, **settings) as old, old.visitor() as admin:
        assert admin.log_in("admin", old.admin_password, remember="y").url.path == "/"
        assert admin.get("/admin/users").status_code == 200
        kept, key = dict(admin.cookies), old.app.secret_key
    with blog_on(url, tmp_path, fresh=True, **settings) as new:
        for names in (["remember_token"], ["blog"], ["blog", "remember_token"]):
            with new.visitor() as visitor:
                visitor.cookies.update({name: kept[name] for name in names})
                assert visitor.get("/admin/users").url.path == "/login"
        assert new.app.secret_key != key
        again = make_app({"FOLDER": new.app.instance_path, "TESTING": True})
        assert again.secret_key == new.app.secret_key  # what another worker signs with
        with new.visitor() as admin:
            assert admin.log_in("admin", new.admin_password).url.path == "/"


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--database", "nonsense", "it is no database URL"),
        ("--database", "postgresql://nobody@127.0.0.1:1/none", "onnection refused"),
        ("--redis", "nonsense", "SESSION_URL is a URL such as 'redis://localhost/0'"),
    ],
)
def test_a_start_that_cannot_be(tmp_path: Path, option: str, value: str, said: str) -> None:
    """One message, no traceback."""
    command = [sys.executable, "-m", "waterspout", "demo", "--port", "0", option, value]
    ended = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=50, check=False
    )
    assert ended.returncode == 1
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
