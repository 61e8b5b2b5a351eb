"""Names that Werkzeug, Jinja and itsdangerous removed are there in drop-in mode, warn, and do
what they did."""

from __future__ import annotations

import base64
import hmac
import importlib
import io
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from itsdangerous import BadSignature, SignatureExpired

from waterspout.dropin.legacy import compat, jws, security, text, urls, wsgi
from waterspout.dropin.removed import EXTENSIONS, REMOVED, Patches, run_simple

EVERY_NAME = [(module, name) for module, names in REMOVED.items() for name in names]


@pytest.fixture
def _patched() -> Iterator[None]:
    """Patch Werkzeug's modules as an installed drop-in does, for the length of a test."""
    patches = Patches()
    for name, patch in patches.by_module().items():
        if name not in EXTENSIONS:
            patch(importlib.import_module(name))
    yield
    patches.undo()


@pytest.mark.usefixtures("_patched")
@pytest.mark.parametrize(("module_name", "name"), EVERY_NAME)
def test_name_is_there_with_a_warning(module_name: str, name: str) -> None:
    """The warning names what was used, says what to write, and points at the user's line."""
    module = importlib.import_module(module_name)
    if name in vars(module):  # some are imported there for the module's own use
        return
    with pytest.warns(DeprecationWarning, match=rf"'{module_name}\.{name}' .* use ") as caught:
        assert getattr(module, name) is not None
    assert caught[0].filename == __file__


@pytest.mark.usefixtures("_patched")
def test_import_forms_of_old_programs() -> None:
    """The lines that old tutorials have, as they have them."""
    source = """
from werkzeug import BaseResponse, Response, secure_filename, url_encode
from werkzeug.contrib.cache import SimpleCache
from werkzeug.contrib.fixers import ProxyFix
from werkzeug.exceptions import NotFound
from werkzeug.security import safe_str_cmp
from werkzeug.urls import url_parse, url_quote
from werkzeug.utils import escape
from werkzeug.wrappers import BaseRequest, ETagResponseMixin
class Answer(BaseResponse, ETagResponseMixin): pass
"""
    from waterspout.dropin.aliases import FLASK
    from waterspout.dropin.finder import DropinFinder

    finder = DropinFinder({"werkzeug.contrib": FLASK["werkzeug.contrib"]}, {})
    names: dict[str, Any] = {}
    import sys

    sys.meta_path.insert(0, finder)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            exec(source, names)
            names["ProxyFix"](None, 2)
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if name.startswith("werkzeug.contrib")]:
            del sys.modules[name]
    assert names["Answer"]("x").get_data() == b"x"
    assert names["SimpleCache"]().get("k") is None


@pytest.mark.usefixtures("_patched")
def test_reading_every_attribute_sees_nothing_of_it() -> None:
    """Readers of all modules (freezegun) neither load nor warn about removed names."""
    for module_name in REMOVED:
        module = importlib.import_module(module_name)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert [getattr(module, name) for name in dir(module)]
        with pytest.raises(AttributeError, match="no_such_name"):
            module.no_such_name


def test_patches_can_be_taken_back() -> None:
    """`uninstall` leaves Werkzeug as it was."""
    import werkzeug.datastructures
    import werkzeug.serving

    before = {name: dict(vars(importlib.import_module(name))) for name in REMOVED}
    patches = Patches()
    for name, patch in patches.by_module().items():
        if name not in EXTENSIONS:
            patch(importlib.import_module(name))
    assert werkzeug.serving.run_simple is werkzeug.run_simple is run_simple
    patches.undo()
    assert {name: dict(vars(importlib.import_module(name))) for name in REMOVED} == before


