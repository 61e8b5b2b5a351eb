"""The `url_*` functions Werkzeug 3.0 removed from `werkzeug.urls`, over :mod:`urllib.parse`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple
from urllib import parse

from werkzeug.datastructures import MultiDict, iter_multi_items
from werkzeug.urls import iri_to_uri

# RFC 3986 section 2.2: the sub-delimiters that do not separate the items of a query string.
_ALWAYS_SAFE = "$!'()*+,;"


def _to_text(value: object, charset: str) -> str:
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).decode(charset)
    return str(value)


def url_quote(
    string: object,
    charset: str = "utf-8",
    errors: str = "strict",
    safe: str = "/:",
    unsafe: str = "",
) -> str:
    """Percent-encode *string*, keeping the characters in *safe* and quoting those in *unsafe*."""
    keep = "".join(char for char in _ALWAYS_SAFE + safe if char not in unsafe)
    return parse.quote(_to_text(string, charset), safe=keep, encoding=charset, errors=errors)


def url_quote_plus(
    string: object, charset: str = "utf-8", errors: str = "strict", safe: str = ""
) -> str:
    """Percent-encode *string* for a query: spaces become `+`."""
    return url_quote(string, charset, errors, safe + " ", "+").replace(" ", "+")


def url_unquote(
    s: str | bytes, charset: str = "utf-8", errors: str = "replace", unsafe: str = ""
) -> str:
    """Decode percent-encoded text. Escapes of the characters in *unsafe* stay as they are."""
    text = _to_text(s, charset)
    for char in unsafe:
        escaped = f"%{ord(char):02X}"
        text = text.replace(escaped, "%25" + escaped[1:])
        text = text.replace(escaped.lower(), "%25" + escaped[1:].lower())
    return parse.unquote(text, encoding=charset, errors=errors)


def url_unquote_plus(s: str | bytes, charset: str = "utf-8", errors: str = "replace") -> str:
    """Decode percent-encoded query text: `+` is a space."""
    return url_unquote(_to_text(s, charset).replace("+", " "), charset, errors)


def url_fix(s: str, charset: str = "utf-8") -> str:
    """Quote what a person typed as a URL the way a browser would."""
    url = parse.urlsplit(_to_text(s, charset).replace("\\", "/"))
    path = url_quote(url.path, charset, safe="/%+$!*'(),")
    query = url_quote_plus(url.query, charset, safe=":&%=+$!*'(),")
    fragment = url_quote_plus(url.fragment, charset, safe=":&%=+$!*'(),")
    netloc = parse.urlsplit(iri_to_uri(f"//{url.netloc}")).netloc
    return parse.urlunsplit((url.scheme, netloc, path, query, fragment))


def url_encode(
    obj: Mapping[str, Any] | Iterable[tuple[str, object]],
    charset: str = "utf-8",
    sort: bool = False,
    key: Callable[[tuple[str, object]], Any] | None = None,
    separator: str = "&",
) -> str:
    """Write a query string; values that are None are left out."""
    items: Iterable[tuple[str, object]] = iter_multi_items(obj)
    if sort:
        items = sorted(items, key=key)
    return separator.join(
        f"{url_quote_plus(name, charset)}={url_quote_plus(value, charset)}"
        for name, value in items
        if value is not None
    )


def url_decode(
    s: str | bytes,
    charset: str = "utf-8",
    include_empty: bool = True,
    errors: str = "replace",
    separator: str = "&",
    cls: Callable[[Iterable[tuple[str, str]]], object] | None = None,
) -> Any:
    """Read a query string into a `MultiDict` (or *cls*)."""
    pairs = []
    for piece in _to_text(s, charset).split(separator):
        name, equals, value = piece.partition("=")
        if piece and (equals or include_empty):
            pairs.append(
                (url_unquote_plus(name, charset, errors), url_unquote_plus(value, charset, errors))
            )
    return MultiDict(pairs) if cls is None else cls(pairs)


def url_join(base: str, url: str, allow_fragments: bool = True) -> str:
    """Resolve *url* against *base*."""
    return parse.urljoin(base, url, allow_fragments)


class _Parts(NamedTuple):
    scheme: str
    netloc: str
    path: str
    query: str
    fragment: str


class URL(_Parts):
    """The five parts of a URL, as `url_parse` returns them."""

    __slots__ = ()

    def _split(self) -> parse.SplitResult:
        return parse.SplitResult(*self)

    @property
    def host(self) -> str | None:
        """The host as written, without user and port."""
        hostport = self.netloc.rpartition("@")[2]
        if hostport.startswith("["):
            return hostport[1:].partition("]")[0]
        return hostport.partition(":")[0] or None

    @property
    def ascii_host(self) -> str | None:
        """The host, internationalised names in Punycode."""
        return parse.urlsplit(iri_to_uri(f"//{self.netloc}")).hostname

    @property
    def port(self) -> int | None:
        """The port, None when it is absent or not a port."""
        try:
            return self._split().port
        except ValueError:
            return None

    @property
    def auth(self) -> str | None:
        """The user part of the netloc, `name:password`."""
        user, at, _ = self.netloc.rpartition("@")
        return user if at else None

    @property
    def raw_username(self) -> str | None:
        """The user name as written."""
        return self._split().username

    @property
    def username(self) -> str | None:
        """The user name, unquoted."""
        raw = self.raw_username
        return None if raw is None else url_unquote(raw)

    @property
    def raw_password(self) -> str | None:
        """The password as written."""
        return self._split().password

    @property
    def password(self) -> str | None:
        """The password, unquoted."""
        raw = self.raw_password
        return None if raw is None else url_unquote(raw)

    def replace(self, **parts: str) -> URL:
        """Return the URL with some parts changed."""
        return self._replace(**parts)

    def decode_query(self, *args: Any, **kwargs: Any) -> Any:
        """Read the query; takes what `url_decode` takes."""
        return url_decode(self.query, *args, **kwargs)

    def join(self, url: str, allow_fragments: bool = True) -> URL:
        """Resolve *url* against this one."""
        return url_parse(url_join(self.to_url(), url, allow_fragments))

    def to_url(self) -> str:
        """Write the URL."""
        return url_unparse(self)

    def __str__(self) -> str:
        return self.to_url()


def url_parse(url: str | bytes, scheme: str | None = None, allow_fragments: bool = True) -> URL:
    """Split *url* into its parts; *scheme* stands in for a missing one."""
    return URL(*parse.urlsplit(_to_text(url, "utf-8"), scheme or "", allow_fragments))


def url_unparse(components: tuple[str, str, str, str, str]) -> str:
    """Write a URL from its five parts."""
    return parse.urlunsplit(components)
