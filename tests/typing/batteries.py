"""What type checkers must see in a program that uses the batteries: checked by tests/test_types.py,
not run."""

from __future__ import annotations

from datetime import timedelta
from typing import assert_type

from sqlalchemy import select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from waterspout import App, RequestHandler, Response, jsonify, redirect
from waterspout.ext.auth import (
    LoginManager,
    UserMixin,
    current_user,
    fresh_login_required,
    login_required,
    login_user,
    roles_required,
)
from waterspout.ext.cache import Cache
from waterspout.ext.db import ModelMixin, SQLAlchemy
from waterspout.ext.limits import Limiter
from waterspout.ext.limits.util import get_remote_address
from waterspout.ext.mail import Mail, Message
from waterspout.ext.sessions import Session
from waterspout.ext.tasks import Tasks

app = App(__name__)


class Base(ModelMixin, DeclarativeBase):
    pass


db = SQLAlchemy(app, model_class=Base)
cache = Cache(app)
limiter = Limiter(get_remote_address, app=app, default_limits=["100/minute"])
manager = LoginManager(app)
tasks = Tasks(app)
mail = Mail(app)
Session(app)


class User(UserMixin, Base):
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)


@manager.user_loader
def load_user(user_id: str) -> User | None:
    return db.session.get(User, int(user_id))


@manager.user_loader
async def load_user_async(user_id: str) -> User | None:
    return await db.async_session.get(User, int(user_id))


assert_type(load_user("1"), User | None)


@tasks.task(retries=3)
def welcome(user_id: int, *, greeting: str = "Hello") -> str:
    return f"{greeting} {user_id}"


@tasks.task
async def count_words(text: str) -> int:
    return len(text.split())


@tasks.every(timedelta(hours=1))
def clean_up() -> None: ...


@tasks.cron("0 3 * * *", timeout=60)
async def report() -> int:
    return 1


assert_type(welcome(7), str)


@app.get("/users/<int:number>")
@limiter.limit("5/minute")
@login_required
@cache.cached(timeout=60, per=lambda: current_user.get_id())
def user(number: int) -> dict[str, str]:
    found = db.get_or_404(User, number)
    assert_type(found, User)
    assert_type(found.name, str)
    names = db.session.scalars(select(User.name)).all()
    welcome.enqueue(found.id, greeting="Hi")
    welcome.later(60).enqueue(found.id)
    welcome.enqueue("seven")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    clean_up.enqueue()
    return {"name": found.name, "of": str(len(names))}


assert_type(user(1), dict[str, str])


@app.post("/users")
@limiter.limit("1/second", methods=["POST"])
@roles_required("admin")
async def add_user() -> Response:
    made = User(name="Ada")
    db.async_session.add(made)
    await db.async_session.commit()
    found = await db.async_get_or_404(User, made.id)
    assert_type(found, User)
    job = await count_words.enqueue_async("two words")
    await report.enqueue_async()
    await mail.send_async(Message("Welcome", recipients=[found.name]))
    return jsonify(id=found.id, job=job.id)


@app.post("/login/<name>")
@limiter.shared_limit("5/minute", scope="login")
async def login(name: str) -> Response:
    found = (await db.async_session.scalars(select(User).filter_by(name=name))).one_or_none()
    assert_type(found, User | None)
    if found is not None and login_user(found, remember=True):
        return redirect("/")
    return redirect("/login")


@app.post("/password")
@fresh_login_required
def password() -> str:
    with limiter.limit("1/second"):
        return "changed"


@cache.memoize(timeout=60)
def convert(amount: float, currency: str = "EUR") -> float:
    return amount


assert_type(convert(1.0), float)
cache.delete_memoized(convert, 1.0)


class Orders(RequestHandler):
    @limiter.limit("10/minute")
    @login_required
    @cache.cached(timeout=5, per=lambda handler: handler.current_user)
    async def get(self, number: str) -> None:
        self.write({"number": number, "user": self.current_user.name})


app.add_handlers([(r"/orders/(\d+)", Orders)])


def test_names() -> None:
    with db.rolled_back(app), app.app_context():
        db.session.add(User(name="Ada"))
        db.session.commit()
        assert repr(User.query.first())
