"""A WeChat account against a stand-in for WeChat's servers, and each cryptographic step against the
example in WeChat's documentation."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from services import service_url

from waterspout import App, RequestHandler, redirect, session
from waterspout.ext import wechat as wx
from waterspout.ext.cache import Cache
from waterspout.ext.forms import CSRFProtect
from waterspout.ext.wechat import Message, MessageCrypt, WeChat, xml
from waterspout.ext.wechat.calls import run, run_async
from waterspout.ext.wechat.signing import is_signed
from waterspout.ext.wechat.testing import FakeWeChat

# -- known answers -------------------------------------------------------------------------------

TOKEN, TIMESTAMP, NONCE = "spamtest", "1409735669", "1320562132"
AES_KEY, APP_ID = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", "wx2c2769f8efd9abc2"
ENCRYPTED = (
    "hyzAe4OzmOMbd6TvGdIOO6uBmdJoD0Fk53REIHvxYtJlE2B655HuD0m8KUePWB3+LrPXo87wzQ1QLvbeUgmBM4x6F8PGHQ"
    "HFVAFmOD2LdJF9FrXpbUAh0B5GIItb52sn896wVsMSHGuPE328HnRGBcrS7C41IzDWyWNlZkyyXwon8T332jisa+h6tEDY"
    "sVticbSnyU8dKOIbgU6ux5VTjg3yt+WGzjlpKn6NPhRjpA912xMezR4kw6KWwMrCVKSVCZciVGCgavjIQ6X8tCOp3yZbGp"
    "y0VxpAe+77TszTfRd5RJSVO/HTnifJpXgCSUdUue1v6h0EIBYYI1BD1DlD+C0CR8e6OewpusjZ4uBl9FyJvnhvQl+q5rv1"
    "ixrcpCumEPo5MJSgM9ehVsNPfUM669WuMyVWQLCzpu9GhglF2PE="
)


def test_the_signature_of_a_request() -> None:
    assert wx.signature(TOKEN, TIMESTAMP, NONCE) == "16120ec1b8dbb870f510d87ce6bc2463eae6ca1a"


def test_the_signature_of_an_encrypted_message() -> None:
    signed = "5d197aaffba7e9b25a30732f161a50dee96bd5fa"
    assert wx.signature(TOKEN, TIMESTAMP, NONCE, ENCRYPTED) == signed
    assert not is_signed(signed.upper(), TOKEN, TIMESTAMP, NONCE, ENCRYPTED)


def test_decryption() -> None:
    message = Message(xml.parse(MessageCrypt(AES_KEY, APP_ID).decrypt(ENCRYPTED)))
    assert (message.type, message.content, message.key) == (
        "text",
        "abcdteT",
        "6054768590064713728",
    )
    assert (message.from_user, message.created) == ("oyORnuP8q7ou2gfYjqLzSIWZf0rs", 1409735668)


def test_encryption_is_its_reverse() -> None:
    """Of every length, for padding; and never twice the same."""
    crypt = MessageCrypt(AES_KEY, APP_ID)
    for length in range(70):
        assert crypt.decrypt(crypt.encrypt("文" * length)) == "文" * length
    assert crypt.encrypt("x") != crypt.encrypt("x")


def test_the_signature_of_a_page() -> None:
    ticket = (
        "sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy_90u5h9nbSlYy3-Sl-HhTdfl2fzFy1AOcHKP7qg"
    )
    for url in ("http://mp.weixin.qq.com?params=value", "http://mp.weixin.qq.com?params=value#top"):
        signed = wx.js_signature(ticket, "Wm3WZYTPz0wzccnW", 1414587457, url)
        assert signed == "0f9de62fce790f9a083d5c99e95740ceb90c27ed"


@pytest.mark.parametrize("key", ["short", AES_KEY + "=", AES_KEY[:-1] + "!"])
def test_a_wrong_key_is_told(key: str) -> None:
    with pytest.raises(ValueError, match="WECHAT_AES_KEY"):
        MessageCrypt(key, APP_ID)


@pytest.mark.parametrize("sealed", ["", "not base64!", "AAAA", ENCRYPTED[4:], ENCRYPTED[:-24]])
def test_what_is_not_encrypted_for_us(sealed: str) -> None:
    with pytest.raises(wx.SignatureError):
        MessageCrypt(AES_KEY, APP_ID).decrypt(sealed)
    with pytest.raises(wx.SignatureError):
        MessageCrypt(AES_KEY, "wx-somebody-else").decrypt(ENCRYPTED)


# -- the endpoint ---------------------------------------------------------------------------------


@pytest.fixture(params=[False, True], ids=["plain", "encrypted"])
def fake(request: pytest.FixtureRequest) -> FakeWeChat:
    return FakeWeChat(encrypted=request.param)


def make_app(fake: FakeWeChat, cache: Any = None, **settings: Any) -> tuple[App, WeChat]:
    app = App("account")
    app.config.update(fake.settings() | {"SECRET_KEY": "a secret of the test"} | settings)
    return app, WeChat(app, cache)


def test_the_check_of_the_address(fake: FakeWeChat) -> None:
    app, _ = make_app(fake)
    answer = app.test_client().get("/wechat", query_string=fake.query(echostr="<5837>"))
    assert (answer.status_code, answer.text, answer.mimetype) == (200, "<5837>", "text/plain")


def wrong_queries() -> list[dict[str, str]]:
    query = FakeWeChat().query()
    old = str(int(time.time()) - 3600)
    replayed = {"timestamp": old, "nonce": "n", "signature": wx.signature(TOKEN, old, "n")}
    odd = {"timestamp": "now", "nonce": "n", "signature": wx.signature(TOKEN, "now", "n")}
    return [{}, {**query, "nonce": "1"}, {**query, "signature": ""}, replayed, odd]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("number", range(5))
def test_a_request_that_is_not_wechats(method: str, number: int) -> None:
    app, _ = make_app(FakeWeChat())
    query = wrong_queries()[number]
    answer = app.test_client().open("/wechat", method=method, query_string=query, data=b"<xml/>")
    assert answer.status_code == 403


def test_messages_go_to_their_functions(fake: FakeWeChat) -> None:
    """By type, by event, `def` and `async def`; what nobody wants is acknowledged."""
    app, account = make_app(fake)

    @account.message("text")
    def echo(message: Message) -> str:
        return message.content

    @account.message("image", "voice")
    async def media(message: Message) -> wx.Reply:
        await asyncio.sleep(0)
        return wx.Image(message["MediaId"])

    @account.message()
    def other(message: Message) -> str:
        return f"Hello, {message.type}"

    @account.event("subscribe")
    async def welcome(message: Message) -> str:
        return f"Welcome by {message.get('EventKey')}"

    client = app.test_client()

    def said(message: dict[str, Any]) -> Any:
        return fake.opened(fake.send(client, message))

    reply = said(fake.text("你好 ]]> <b>"))
    assert (reply["MsgType"], reply["Content"]) == ("text", "你好 ]]> <b>")
    assert (reply["ToUserName"], reply["FromUserName"]) == (fake.openid, "gh_10f6c3c3ac5a")
    assert said(fake.message("image", MediaId="m-1", MsgId=1))["Image"] == {"MediaId": "m-1"}
    assert said(fake.message("location", MsgId=2))["Content"] == "Hello, location"
    assert said(fake.event("SUBSCRIBE", EventKey="qr_7"))["Content"] == "Welcome by qr_7"
    assert said(fake.event("CLICK", EventKey="x")) == "success"


def test_every_kind_of_reply() -> None:
    message = Message(xml.parse(xml.write(FakeWeChat().text("x"))))
    article = wx.Article("title", "about", "https://a/p.png", "https://a/")
    replies = {
        "text": (wx.Text("x"), {"Content": "x"}),
        "image": (wx.Image("m"), {"Image": {"MediaId": "m"}}),
        "voice": (wx.Voice("m"), {"Voice": {"MediaId": "m"}}),
        "video": (
            wx.Video("m", "t", "d"),
            {"Video": {"MediaId": "m", "Title": "t", "Description": "d"}},
        ),
        "music": (
            wx.Music("m", "t", "d", "u", "h"),
            {
                "Music": {
                    "Title": "t",
                    "Description": "d",
                    "MusicUrl": "u",
                    "HQMusicUrl": "h",
                    "ThumbMediaId": "m",
                }
            },
        ),
    }
    for kind, (reply, content) in replies.items():
        fields = xml.parse(reply.to(message))
        assert {name: fields[name] for name in content} == content
        assert fields["MsgType"] == kind
    news = xml.parse(wx.News([article, article]).to(message))
    item = {"Title": "title", "Description": "about", "PicUrl": "https://a/p.png"}
    item["Url"] = "https://a/"
    assert (news["ArticleCount"], news["Articles"]) == ("2", {"item": [item, item]})


def test_a_repeated_message_is_handled_once(fake: FakeWeChat) -> None:
    """WeChat sends it again when the answer takes more than five seconds."""
    app, account = make_app(fake)
    handled: list[str] = []

    @account.message("text")
    def note(message: Message) -> str:
        handled.append(message.content)
        return "noted"

    message = fake.text("x")
    answers = [fake.opened(fake.send(app.test_client(), message)) for _ in range(3)]
    assert handled == ["x"]
    assert answers[1:] == ["success", "success"]


def test_beside_protected_forms() -> None:
    fake = FakeWeChat()
    app, account = make_app(fake)
    csrf = CSRFProtect(app)
    account.message("text")(lambda message: message.content)
    assert fake.send(app.test_client(), fake.text("x")).status_code == 400
    csrf.exempt(account.receive)
    assert fake.send(app.test_client(), fake.text("x")).status_code == 200


def test_a_plain_message_to_an_account_that_encrypts() -> None:
    """And one that is encrypted by somebody else, or changed."""
    fake = FakeWeChat(encrypted=True)
    app, _ = make_app(fake)
    client, message = app.test_client(), fake.text("x")
    assert FakeWeChat(encrypted=False).send(client, message).status_code == 403
    fake.crypt = MessageCrypt(AES_KEY[::-1], APP_ID)
    assert fake.send(client, message).status_code == 403
    sealed = xml.write({"Encrypt": MessageCrypt(AES_KEY, APP_ID).encrypt(xml.write(message))})
    query = fake.query(msg_signature="0" * 40)
    assert client.post("/wechat", query_string=query, data=sealed).status_code == 403


BOMB = (
    '<!DOCTYPE xml [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><xml><Content>&c;</Content></xml>'
)
FILE = '<!DOCTYPE xml [<!ENTITY f SYSTEM "file:///etc/passwd">]><xml><Content>&f;</Content></xml>'
REMOTE = '<!DOCTYPE xml SYSTEM "http://127.0.0.1:1/evil.dtd"><xml><Content>x</Content></xml>'


@pytest.mark.parametrize(
    "document",
    [
        BOMB,
        FILE,
        REMOTE,
        "<xml>" * 50 + "</xml>" * 50,
        "<xml>",
        "",
        "{}",
        "<xml>text</xml>",
        "<xml><MsgType>text</MsgType></xml>",
        "<xml>&undefined;</xml>",
        "\x00",
        "x" * 70000,
    ],
)
def test_documents_that_are_refused(document: str) -> None:
    """And nothing of them reaches a function."""
    fake = FakeWeChat()
    app, account = make_app(fake)

    @account.message()
    def never(message: Message) -> str:
        raise AssertionError(message.fields)

    answer = app.test_client().post("/wechat", query_string=fake.query(), data=document)
    assert answer.status_code == 400
    assert "/etc" not in answer.text


# -- the interface -------------------------------------------------------------------------------


@pytest.fixture
def live() -> Iterator[FakeWeChat]:
    with FakeWeChat() as running:
        yield running


def both_ways(app: App, blocking: Callable[[], Any], waiting: Callable[[], Any]) -> list[Any]:
    """Return what a `def` view, an `async def` view and a handler make of a call."""

    @app.get("/def")
    def from_view() -> Any:
        return {"it": blocking()}

    @app.get("/async")
    async def from_async_view() -> Any:
        return {"it": await waiting()}

    class Handler(RequestHandler):
        async def get(self) -> None:
            self.write({"it": await waiting()})

    app.add_handlers(r".*", [(r"/handler", Handler)])
    client = app.test_client()
    return [client.get(path) for path in ("/def", "/async", "/handler")]


def test_the_access_token_is_asked_for_once(live: FakeWeChat) -> None:
    app, account = make_app(live)
    answers = both_ways(app, account.access_token, account.access_token_async)
    assert len({answer.get_json()["it"] for answer in answers}) == 1
    assert live.calls["/cgi-bin/token"] == 1


@pytest.mark.parametrize("kind", ["memory", "redis"])
def test_of_many_at_once_one_asks(live: FakeWeChat, kind: str) -> None:
    """Eight threads, and two workers that share a cache."""
    prefix = f"ws_mail_{uuid4().hex}:"
    if kind == "redis":
        config = {"CACHE_URL": service_url("redis"), "CACHE_KEY_PREFIX": prefix}
        caches: list[Any] = [Cache(config=config) for _ in range(2)]
    else:
        caches = [wx.MemoryCache()] * 2
    apps = [make_app(live, cache) for cache in caches]
    for (app, _), cache in zip(apps, caches, strict=True):
        if kind == "redis":
            cache.init_app(app)
    start, tokens = threading.Barrier(8), []

    def ask(number: int) -> None:
        app, account = apps[number % 2]
        start.wait()
        with app.app_context():
            tokens.append(account.access_token())

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(tokens), len(set(tokens)), live.calls["/cgi-bin/token"]) == (8, 1, 1)
    if kind == "redis":
        with apps[0][0].app_context():
            caches[0].delete(f"wechat:{live.app_id}:token")


def test_a_refused_token_is_renewed_once(live: FakeWeChat) -> None:
    app, account = make_app(live)
    with app.app_context():
        params = {"openid": live.openid}
        assert account.call("GET", "/cgi-bin/user/info", params=params)["subscribe"] == 1
        live.expire_token()
        assert account.call("GET", "/cgi-bin/user/info", params=params)["subscribe"] == 1
        assert live.calls["/cgi-bin/token"] == 2
        live.errors["/cgi-bin/user/info"] = [40001, 40001]
        with pytest.raises(wx.TokenRefused, match="40001 as the test wants it"):
            account.call("GET", "/cgi-bin/user/info", params=params)


def test_who_waits_for_a_token_and_leaves_holds_up_nobody(live: FakeWeChat) -> None:
    """A request that is cancelled while it renews the token gives the turn back."""
    _, account = make_app(live)
    app, _ = make_app(live, account.cache)
    steps = app.extensions["wechat"].api.access_token

    async def cancelled() -> None:
        task = asyncio.ensure_future(run_async(steps()))
        while not live.calls["/cgi-bin/token"]:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert account.cache.get(f"wechat:{live.app_id}:token:refresh") is None
    assert run(steps())


def test_template_messages(live: FakeWeChat) -> None:
    app, account = make_app(live)
    data = {"name": "Ann", "sum": {"value": "7", "color": "#173177"}}
    asked = (live.openid, "template-1", data, "https://shop.example/orders/7")
    answers = both_ways(
        app, lambda: account.send_template(*asked), lambda: account.send_template_async(*asked)
    )
    assert [answer.get_json()["it"] for answer in answers] == [
        "200228333",
        "200228334",
        "200228335",
    ]
    assert live.sent[0] == live.sent[1]
    assert live.sent[0]["data"] == {"name": {"value": "Ann"}, "sum": data["sum"]}


def test_pages_are_signed(live: FakeWeChat) -> None:
    app, account = make_app(live)
    url = "https://shop.example/page?a=1"
    answers = both_ways(app, lambda: account.js_config(url), lambda: account.js_config_async(url))
    for answer in answers:
        config = answer.get_json()["it"]
        ticket = "sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy"
        signed = wx.js_signature(ticket, config["nonceStr"], config["timestamp"], url)
        assert (config["signature"], config["appId"]) == (signed, live.app_id)
    assert live.calls["/cgi-bin/ticket/getticket"] == 1


@pytest.mark.parametrize("errors", [[-1], ["502"], [-1, "500"]])
def test_a_busy_server_is_asked_again(live: FakeWeChat, errors: list[int | str]) -> None:
    app, account = make_app(live)
    live.errors["/cgi-bin/token"] = errors
    with app.app_context():
        assert account.access_token()


@pytest.mark.parametrize(
    ("errors", "status"), [([-1] * 3, 503), (["502"] * 3, 503), ([45009], 502), (["404"], 502)]
)
def test_errors_are_typed_and_have_a_status(
    live: FakeWeChat, errors: list[int | str], status: int
) -> None:
    """The same in a view and in a handler; the client learns no reason."""
    app, account = make_app(live)
    live.errors["/cgi-bin/token"] = errors * 3
    for answer in both_ways(app, account.access_token, account.access_token_async):
        assert answer.status_code == status
        assert live.secret not in answer.text
        assert "45009" not in answer.text


def test_a_post_whose_answer_is_lost_is_not_repeated(live: FakeWeChat) -> None:
    """A follower would get the message twice."""
    app, account = make_app(live)
    live.errors["/cgi-bin/message/template/send"] = ["500", "500"]
    with app.app_context(), pytest.raises(wx.WeChatUnavailable):
        account.send_template(live.openid, "t", {})
    assert live.calls["/cgi-bin/message/template/send"] == 1


@pytest.mark.parametrize("is_async", [False, True])
def test_no_server(is_async: bool, reserve: Callable[[], int]) -> None:
    fake = FakeWeChat()
    fake.url = f"http://127.0.0.1:{reserve()}"
    app, _ = make_app(fake, WECHAT_RETRIES=1)
    steps = app.extensions["wechat"].api.access_token()
    with pytest.raises(wx.WeChatUnavailable) as caught:
        asyncio.run(run_async(steps)) if is_async else run(steps)
    assert "/cgi-bin/token" in str(caught.value)
    assert fake.secret not in str(caught.value)


# -- login ---------------------------------------------------------------------------------------


def site(live: FakeWeChat) -> App:
    """A site whose users log in by WeChat, by views of both kinds and a handler."""
    app, account = make_app(live)

    @app.get("/login/<scope>/<way>")
    def login(scope: str, way: str) -> Any:
        return redirect(account.login_url(f"http://localhost/back/{way}", scope))

    def greet(user: wx.User | None) -> dict[str, Any]:
        if user is None:
            return {"user": None}
        session["user"] = user.openid
        return {"user": user.openid, "name": user.nickname, "picture": user.picture}

    app.add_url_rule("/back/def", "def", lambda: greet(account.finish_login()))

    @app.get("/back/async")
    async def back() -> Any:
        return greet(await account.finish_login_async())

    class Back(RequestHandler):
        async def get(self) -> None:
            self.write(greet(await account.finish_login_async()))

    app.add_handlers(r".*", [(r"/back/handler", Back)])
    return app


@pytest.mark.parametrize("way", ["def", "async", "handler"])
@pytest.mark.parametrize(("scope", "name"), [("snsapi_base", ""), ("snsapi_userinfo", "小明")])
def test_login(live: FakeWeChat, way: str, scope: str, name: str) -> None:
    client = site(live).test_client()
    to = client.get(f"/login/{scope}/{way}").headers["Location"]
    assert to.startswith(f"{live.url}/connect/oauth2/authorize?appid={live.app_id}&redirect_uri=")
    assert to.endswith("#wechat_redirect")
    back = live.allow_login(to)
    assert client.get(back).get_json()["user"] == live.openid
    to = client.get(f"/login/{scope}/{way}").headers["Location"]
    assert client.get(live.allow_login(to)).get_json()["name"] == name


def test_a_login_that_was_not_begun_here(live: FakeWeChat) -> None:
    """Somebody else's address, none at all, or the same one twice; WeChat is not asked."""
    app = site(live)
    attacker, victim = app.test_client(), app.test_client()
    back = live.allow_login(attacker.get("/login/snsapi_base/def").headers["Location"])
    assert victim.get(back).status_code == 403
    assert victim.get("/back/def").status_code == 403
    assert live.calls["/sns/oauth2/access_token"] == 0
    assert attacker.get(back).status_code == 200
    assert attacker.get(back).status_code == 403


def test_a_user_who_refuses_and_a_wrong_code(live: FakeWeChat) -> None:
    client = site(live).test_client()
    to = client.get("/login/snsapi_userinfo/def").headers["Location"]
    state = to.rpartition("state=")[2].removesuffix("#wechat_redirect")
    assert client.get("/back/def", query_string={"state": state}).get_json() == {"user": None}
    to = client.get("/login/snsapi_userinfo/def").headers["Location"]
    state = to.rpartition("state=")[2].removesuffix("#wechat_redirect")
    answer = client.get("/back/def", query_string={"state": state, "code": "used"})
    assert answer.status_code == 400
    assert "40029" not in answer.text
