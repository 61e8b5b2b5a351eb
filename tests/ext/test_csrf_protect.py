"""`CSRFProtect`: one protection against cross-site requests, for views and request handlers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from browsing import another, token_in, visiting
from wtforms import StringField

from waterspout import (
    App,
    Blueprint,
    RequestHandler,
    check_csrf,
    csrf_token,
    render_template_string,
    request,
    session,
)
from waterspout.ext.forms import CSRFError, CSRFProtect, FlaskForm, generate_csrf
from waterspout.testing import FlaskClient
from waterspout.tornado.web import Application, stream_request_body

csrf = CSRFProtect()
hooks = Blueprint("hooks", __name__, url_prefix="/hooks")
csrf.exempt(hooks)
csrf.exempt(f"{__name__}.told_by_name")


@hooks.post("/in")
def hook_in() -> str:
    return "hooked"


def told_by_name() -> str:
    return "by name"


class Name(FlaskForm):
    name = StringField()


class Guarded(RequestHandler):
    """Checks itself, too, because of the setting ``xsrf_cookies``."""

    def get(self) -> None:
        self.write(self.xsrf_form_html())

    def post(self) -> None:
        self.write("handled")


@csrf.exempt
class Open(RequestHandler):
    def check_xsrf_cookie(self) -> None:
        """Nothing."""

    def post(self) -> None:
        self.write("open")


@stream_request_body
class Streamed(RequestHandler):
    def prepare(self) -> None:
        self.size = 0

    def data_received(self, chunk: bytes) -> None:
        self.size += len(chunk)

    def post(self) -> None:
        self.write(f"{self.size}")


def protected_site(**settings: Any) -> App:
    """Both wings, protected once; ``/`` gives the token to a front end as a cookie."""
    app = App(__name__)
    app.config.update(SECRET_KEY="a secret of these tests", **settings)
    csrf.init_app(app)
    app.handler_settings["xsrf_cookies"] = True

    @app.get("/")
    def index() -> str:
        return str(render_template_string("{{ csrf_meta_tag() }}|{{ csrf_token() }}"))

    @app.after_request
    def give_token(response: Any) -> Any:
        if request.path == "/":
            response.set_cookie("token", generate_csrf())
        return response

    @app.route("/view", methods=["POST", "PUT", "PATCH", "DELETE"])
    def view() -> str:
        return "viewed"

    @app.post("/async")
    async def async_view() -> dict[str, Any]:
        return {"json": request.get_json()}

    @app.get("/core")
    def core() -> str:
        return csrf_token()

    @app.post("/exempt")
    @csrf.exempt
    def exempt() -> str:
        return "exempt"

    @app.post("/asks-itself")
    @csrf.exempt
    def asks_itself() -> str:
        check_csrf()
        return "asked"

    @app.route("/form", methods=["GET", "POST"])
    def form() -> str:
        form = Name()
        return form.name.data if form.validate_on_submit() else str(form.hidden_tag())

    app.add_url_rule("/by-name", view_func=told_by_name, methods=["POST"])
    app.register_blueprint(hooks)
    app.add_handlers([("/handler", Guarded), ("/open", Open), ("/streamed", Streamed)])

    @app.errorhandler(CSRFError)
    def refused(error: CSRFError) -> tuple[str, int]:
        return f"refused: {error.description}", 400

    return app


@pytest.fixture(scope="module")
def site() -> Iterator[httpx.Client]:
    with visiting(protected_site()) as client:
        yield client


@pytest.fixture
def client(site: httpx.Client) -> Iterator[httpx.Client]:
    """Return a visitor whom the site does not know yet."""
    with another(site.base_url) as client:
        yield client


def front_end_token(client: httpx.Client) -> str:
    client.get("/")
    token = client.cookies["token"]
    assert token
    return token


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_what_changes_something_needs_a_token(client: httpx.Client, method: str) -> None:
    """Without one the answer is 400, and the program's own page says why."""
    client.get("/")
    answer = client.request(method, "/view")
    assert (answer.status_code, answer.text) == (400, "refused: The CSRF token is missing.")


def test_a_front_end_takes_the_token_from_a_cookie(client: httpx.Client) -> None:
    """A script sends the cookie's token in a header field, with JSON as well."""
    token = front_end_token(client)
    for name in ("X-CSRFToken", "X-CSRF-Token"):
        answer = client.post("/async", json={"a": 1}, headers={name: token})
        assert answer.json() == {"json": {"a": 1}}
        assert client.post("/handler", headers={name: token}).text == "handled"
        assert client.post("/streamed", content=b"12345", headers={name: token}).text == "5"


def test_json_needs_a_token_too(client: httpx.Client) -> None:
    """A page of another site can send text that is JSON; it has no token, or none in time."""
    front_end_token(client)
    assert client.post("/async", json={"a": 1}).status_code == 400
    as_text = {"Content-Type": "text/plain"}
    assert client.post("/async", content=b'{"a": 1}', headers=as_text).status_code == 400
    inside = client.post("/async", json={"csrf_token": client.cookies["token"]})
    assert inside.status_code == 400


