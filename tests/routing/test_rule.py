"""The rule's own options: kept, copied, and checked with errors that teach."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.routing import EndpointPrefix, Map, Submount

from waterspout.routing import Rule

OPTIONS: dict[str, Any] = {
    "timeout": 2.5,
    "on_disconnect": "finish",
    "stream": True,
    "inline": False,
    "max_content_length": 4096,
}


def test_options_are_kept() -> None:
    rule = Rule("/a", methods=["POST"], endpoint="a", **OPTIONS)
    assert {name: getattr(rule, name) for name in OPTIONS} == OPTIONS
    assert rule.methods == {"POST"}


def test_options_left_out_mean_as_the_app_is_set() -> None:
    rule = Rule("/a")
    assert (rule.timeout, rule.on_disconnect, rule.max_content_length) == (None, None, None)
    assert (rule.stream, rule.inline) == (False, False)
    assert rule.provide_automatic_options is False


def test_copies_keep_the_options() -> None:
    """Werkzeug's rule factories copy rules."""
    factory = EndpointPrefix("x/", [Submount("/sub", [Rule("/a", endpoint="a", **OPTIONS)])])
    (rule,) = Map([factory]).iter_rules()
    assert rule.rule == "/sub/a"
    assert rule.endpoint == "x/a"
    assert {name: getattr(rule, name) for name in OPTIONS} == OPTIONS
    copy: Any = Rule("/b", inline=True).empty()
    assert copy.inline is True


@pytest.mark.parametrize(
    ("option", "value", "error", "says"),
    [
        ("timeout", "5", TypeError, "number of seconds"),
        ("timeout", True, TypeError, "number of seconds"),
        ("timeout", 0, ValueError, "more than 0 seconds"),
        ("timeout", -1.0, ValueError, "more than 0 seconds"),
        ("timeout", float("inf"), ValueError, "finite"),
        ("timeout", float("nan"), ValueError, "finite"),
        ("on_disconnect", "abort", ValueError, "'cancel', 'finish' or None, not 'abort'"),
        ("on_disconnect", True, ValueError, "'cancel', 'finish' or None, not True"),
        ("stream", "yes", TypeError, "stream must be True or False"),
        ("inline", 1, TypeError, "inline must be True or False"),
        ("max_content_length", "2M", TypeError, "whole number of bytes"),
        ("max_content_length", 1.5, TypeError, "whole number of bytes"),
        ("max_content_length", True, TypeError, "whole number of bytes"),
        ("max_content_length", -1, ValueError, "0 to refuse any body"),
    ],
)
def test_wrong_values_are_refused(
    option: str, value: Any, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says) as caught:
        Rule("/upload", **{option: value})
    assert "Route '/upload'" in str(caught.value)


def test_a_streamed_body_is_not_read_on_the_loop() -> None:
    with pytest.raises(ValueError, match="'async def'"):
        Rule("/a", stream=True, inline=True)


def test_what_werkzeug_refuses_is_refused() -> None:
    with pytest.raises(ValueError, match="must start with a slash"):
        Rule("a")
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        Rule("/a", colour="red")


def test_inline_and_timeout_exclude_each_other() -> None:
    """Nothing can end a view that runs on the loop's thread."""
    with pytest.raises(ValueError, match="inline and timeout exclude each other"):
        Rule("/", inline=True, timeout=1)
