"""In debug mode mistakes in forms explain themselves."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.routing import RequestRedirect

from waterspout import App, request
from waterspout.http.debugging import DebugFilesKeyError, FormDataRoutingRedirect


@pytest.fixture(autouse=True)
def forms(app: App) -> None:
    app.debug = True

    @app.post("/upload")
    def upload() -> str:
        return str(request.files[request.args["key"]].filename)

    @app.post("/form/")
    def form() -> str:
        return request.form["a"]


def test_a_form_without_the_right_enctype_is_explained(client: Any) -> None:
    with pytest.raises(DebugFilesKeyError) as caught:
        client.post("/upload?key=photo", data={"photo": "cat.png"})
    text = str(caught.value)
    assert "'photo' in the request.files" in text
    assert "'application/x-www-form-urlencoded' instead of 'multipart/form-data'" in text
    assert "no file contents were transmitted" in text
    assert "This was submitted: 'cat.png'" in text


def test_a_key_that_is_simply_missing_is_a_bad_request(client: Any) -> None:
    with pytest.raises(KeyError) as caught:
        client.post("/upload?key=other", data={"photo": "cat.png"})
    assert not isinstance(caught.value, DebugFilesKeyError)


def test_a_redirect_that_would_lose_the_form_is_explained(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RequestRedirect, "code", 301)
    with pytest.raises(FormDataRoutingRedirect) as caught:
        client.post("/form", data={"a": "1"})
    text = str(caught.value)
    assert "A request was sent to 'http://localhost/form'" in text
    assert "canonical URL 'http://localhost/form/'" in text
    assert "trailing slash" in text
    assert "307 or 308" in text


def test_a_redirect_that_keeps_the_form_is_left_alone(client: Any) -> None:
    assert client.post("/form", data={"a": "1"}, follow_redirects=True).text == "1"