class TestUrls:
    """The functions of `werkzeug.urls`."""

    def test_quote(self) -> None:
        assert urls.url_quote("/a b:é?&") == "/a%20b:%C3%A9%3F%26"
        assert urls.url_quote("a/b", safe="") == "a%2Fb"
        assert urls.url_quote("a(b)", unsafe="()") == "a%28b%29"
        assert urls.url_quote(b"caf\xe9", charset="latin-1") == "caf%E9"
        assert urls.url_quote(7) == "7"
        assert urls.url_quote_plus("a b+c/d") == "a+b%2Bc%2Fd"

    def test_unquote(self) -> None:
        assert urls.url_unquote("a%20b+%C3%A9") == "a b+é"
        assert urls.url_unquote("a%2Fb%2fc%20", unsafe="/") == "a%2Fb%2fc "
        assert urls.url_unquote("%FF") == "\N{REPLACEMENT CHARACTER}"
        assert urls.url_unquote_plus(b"a+b%2B") == "a b+"

    def test_encode_and_decode(self) -> None:
        assert urls.url_encode({"b": "1 2", "a": ["x", "ä"], "c": None}) == "b=1+2&a=x&a=%C3%A4"
        assert urls.url_encode([("b", 1), ("a", 2)], sort=True, separator=";") == "a=2;b=1"
        found = urls.url_decode("a=1&a=2+3&empty&b=")
        assert found.to_dict(flat=False) == {"a": ["1", "2 3"], "empty": [""], "b": [""]}
        assert urls.url_decode("a&b=1", include_empty=False, cls=dict) == {"b": "1"}

    def test_parse(self) -> None:
        url = urls.url_parse("https://ada:p%40ss@[::1]:8080/x?a=1&a=2#top")
        assert (url.scheme, url.path, url.fragment) == ("https", "/x", "top")
        assert (url.host, url.port, url.auth) == ("::1", 8080, "ada:p%40ss")
        assert (url.username, url.password, url.raw_password) == ("ada", "p@ss", "p%40ss")
        assert url.decode_query().getlist("a") == ["1", "2"]
        assert str(url.replace(query="", fragment="").join("y")).endswith("/y")
        assert url.to_url() == "https://ada:p%40ss@[::1]:8080/x?a=1&a=2#top"

    @pytest.mark.parametrize("target", ["/next", "next?x=1", ""])
    def test_parse_finds_no_host_in_a_local_target(self, target: str) -> None:
        """The check of `next` that many login pages were taught to make."""
        url = urls.url_parse(target)
        assert (url.netloc, url.host, url.port, url.auth, url.username) == (
            "",
            None,
            None,
            None,
            None,
        )

    def test_parse_of_odd_hosts(self) -> None:
        assert urls.url_parse("//evil.example/x").netloc == "evil.example"
        assert urls.url_parse("http://a:port/").port is None
        assert urls.url_parse(
            "http://b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher.example/"
        ).ascii_host == ("xn--bcher-kva.example")
        assert urls.url_parse("example.org", "https").scheme == "https"

    def test_fix_join_unparse(self) -> None:
        assert urls.url_fix("http://bücher.example/a b?q=ä b") == (
            "http://xn--bcher-kva.example/a%20b?q=%C3%A4+b"
        )
        assert urls.url_join("http://a/b/c", "../d") == "http://a/d"
        assert urls.url_unparse(("http", "a", "/b", "c=1", "d")) == "http://a/b?c=1#d"


def test_safe_str_cmp_takes_text_and_bytes() -> None:
    assert security.safe_str_cmp("schön", "schön".encode())
    assert not security.safe_str_cmp("a", "ab")


def test_pbkdf2_known_answer() -> None:
    """RFC 7914 section 11: PBKDF2-HMAC-SHA-256 with one iteration."""
    expected = "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"
    assert security.pbkdf2_hex("passwd", "salt", 1, 64).startswith(expected)
    assert security.pbkdf2_bin("passwd", "salt", 1, 32, "sha256").hex() == expected


def test_escape_returns_plain_text() -> None:
    assert text.escape("<a href='x'>&\"") == "&lt;a href='x'&gt;&amp;&quot;"
    assert text.escape(None) == ""
    assert text.unescape("&lt;&eacute;") == "<é"


class TestWsgi:
    """The functions of `werkzeug.wsgi`."""

    def test_segments_of_the_path(self) -> None:
        environ = {"SCRIPT_NAME": "/app", "PATH_INFO": "//a%/\xc3\xa9/b"}
        assert wsgi.peek_path_info(environ) == "a%"
        assert wsgi.pop_path_info(environ) == "a%"
        assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("/app//a%", "/\xc3\xa9/b")
        assert wsgi.pop_path_info(environ) == "é"
        assert wsgi.get_script_name(environ) == "/app//a%/é"
        assert wsgi.pop_path_info(environ) == "b"
        assert environ["PATH_INFO"] == ""
        assert wsgi.pop_path_info(environ) is None
        assert wsgi.peek_path_info(environ) is None

    def test_query_string(self) -> None:
        assert wsgi.get_query_string({"QUERY_STRING": "a=1&b=\xe9"}) == "a=1&b=%E9"

    @pytest.mark.parametrize("size", [1, 3, 100])
    def test_lines_and_parts(self, size: int) -> None:
        data = b"one\ntwo\n\nthree"
        lines = [b"one\n", b"two\n", b"\n", b"three"]
        assert list(wsgi.make_line_iter(io.BytesIO(data), len(data), size)) == lines
        assert list(wsgi.make_line_iter(io.BytesIO(data), 5, size)) == [b"one\n", b"t"]
        assert list(wsgi.make_line_iter(iter([data]))) == lines
        parts = wsgi.make_chunk_iter(io.BytesIO(b"a--b--c"), b"--", buffer_size=size)
        assert list(parts) == [b"a", b"b", b"c"]


