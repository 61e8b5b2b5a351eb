"""Models whose base class is the program's own, so that type checkers know it (`ModelMixin`)."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from waterspout import App
from waterspout.ext.db import ModelMixin, SQLAlchemy


def test_models_of_a_typed_base_are_models(tmp_path: Path) -> None:
    """Names of tables, databases by bind key, `query`, `awaitable_attrs` and the shown text; in two
    programs side by side."""
    for name in ("first", "second"):

        class Base(ModelMixin, DeclarativeBase):
            pass

        app = App(name, instance_path=str(tmp_path))
        app.config.update(
            SQLALCHEMY_DATABASE_URI=f"sqlite:///{name}.db", SQLALCHEMY_BINDS={"other": "sqlite://"}
        )
        db = SQLAlchemy(app, model_class=Base)

        class BlogPost(Base):
            id: Mapped[int] = mapped_column(primary_key=True)
            text: Mapped[str]

        class Visit(Base):
            __bind_key__ = "other"
            id: Mapped[int] = mapped_column(primary_key=True)

        class Named(Base):
            __tablename__ = "of_our_own"
            id: Mapped[int] = mapped_column(primary_key=True)

        assert db.Model is Base
        assert BlogPost.__tablename__ == "blog_post"
        assert Named.__tablename__ == "of_our_own"
        with app.app_context():
            db.create_all()
            db.session.add_all([BlogPost(text=name), Visit()])
            db.session.commit()
            post = db.get_or_404(BlogPost, 1)
            assert (post.text, repr(post)) == (name, "<BlogPost 1>")
            assert BlogPost.query.one() is post
            assert db.session.scalars(select(Visit)).one().id == 1
            assert db.session.get_bind(Visit) is db.engines["other"]

        @app.get("/")
        async def read() -> str:
            found = await db.async_get_or_404(BlogPost, 1)  # noqa: B023  # asked at once
            return str(await found.awaitable_attrs.text)

        assert app.test_client().get("/").text == name
