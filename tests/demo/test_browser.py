"""The blog in a real browser: people on a desk and on a phone, over each database, in one process
and in four."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from chromium import CHROMIUM, Browser, Page, chromium
from own_redis import own_redis
from PIL import Image

from databases import KINDS, database

pytestmark = [
    pytest.mark.skipif(
        CHROMIUM is None and "CI" not in os.environ, reason="there is no Chromium here"
    ),
    pytest.mark.timeout(180),
]
PASSWORD = "correct horse battery"
TEN_PAGES = [
    *("/", "/post/1", "/newest", "/tag/notes", "/author/Ada", "/search?q=sea", "/login"),
    *("/register", "/forgotten", "/nowhere"),
]


@dataclass
class Site:
    """A blog that is served by its command."""

    url: str
    admin_password: str


@contextmanager
def demo(folder: Path, kind: str, workers: int = 1, port: int = 0) -> Iterator[Site]:
    """Run ``waterspout demo`` with the samples; several processes share a Redis on *port*."""
    with ExitStack() as stack:
        command = [sys.executable, "-m", "waterspout", "demo", "--port", "0"]
        command += ["--database", stack.enter_context(database(kind, folder))]
        if workers > 1:
            redis = stack.enter_context(own_redis(folder, port))
            command += ["--workers", str(workers), "--redis", f"redis://127.0.0.1:{redis.port}/0"]
        said = folder / "said.txt"
        out = stack.enter_context(said.open("w"))
        process = stack.enter_context(
            subprocess.Popen(command, cwd=folder, stdout=out, stderr=subprocess.STDOUT)
        )
        stack.callback(process.wait, 30)
        stack.callback(process.terminate)
        address = re.compile(r"http://127\.0\.0\.1:\d+")
        password = re.compile(r"password (\S+)")
        end = time.monotonic() + 60
        while not (address.search(said.read_text()) and password.search(said.read_text())):
            assert process.poll() is None, said.read_text()
            assert time.monotonic() < end, said.read_text()
            time.sleep(0.05)
        text = said.read_text()
        yield Site(address.search(text)[0], password.search(text)[1])  # type: ignore[index]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with demo(tmp_path_factory.mktemp("blog"), "sqlite") as site:
        yield site


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A picture to upload."""
    path = tmp_path / "harbour.png"
    Image.effect_mandelbrot((640, 360), (-2, -1, 1, 1), 40).save(path)
    return path


def register(page: Page, site: Site, name: str, photo: Path) -> None:
    """Register, with a look at what the page says of the name while it is typed."""
    page.open(site.url + "/register")
    page.type("#username", "Ada")
    page.wait_for("document.querySelector('.check.fail')?.textContent")
    page.run("document.querySelector('#username').value = ''")
    page.type("#username", name)
    page.wait_for("document.querySelector('.check.ok')?.textContent")
    page.type("#password", PASSWORD)
    page.type("#password2", PASSWORD)
    page.type("#city", "Faro")
    page.type("#email", "somebody@example.org")
    page.choose_file("#avatar", photo)
    page.click("form.form button")
    page.wait_for("document.querySelector('.flash.success') && complete()")
    assert name in page.text(".site-nav")


def log_in(page: Page, site: Site, name: str, password: str) -> None:
    """Log in by the form."""
    page.open(site.url + "/login")
    page.type("#username", name)
    page.type("#password", password)
    page.click("form.login button")
    page.wait_for("document.querySelector('form.logout') && complete()")


def write(page: Page, site: Site, title: str, content: str, photo: Path) -> None:
    """Write a post with a picture, with a look at the preview."""
    page.open(site.url + "/write")
    page.type("#title", title)
    page.type("#content", content)
    page.wait_for("document.querySelector('.preview:not([hidden]) .prose strong')")
    page.type("#tags", "harbour, tests")
    page.choose_file("#picture", photo)
    page.click("form.write .actions button")
    page.wait_for("document.querySelector('article.post') && complete()")


def comment(page: Page, text: str) -> None:
    """Write a comment on the post that is open."""
    page.type("#comment", text)
    page.click("form.comment-form button")
    page.wait_for("document.querySelector('.flash.success') && complete()")
    assert text in page.text(".comment-list")


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("kind", KINDS)
def test_a_day_of_the_blog(
    kind: str,
    workers: int,
    browser: Browser,
    photo: Path,
    tmp_path: Path,
    reserve: Callable[[], int],
) -> None:
    """Register, write, comment from another window and see it appear, change language and colours,
    delete as the admin."""
    with demo(tmp_path, kind, workers, reserve()) as site:
        writer, reader = browser.person(), browser.person(phone=True, language="zh-CN")
        register(writer, site, "Zoë", photo)
        write(writer, site, "Boats & <boats>", "The **blue** one <script>alert(1)</script>", photo)
        assert writer.text("article.post h1") == "Boats & <boats>"
        assert writer.text(".prose strong") == "blue"
        assert writer.run("document.querySelectorAll('.prose script').length") == 0
        assert writer.run("document.querySelector('.post-picture').naturalWidth") > 0
        address = writer.run("location.href")
        writer.wait_for("'connected' in document.querySelector('[data-live]').dataset")

        register(reader, site, "小王", photo)
        reader.open(address)
        comment(reader, "Which one is\n<b>yours</b>?")
        writer.wait_for("document.querySelector('.comment.arrived')")
        assert "小王" in writer.text(".comment.arrived .author")
        assert "<b>yours</b>?" in writer.text(".comment.arrived .words")
        assert writer.run("document.querySelectorAll('.comment').length") == 1

        assert reader.run("document.documentElement.lang") == "zh-CN"
        reader.click(".languages a[lang=en]")
        reader.wait_for("document.documentElement.lang === 'en' && complete()")
        assert "comment" in reader.text("#comments-heading").lower()
        before = reader.run("getComputedStyle(document.body).backgroundColor")
        reader.click("button.theme")
        dark = reader.run("getComputedStyle(document.body).backgroundColor")
        assert dark != before
        reader.open(site.url + "/login")  # the other wing, after a load
        assert reader.run("getComputedStyle(document.body).backgroundColor") == dark

        admin = browser.person()
        log_in(admin, site, "admin", site.admin_password)
        admin.open(address)
        admin.click(".comment button.danger")
        admin.wait_for("!document.querySelector('.comment') && complete()")
        reader.open(address)
        assert reader.run("document.querySelectorAll('.comment').length") == 0
        for page in (writer, reader, admin):
            assert page.complaints() == []
            assert [url for url in page.requests() if not url.startswith(site.url)] == []
            page.close()