class TestJws:
    """Tokens of programs that mailed them (RFC 7515)."""

    def test_known_token(self) -> None:
        """Header, payload and HMAC, as every library for it makes them."""
        serializer = jws.JSONWebSignatureSerializer("secret", algorithm_name="HS256")
        token = serializer.dumps({"id": 1})
        head, body, _ = token.split(b".")
        assert base64.urlsafe_b64decode(head + b"==") == b'{"alg":"HS256"}'
        assert base64.urlsafe_b64decode(body + b"==") == b'{"id":1}'
        signed = hmac.digest(b"secret", head + b"." + body, "sha256")
        assert token.endswith(b"." + base64.urlsafe_b64encode(signed).rstrip(b"="))
        assert serializer.loads(token) == {"id": 1}
        assert serializer.loads(token.decode(), return_header=True)[1] == {"alg": "HS256"}

    @pytest.mark.parametrize("salt", [None, "reset"])
    def test_what_is_refused(self, salt: str | None) -> None:
        serializer = jws.JSONWebSignatureSerializer("secret", salt=salt)
        token = serializer.dumps([1, "ü"], header_fields={"kid": "7"})
        assert serializer.loads(token, return_header=True) == (
            [1, "ü"],
            {"kid": "7", "alg": "HS512"},
        )
        for other in (
            jws.JSONWebSignatureSerializer("other", salt=salt),
            jws.JSONWebSignatureSerializer("secret", salt="other"),
            jws.JSONWebSignatureSerializer("secret", salt=salt, algorithm_name="HS256"),
        ):
            with pytest.raises(BadSignature):
                other.loads(token)
        with pytest.raises(BadSignature):
            serializer.loads(b"x" + token)
        unsigned = jws.JSONWebSignatureSerializer("secret", algorithm_name="none").dumps(1)
        with pytest.raises(BadSignature):
            serializer.loads(unsigned)

    def test_a_token_ends(self, monkeypatch: pytest.MonkeyPatch) -> None:
        serializer = jws.TimedJSONWebSignatureSerializer("secret", 60)
        monkeypatch.setattr(jws, "clock", lambda: 1000.5)
        token = serializer.dumps({"user": 1}).decode()
        value, header = serializer.loads(token, return_header=True)
        assert value == {"user": 1}
        assert header == {"alg": "HS512", "iat": 1000, "exp": 1060}
        monkeypatch.setattr(jws, "clock", lambda: 1060.9)
        assert serializer.loads(token) == {"user": 1}
        monkeypatch.setattr(jws, "clock", lambda: 1061)
        with pytest.raises(SignatureExpired) as raised:
            serializer.loads(token)
        assert raised.value.date_signed == datetime.fromtimestamp(1000, tz=UTC)
        endless = jws.JSONWebSignatureSerializer("secret").dumps(1)
        with pytest.raises(BadSignature, match="Missing expiry date"):
            serializer.loads(endless)


@pytest.mark.usefixtures("_patched")
def test_decorators_of_jinja_2() -> None:
    """A filter with a context, and extensions that Jinja 3.1 no longer has."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from jinja2 import Environment, Markup, contextfilter, evalcontextfilter  # type: ignore[attr-defined]
        from markupsafe import soft_unicode  # type: ignore[attr-defined]

        environment = Environment(extensions=["jinja2.ext.autoescape", "jinja2.ext.with_"])

    @contextfilter
    def named(context: Any, value: str) -> str:
        return f"{value} {context['name']}"

    @evalcontextfilter
    def breaks(eval_context: Any, value: str) -> Any:
        text = value.replace("|", "<br>")
        return Markup(text) if eval_context.autoescape else text

    environment.filters.update(named=named, breaks=breaks)
    template = "{{ 'hello'|named }} {% autoescape true %}{{ 'a|b'|breaks }}{% endautoescape %}"
    assert environment.from_string(template).render(name="ann") == "hello ann a<br>b"
    assert soft_unicode(7) == "7"


def test_names_of_python_2() -> None:
    assert compat.to_native(b"x") == compat.to_unicode(b"x") == "x"
    assert compat.to_bytes("ü") == b"\xc3\xbc"
    assert compat.wsgi_decoding_dance(compat.wsgi_encoding_dance("ü")) == "ü"
    assert list(compat.iteritems({1: 2})) == [(1, 2)]
    assert compat.PY2 is False