def test_the_meta_tag_has_the_token(client: httpx.Client) -> None:
    """``csrf_meta_tag()`` and ``csrf_token()`` are in templates."""
    meta, token = client.get("/").text.split("|")
    assert meta == f'<meta name="csrf-token" content="{token}">'
    assert client.post("/view", data={"csrf_token": token}).text == "viewed"
    assert client.post("/view", data={"profile-csrf_token": token}).text == "viewed"


def handler_token(client: httpx.Client) -> str:
    return token_in(client.get("/handler").text, "_xsrf")


TOKENS = {
    "a view's": front_end_token,
    "a form's": lambda client: token_in(client.get("/form").text),
    "a handler's": handler_token,
    "the core's": lambda client: client.get("/core").text,
}
TAKERS = {"/view": "viewed", "/handler": "handled", "/asks-itself": "asked", "/form": "Ada"}


@pytest.mark.parametrize("taker", TAKERS)
@pytest.mark.parametrize("giver", TOKENS)
def test_one_token_for_both_wings(client: httpx.Client, giver: str, taker: str) -> None:
    """What one wing has given, the other takes, in either wing's form field and header field."""
    token = TOKENS[giver](client)
    expected = TAKERS[taker]
    fields = ("csrf_token",) if taker == "/form" else ("csrf_token", "_xsrf")
    for field in fields:
        assert client.post(taker, data={field: token, "name": "Ada"}).text == expected
    for name in ("X-CSRFToken", "X-XSRFToken"):
        answer = client.post(taker, data={"name": "Ada"}, headers={name: token})
        assert answer.text == expected


@pytest.mark.parametrize("giver", TOKENS)
@pytest.mark.parametrize("taker", ["/view", "/asks-itself", "/form"])
def test_a_token_of_another_session_is_refused(
    site: httpx.Client, client: httpx.Client, giver: str, taker: str
) -> None:
    """The token of one visitor is no good for another, who has one of his own."""
    with another(site.base_url) as attacker:
        stolen = TOKENS[giver](attacker)
    front_end_token(client)
    answer = client.post(taker, data={"csrf_token": stolen, "name": "Eve"})
    assert answer.status_code == 400


def test_a_cookie_from_a_sibling_domain_is_no_secret(client: httpx.Client) -> None:
    """Somebody who can set the cookie ``_xsrf``, such as a sibling domain, gains nothing: the
    secret is in the session."""
    front_end_token(client)
    planted = "2|00000000|1234567890abcdef1234567890abcdef|1700000000"
    client.cookies.set("_xsrf", planted)
    for path in ("/view", "/handler", "/asks-itself"):
        assert client.post(path, data={"_xsrf": planted}).status_code == 400
        assert client.post(path, headers={"X-XSRFToken": planted}).status_code == 400


def test_exempt_endpoints(client: httpx.Client) -> None:
    """A view, a blueprint, a dotted name and a handler class may do without."""
    answers = {path: client.post(path).text for path in ("/exempt", "/hooks/in", "/by-name")}
    assert answers == {"/exempt": "exempt", "/hooks/in": "hooked", "/by-name": "by name"}
    assert client.post("/open").text == "open"
    assert client.post("/asks-itself").status_code == 400


def test_what_does_not_exist_is_404(client: httpx.Client) -> None:
    """A token is not asked for where there is nothing."""
    assert client.post("/nowhere").status_code == 404


def test_a_handler_without_a_token_is_refused(client: httpx.Client) -> None:
    """The application's protection holds for handlers."""
    client.get("/")
    assert client.post("/handler").status_code == 400
    assert client.post("/streamed", content=b"12345").status_code == 400


def test_a_handler_alone_checks_with_the_session() -> None:
    """Where the application leaves the check to its program, ``xsrf_cookies`` still holds, and
    gives Tornado's status."""
    with visiting(protected_site(WTF_CSRF_CHECK_DEFAULT=False)) as client:
        token = front_end_token(client)
        assert client.post("/view").text == "viewed"
        assert client.post("/handler").status_code == 403
        assert client.post("/handler", data={"csrf_token": token}).text == "handled"
        assert client.post("/handler", data={"_xsrf": handler_token(client)}).text == "handled"


def test_the_cookie_of_handlers_is_readable_by_scripts(client: httpx.Client) -> None:
    """Tornado's front ends take the token from the cookie ``_xsrf``."""
    handler_token(client)
    cookie = client.cookies["_xsrf"]
    answer = client.post("/view", headers={"X-XSRFToken": cookie.strip('"')})
    assert answer.text == "viewed"


def test_tokens_are_masked_or_signed_anew(client: httpx.Client) -> None:
    """The handlers' token is other text each time (BREACH); all are good."""
    first, second = handler_token(client), handler_token(client)
    assert first != second
    for token in (first, second):
        assert client.post("/view", data={"csrf_token": token}).text == "viewed"


