"""A Flask program with Flask-SQLAlchemy: authors and their posts in SQLite."""

from flask import Blueprint, Flask, jsonify, request
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    pass


db = SQLAlchemy(model_class=Base)
blog = Blueprint("blog", __name__, url_prefix="/blog")


class Author(db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    posts: Mapped[list["Post"]] = relationship(back_populates="author")


class Post(db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    author_id: Mapped[int] = mapped_column(db.ForeignKey("author.id"))
    author: Mapped[Author] = relationship(back_populates="posts")


@blog.post("/<name>")
def write(name):
    author = db.session.scalar(db.select(Author).filter_by(name=name)) or Author(name=name)
    post = Post(title=request.get_json()["title"], author=author)
    db.session.add(post)
    db.session.commit()
    return jsonify(id=post.id), 201


@blog.get("/post/<int:id>")
def read(id):
    post = db.get_or_404(Post, id, description="no such post")
    return jsonify(title=post.title, author=post.author.name)


@blog.get("/")
def titles():
    page = db.paginate(db.select(Post).order_by(Post.id), per_page=2)
    return jsonify(titles=[post.title for post in page], pages=page.pages, total=page.total)


@blog.post("/fail")
def fail():
    db.session.add(Author(name="nobody"))
    db.session.flush()
    raise RuntimeError("after the flush")


def create_app(url="sqlite://"):
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    db.init_app(app)
    app.register_blueprint(blog)
    with app.app_context():
        db.create_all()
    return app
