"""A pytest plugin for Tornado's tests: no access log, as in Tornado's own runner, and more time
for the programs that they start."""

from __future__ import annotations

import logging

import pytest

#: Tornado's tests of autoreload look 40 times, a tenth of a second apart, whether a program has
#: ended. It starts Python twice, which takes longer on a busy machine: how many times as often.
PATIENCE = 10

logging.getLogger("tornado.access").setLevel(logging.CRITICAL)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Have the tests of autoreload look more often."""
    module = item.getparent(pytest.Module)
    if module is not None and module.obj.__name__ == "tornado.test.autoreload_test":
        module.obj.range = lambda count: range(PATIENCE * count)