def test_a_mounted_tornado_application_is_protected() -> None:
    """What is mounted takes the token in a header field."""
    app = protected_site()
    app.mount("/mounted", Application([("/handler", Guarded)], cookie_secret="x"))
    with visiting(app) as client:
        token = front_end_token(client)
        assert client.post("/mounted/handler").status_code == 400
        answer = client.post("/mounted/handler", headers={"X-CSRFToken": token})
        assert answer.text == "handled"


def test_a_mounted_application_that_checks_itself_takes_forms() -> None:
    """With ``xsrf_cookies`` it looks for the token in its forms, of either wing's kind, and refuses
    in Tornado's way."""
    app = protected_site()
    settings = {"cookie_secret": "x", "xsrf_cookies": True}
    app.mount("/mounted", Application([("/handler", Guarded)], **settings))
    with visiting(app) as client:
        path = "/mounted/handler"
        token = front_end_token(client)
        assert client.post(path).status_code == 403
        assert client.post(path, data={"_xsrf": "2|00|00|1"}).status_code == 403
        own = token_in(client.get(path).text, "_xsrf")
        assert client.post("/view", data={"_xsrf": own}).text == "viewed"
        for name, value in (("csrf_token", token), ("_xsrf", token), ("_xsrf", own)):
            assert client.post(path, data={name: value}).text == "handled"
        with another(client.base_url) as attacker:
            stolen = front_end_token(attacker)
        assert client.post(path, data={"csrf_token": stolen}).status_code == 403


def of_flask_wtf(client: FlaskClient) -> str:
    """Return a token as Flask-WTF makes it, for the session of *client*."""
    from flask_wtf.csrf import URLSafeTimedSerializer  # the peer's own

    with client.session_transaction() as kept:
        kept["csrf_token"] = "0123456789abcdef0123456789abcdef01234567"
    signing = URLSafeTimedSerializer("a secret of these tests", salt="wtf-csrf-token")
    return str(signing.dumps("0123456789abcdef0123456789abcdef01234567"))


def test_pages_that_flask_wtf_has_sent_are_still_good() -> None:
    """A token made before a program has moved is taken, and ours are such tokens."""
    client = protected_site().test_client()
    token = of_flask_wtf(client)
    assert client.post("/view", data={"csrf_token": token}).text == "viewed"


@pytest.mark.parametrize("wrong", ["a", "2|a|b|c", "\x00", "é" * 20, "x.y.z", "{}" * 5000])
def test_odd_tokens_are_refused(wrong: str) -> None:
    """Whatever is sent for a token is no error of the server's."""
    client = protected_site().test_client()
    front = client.get("/").text
    assert re.search("content=", front)
    assert client.post("/view", data={"csrf_token": wrong}).status_code == 400
    assert client.post("/handler", data={"_xsrf": wrong}).status_code == 400


def test_an_odd_secret_in_the_session_is_replaced() -> None:
    """What a program or another one with the same key put there is no secret; a new one is made."""
    app = protected_site()

    @app.get("/odd")
    def odd() -> str:
        session["csrf_token"] = {"not": "text"}
        return "put"

    client = app.test_client()
    client.get("/odd")
    assert client.post("/view", data={"csrf_token": "x"}).status_code == 400
    token = client.get("/").text.split("|")[1]
    assert client.post("/view", data={"csrf_token": token}).text == "viewed"


def test_requests_within_a_context_of_the_test_have_their_own_tokens() -> None:
    """A fixture that keeps an application context open: `g` is everybody's, tokens are not, and
    one good token is good for one request."""
    app = protected_site()
    with app.app_context():
        first, second = app.test_client(), app.test_client()
        own = [client.get("/core").text for client in (first, second)]
        formed = [token_in(client.get("/form").text) for client in (first, second)]
        assert first.post("/form", data={"name": "Ada", "csrf_token": formed[0]}).text == "Ada"
        assert second.post("/form", data={"name": "Bo", "csrf_token": formed[1]}).text == "Bo"
        assert second.post("/view", data={"csrf_token": own[1]}).text == "viewed"
        assert second.post("/view", data={"csrf_token": own[0]}).status_code == 400
        assert second.post("/asks-itself", data={}).status_code == 400


@pytest.mark.parametrize("path", ["/view", "/async", "/handled"])
@pytest.mark.parametrize("own", [False, True], ids=["CSRFProtect", "check_csrf"])
def test_a_body_above_the_limit_gets_413(path: str, own: bool) -> None:
    """Not 400 for the token that was in the body."""
    if own:
        app = App(__name__)
        app.config["SECRET_KEY"] = "a secret of these tests"
        app.before_request(check_csrf)
        app.post("/view")(lambda: "viewed")

        @app.post("/async")
        async def async_view() -> str:
            return "viewed"

        app.add_handlers([("/handled", Guarded)])
    else:
        app = protected_site()
        app.add_handlers([("/handled", Guarded)])
    app.config["MAX_CONTENT_LENGTH"] = 100_000
    with visiting(app) as client:
        for size, status in ((50_000, 400), (200_000, 413), (3_000_000, 413)):
            answer = client.post(path, data={"csrf_token": "bad", "text": "x" * size})
            assert answer.status_code == status, answer.text
