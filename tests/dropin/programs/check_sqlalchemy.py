"""Flask-SQLAlchemy: a session per context, and its helpers."""

import gc

import pytest
from sqlalchemy_program import Author, create_app, db


@pytest.fixture
def app(tmp_path):
    app = create_app(f"sqlite:///{tmp_path}/blog.sqlite3")
    yield app
    with app.app_context():
        db.engine.dispose()
    gc.collect()


def test_write_read_and_page(app):
    client = app.test_client()
    for title in ("one", "two", "three"):
        assert client.post("/blog/ada", json={"title": title}).status_code == 201
    assert client.get("/blog/post/2").json == {"title": "two", "author": "ada"}
    assert client.get("/blog/").json == {"titles": ["one", "two"], "pages": 2, "total": 3}
    assert client.get("/blog/?page=2").json["titles"] == ["three"]
    missing = client.get("/blog/post/99")
    assert missing.status_code == 404
    assert "no such post" in missing.text


def test_what_a_failed_request_wrote_is_rolled_back(app):
    assert app.test_client().post("/blog/fail").status_code == 500
    with app.app_context():
        assert db.session.scalars(db.select(Author)).all() == []


def test_each_context_has_its_session(app):
    with app.app_context():
        outer = db.session()
        with app.app_context():
            assert db.session() is not outer
        assert db.session() is outer


def test_shell_knows_the_models(app):
    with app.app_context():
        names = app.make_shell_context()
    assert names["db"] is db
    assert names["Author"] is Author
