"""Captchas: a picture, an id, and an answer that is good once."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any
from uuid import UUID, uuid4

import pytest
from browsing import visiting
from cachelib import SimpleCache
from PIL import Image
from services import service_url
from wtforms import StringField

from waterspout import App, RequestHandler, render_template_string, request, run_in_thread
from waterspout.ext.cache import Cache
from waterspout.ext.captcha import CHARACTERS, Captcha, MemoryStore
from waterspout.ext.captcha.field import CaptchaField
from waterspout.ext.forms import FlaskForm


@pytest.fixture
def app() -> App:
    app = App(__name__)
    app.secret_key = "a secret of these tests"
    app.testing = True
    return app


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class AsyncStore(MemoryStore):
    """A store with methods to be awaited, as caches have them; the others are not to be used."""

    def __init__(self) -> None:
        super().__init__()
        self.awaited: list[str] = []

    async def get_async(self, key: str) -> str | None:
        self.awaited.append("get")
        await asyncio.sleep(0)
        return super().get(key)

    async def set_async(self, key: str, value: str, timeout: float | None = None) -> bool:
        self.awaited.append("set")
        return super().set(key, value, timeout)

    async def delete_async(self, key: str) -> bool:
        self.awaited.append("delete")
        await asyncio.sleep(0)
        return super().delete(key)


STORES: dict[str, Callable[[App], Any]] = {
    "memory": lambda app: MemoryStore(),
    "cachelib": lambda app: SimpleCache(),
    "async": lambda app: AsyncStore(),
    "cache": lambda app: Cache(app, config={"CACHE_TYPE": "SimpleCache"}),
}


@pytest.fixture(params=STORES)
def captcha(app: App, request: pytest.FixtureRequest) -> Captcha:
    return Captcha(app, store=STORES[request.param](app))


def test_a_new_captcha_is_a_picture(app: App, captcha: Captcha) -> None:
    """It is a PNG of the size asked for, its id a UUID, and no two are alike."""
    one, other = captcha.new(), asyncio.run(captcha.new_async())
    for picture in (one, other):
        assert isinstance(picture.id, UUID)
        with Image.open(BytesIO(picture.image)) as image:
            assert (image.format, image.size) == ("PNG", (160, 60))
    with app.app_context():
        texts = [captcha.peek(picture.id) for picture in (one, other)]
    assert texts[0] != texts[1]
    for text in texts:
        assert text is not None
        assert len(text) == 5
        assert set(text) <= set(CHARACTERS)


@pytest.mark.parametrize("kind", ["def", "async"])
def test_an_answer_is_good_once(app: App, captcha: Captcha, kind: str) -> None:
    """Right or wrong, the second time it is refused; case and blanks do not matter."""

    def check(id_: Any, answer: str) -> bool:
        if kind == "def":
            return captcha.check(id_, answer)
        return asyncio.run(captcha.check_async(id_, answer))

    with app.app_context():
        right, wrong = captcha.new(), captcha.new()
        text = str(captcha.peek(right.id))
        assert check(str(right.id), f" {text.lower()} ") is True
        assert check(right.id, text) is False
        text = str(captcha.peek(wrong.id))
        assert check(wrong.id, "nothing") is False
        assert check(wrong.id, text) is False
    if isinstance(captcha.store, AsyncStore) and kind == "async":
        assert captcha.store.awaited.count("get") == 4


def test_twelve_who_ask_at_once(app: App, captcha: Captcha) -> None:
    """One of them is let in."""
    with app.app_context():
        id_ = captcha.new().id
        text = str(captcha.peek(id_))
    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(lambda _: captcha.check(id_, text), range(12)))
    assert answers.count(True) == 1

    async def twelve(id_: UUID, text: str) -> list[bool]:
        return await asyncio.gather(*(captcha.check_async(id_, text) for _ in range(12)))

    with app.app_context():
        id_ = captcha.new().id
        text = str(captcha.peek(id_))
    assert asyncio.run(twelve(id_, text)).count(True) == 1


def test_an_answer_expires(app: App) -> None:
    """After *ttl* seconds the captcha never was."""
    clock = Clock()
    captcha = Captcha(app, ttl=60, store=MemoryStore(clock=clock))
    with app.app_context():
        young, old = captcha.new().id, captcha.new().id
        texts = [str(captcha.peek(id_)) for id_ in (young, old)]
    clock.now += 59
    assert captcha.check(young, texts[0]) is True
    clock.now += 1
    assert captcha.check(old, texts[1]) is False


def test_memory_is_bounded() -> None:
    """Whoever asks for pictures without end fills nothing: the oldest are forgotten."""
    store = MemoryStore(limit=3)
    for number in range(5):
        store.set(f"{number}", "x", 60)
    assert [store.get(f"{number}") for number in range(5)] == [None, None, "x", "x", "x"]


@pytest.mark.parametrize("id_", ["", "x", None, 5, "captcha:" + "0" * 32, str(UUID(int=7))])
def test_an_id_that_is_none(captcha: Captcha, id_: Any) -> None:
    """Whatever a client sends for one is just wrong."""
    assert captcha.check(id_, "") is False
    assert asyncio.run(captcha.check_async(id_, "")) is False


def test_the_answer_is_for_tests_only(app: App) -> None:
    """A site that serves does not tell."""
    captcha = Captcha(app)
    app.testing = False
    with app.app_context(), pytest.raises(RuntimeError, match="TESTING"):
        captcha.peek(captcha.new().id)


def test_the_view_of_the_picture(app: App) -> None:
    """A page makes an id and shows its picture; asked again, it is another one, with the answer to
    the last."""
    captcha = Captcha(app)
    with visiting(app) as client:
        id_ = uuid4()
        first, again = client.get(f"/captcha/{id_}"), client.get(f"/captcha/{id_}")
        assert first.headers["content-type"] == "image/png"
        assert first.headers["cache-control"] == "no-store"
        assert first.content != again.content
        assert "set-cookie" not in first.headers
        assert client.get("/captcha/1").status_code == 404
        assert client.post(f"/captcha/{id_}").status_code == 405
    with app.app_context():
        assert captcha.check(id_, str(captcha.peek(id_))) is True


class Registration(FlaskForm):
    name = StringField()
    letters = CaptchaField("What do you see?")


PAGE = "{{ form.hidden_tag() }}{{ form.letters() }}{{ form.errors.letters }}"


def form_site(app: App) -> None:
    @app.route("/view", methods=["GET", "POST"])
    def view() -> str:
        form = Registration()
        if form.validate_on_submit():
            return f"welcome {form.name.data}"
        return str(render_template_string(PAGE, form=form))

    @app.route("/async-view", methods=["GET", "POST"])
    async def async_view() -> str:
        form = Registration()
        if await form.validate_on_submit_async():
            return f"welcome {form.name.data}"
        return str(render_template_string(PAGE, form=form))

    class Handler(RequestHandler):
        async def get(self) -> None:
            form = Registration(handler=self)
            if await form.validate_on_submit_async():
                self.write(f"welcome {form.name.data}")
            else:
                self.write(render_template_string(PAGE, form=form))

        post = get

    app.add_handlers([("/handler", Handler)])


@pytest.mark.parametrize("path", ["/view", "/async-view", "/handler"])
def test_a_field_of_a_form(app: App, captcha: Captcha, path: str) -> None:
    """The picture, its id and the letters; a wrong answer gives a new picture, a used one is
    refused."""
    app.config["WTF_CSRF_ENABLED"] = False
    form_site(app)
    client = app.test_client()

    def shown(page: str) -> str:
        found = re.search(r'<img alt="Letters and digits" src="/captcha/([0-9a-f-]{36})">', page)
        assert found, page
        assert f'name="letters-id" type="hidden" value="{found[1]}"' in page
        assert client.get(f"/captcha/{found[1]}").mimetype == "image/png"
        return found[1]

    def send(id_: str, letters: str) -> str:
        data = {"name": "Ada", "letters-id": id_, "letters": letters}
        return client.post(path, data=data).text

    id_ = shown(client.get(path).text)
    page = send(id_, "wrong")
    assert "not the letters" in page
    assert 'value="wrong"' not in page
    other = shown(page)
    assert other != id_
    with app.app_context():
        text = str(captcha.peek(other))
    assert send(other, text) == "welcome Ada"
    assert "not the letters" in send(other, text)
    assert "not the letters" in client.post(path, data={"name": "Ada"}).text


def test_a_program_that_checks_itself(app: App) -> None:
    """A REST endpoint: the client makes an id, shows the picture and sends both."""
    captcha = Captcha(app, url="/api/codes")

    @app.post("/api/users")
    async def register() -> Any:
        sent = request.get_json()
        if not await captcha.check_async(sent["code_id"], sent["code"]):
            return {"error": "The code is wrong."}, 400
        return {"id": 1}, 201

    client = app.test_client()
    id_ = str(uuid4())
    assert client.get(f"/api/codes/{id_}").status_code == 200
    with app.app_context():
        code = captcha.peek(id_)
    statuses = [
        client.post("/api/users", json={"code_id": id_, "code": code}).status_code for _ in range(2)
    ]
    assert statuses == [201, 400]


def test_no_characters_is_a_mistake() -> None:
    """A captcha of nothing would let everybody in."""
    with pytest.raises(ValueError, match="at least one character"):
        Captcha(length=0)


@pytest.mark.parametrize("path", ["/check", "/check-async"])
def test_twelve_who_ask_the_site_at_once_over_redis(app: App, path: str) -> None:
    """With the cache on Redis, which several workers share, one of twelve is let in, too."""
    url, prefix = service_url("redis"), f"ws_auth_captcha:{uuid4()}:"
    settings = {"CACHE_TYPE": "RedisCache", "CACHE_REDIS_URL": url, "CACHE_KEY_PREFIX": prefix}
    captcha = Captcha(app, store=Cache(app, config=settings))

    @app.post("/check")
    def check() -> str:
        return str(captcha.check(request.form["id"], request.form["answer"]))

    @app.post("/check-async")
    async def check_async() -> str:
        return str(await captcha.check_async(request.form["id"], request.form["answer"]))

    @app.get("/new")
    async def new() -> dict[str, Any]:
        id_ = (await captcha.new_async()).id
        return {"id": str(id_), "answer": await run_in_thread(captcha.peek, id_)}

    with visiting(app) as client, ThreadPoolExecutor(12) as threads:
        data = client.get("/new").json()
        answers = list(threads.map(lambda _: client.post(path, data=data).text, range(12)))
        wrong = {**client.get("/new").json(), "answer": "x"}
        assert client.post(path, data=wrong).text == "False"
    assert sorted(answers) == ["False"] * 11 + ["True"]
