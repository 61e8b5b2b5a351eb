"""What a browser does with the demos' pages: cookies, forms, redirects, style sheets, scripts."""

from __future__ import annotations

import hashlib
from html.parser import HTMLParser
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx


class Form:
    """A form of a page: where it goes, and the values it has been given by the page."""

    def __init__(self, action: str, method: str) -> None:
        self.action = action
        self.method = method.upper()
        self.values: dict[str, str] = {}


class Page(HTMLParser):
    """An answer and the parts of it that a browser acts on."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__()
        self.answer = answer
        self.text = answer.text
        self.status = answer.status_code
        self.path = answer.url.raw_path.decode()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.forms: list[Form] = []
        self.assets: list[str] = []
        self._textarea: str | None = None
        self.feed(answer.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if "id" in given:
            self.ids.append(given["id"])
        if tag == "a":
            self.links.append(given["href"])
        elif tag == "form":
            self.forms.append(Form(given["action"], given["method"]))
        elif tag == "input" and "name" in given:
            self.forms[-1].values[given["name"]] = given.get("value", "")
        elif tag == "textarea":
            self._textarea = given["name"]
            self.forms[-1].values[self._textarea] = ""
        elif tag == "script" and "src" in given:
            self._asset(given["src"])
        elif tag == "link" and given["rel"] == "stylesheet":
            self._asset(given["href"])

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_data(self, data: str) -> None:
        if self._textarea:
            self.forms[-1].values[self._textarea] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._textarea = None

    def _asset(self, url: str) -> None:
        if not urlsplit(url).netloc:  # no CDN: there may be no Internet
            self.assets.append(url)


class Browser:
    """One person at one demo."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.client = httpx.Client(base_url=self.url, timeout=20, trust_env=False)

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.client.close()

    def visit(self, path: str) -> Page:
        """Go to a page, by way of redirects."""
        return Page(self.client.get(path, follow_redirects=True))

    def submit(self, page: Page, **values: str) -> Page:
        """Fill in the page's form and send it."""
        (form,) = page.forms
        assert values.keys() <= form.values.keys()
        where = urljoin(page.path, form.action)
        sent = {**form.values, **values}
        return Page(self.client.request(form.method, where, data=sent, follow_redirects=True))

    def check_assets(self, page: Page, *names: str) -> None:
        """Load style sheets and scripts of the page, which are *names*, and load them again.

        Their URLs carry a hash of what they hold, so they may be kept for years; asked whether
        they have changed, the server says no.
        """
        assert [urlsplit(url).path for url in page.assets] == [f"/static/{name}" for name in names]
        for url in page.assets:
            first = self.client.get(url)
            assert (first.status_code, bool(first.content)) == (200, True)
            (version,) = parse_qs(urlsplit(url).query)["v"]
            assert version == hashlib.sha512(first.content).hexdigest()
            assert first.headers["Etag"] == f'"{version}"'
            assert "max-age=31" in first.headers["Cache-Control"]
            kind = "text/css" if ".css" in url else "javascript"
            assert kind in first.headers["Content-Type"]
            for condition, kept in (
                ("If-None-Match", "Etag"),
                ("If-Modified-Since", "Last-Modified"),
            ):
                again = self.client.get(url, headers={condition: first.headers[kept]})
                assert (again.status_code, again.content) == (304, b"")

    def check_xsrf(self, page: Page) -> str:
        """Check that the form's token and the cookie belong together, and that without a token
        nothing is taken; return the token."""
        (form,) = page.forms
        token = form.values["_xsrf"]
        cookie = self.client.cookies["_xsrf"]
        assert token.startswith("2|")
        assert unmasked(token) == unmasked(cookie)
        without = {name: value for name, value in form.values.items() if name != "_xsrf"}
        refused = self.client.post(form.action, data=without)
        assert refused.status_code == 403
        assert "'_xsrf' argument missing from POST" in refused.text or "403" in refused.text
        return token


def unmasked(token: str) -> bytes:
    """Return the secret in an XSRF token of version 2: ``2|mask|masked secret|time``."""
    _, mask, masked, _ = token.split("|")
    key = bytes.fromhex(mask)
    return bytes(b ^ key[i % 4] for i, b in enumerate(bytes.fromhex(masked)))
