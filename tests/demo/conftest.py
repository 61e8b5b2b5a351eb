"""The blog on a socket, over each of the databases; filled with its samples once for a file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "ext"))  # what the batteries' tests share

from blog_people import Blog, blog_on

from databases import KINDS, database


@pytest.fixture(scope="module", params=KINDS)
def blog(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Blog]:
    """A blog with the samples, on one of the databases."""
    folder = tmp_path_factory.mktemp("blog")
    with database(request.param, folder) as url, blog_on(url, folder) as blog:
        yield blog
