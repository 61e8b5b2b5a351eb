"""A list of views that are exempt from the CSRF check, static files among them."""

import pytest
from csrf_program import create_app


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/hook", 200),
        ("/b/form", 400),
        ("/static-post/none", 404),
        ("/b-post/none", 404),
    ],
)
def test_exempt_views(path, status):
    assert create_app().test_client().post(path).status_code == status