def test_all_works_without_scripts(site: Site, browser: Browser, photo: Path) -> None:
    """Forms, preview and comments by whole pages."""
    page = browser.person(phone=True)
    page.without_scripts()
    page.open(site.url + "/register")
    page.type("#username", "Quiet")
    page.type("#password", PASSWORD)
    page.type("#password2", PASSWORD)
    page.click("form.form button")
    page.wait_for("document.querySelector('.flash.success') && complete()")
    page.open(site.url + "/write")
    page.type("#title", "No scripts")
    page.type("#content", "Some *words*")
    page.click("form.write button[name=preview]")
    page.wait_for("document.querySelector('.preview:not([hidden]) em') && complete()")
    page.click("form.write .actions button")
    page.wait_for("document.querySelector('article.post') && complete()")
    comment(page, "By a form")
    assert page.run("document.querySelectorAll('.comment').length") == 1
    page.close()


def violations(page: Page) -> list[str]:
    """Return what axe-core finds on the page: rule and element of each violation."""
    spec = importlib.util.find_spec("axe_core_python")
    assert spec, "axe-core-python belongs to the extra 'test'"
    assert spec.submodule_search_locations
    source = Path(spec.submodule_search_locations[0], "axe.min.js").read_text()
    if not page.run("'axe' in window"):
        page.run(source + "; 0")
    found: list[str] = page.run(
        "axe.run(document).then(all => all.violations.flatMap("
        "rule => rule.nodes.map(node => `${rule.id}: ${node.html}`)))"
    )
    return found


@pytest.mark.parametrize("look", ["light", "dark", "phone"])
def test_readers_of_screens_find_their_way(look: str, site: Site, browser: Browser) -> None:
    """axe-core finds nothing on ten pages, and nothing on those of who is logged in."""
    page = browser.person(phone=look == "phone", dark=look == "dark")
    found = {}
    for path in TEN_PAGES:
        page.open(site.url + path)
        found[path] = violations(page)
    log_in(page, site, "admin", site.admin_password)
    for path in ("/account", "/write", "/post/1", "/post/1/edit", "/post/1/delete", "/admin"):
        page.open(site.url + path)
        found[path] = violations(page)
    assert {path: each for path, each in found.items() if each} == {}
    page.close()


def test_no_page_is_wider_than_a_phone(site: Site, browser: Browser) -> None:
    page = browser.person(phone=True)
    log_in(page, site, "admin", site.admin_password)
    paths = [*TEN_PAGES, "/account", "/write", "/admin"]
    widths = {}
    for path in paths:
        page.open(site.url + path)
        widths[path] = page.run("document.documentElement.scrollWidth")
    assert widths == dict.fromkeys(paths, 390)
    page.close()


def test_by_the_keyboard_alone(site: Site, browser: Browser) -> None:
    """The first Tab offers to skip the navigation; the next reach each link in turn, visibly."""
    page = browser.person()
    page.open(site.url + "/")
    page.press("Tab")
    assert page.run("document.activeElement.className") == "skip"
    assert page.run("document.activeElement.getBoundingClientRect().top") >= 0
    page.press("Enter")
    assert page.run("location.hash") == "#main"
    page.press("Tab")
    assert page.run("document.querySelector('main').contains(document.activeElement)")
    assert page.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.close()


def test_the_front_page_is_light(site: Site, browser: Browser) -> None:
    """Without pictures less than 60 kB on the wire, everything from this site."""
    page = browser.person()
    page.open(site.url + "/")
    assert [url for url in page.requests() if not url.startswith(site.url)] == []
    sizes: dict[str, int] = page.run(
        "Object.fromEntries([...performance.getEntriesByType('navigation'),"
        "...performance.getEntriesByType('resource')].map(e => [e.name, e.transferSize]))"
    )
    rest = {url: size for url, size in sizes.items() if "/pictures/" not in url}
    assert set(rest) > {site.url + "/"}
    assert sum(rest.values()) < 60_000
    page.close()
