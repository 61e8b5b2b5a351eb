"""The mixins of `werkzeug.wrappers` that Werkzeug 2.1 removed.

Since Werkzeug 2.0 the request and response classes have what the mixins gave, so an empty class
is all that `class MyResponse(BaseResponse, ETagResponseMixin)` needs.
"""

from __future__ import annotations

from werkzeug.wrappers import Request as BaseRequest
from werkzeug.wrappers import Response as BaseResponse

__all__ = ["BaseRequest", "BaseResponse"]


class WrapperMixin:
    """What the mixins have in common: nothing.

    Each of them is a class of its own, because one class cannot be a base twice.
    """


class AcceptMixin(WrapperMixin):
    """Had `accept_mimetypes` and its kin."""


class AuthorizationMixin(WrapperMixin):
    """Had `authorization`."""


class CommonRequestDescriptorsMixin(WrapperMixin):
    """Had `content_type`, `referrer`, ..."""


class CommonResponseDescriptorsMixin(WrapperMixin):
    """Had `mimetype`, `location`, ..."""


class CORSRequestMixin(WrapperMixin):
    """Had `origin`, ..."""


class CORSResponseMixin(WrapperMixin):
    """Had `access_control_allow_origin`, ..."""


class ETagRequestMixin(WrapperMixin):
    """Had `if_none_match`, ..."""


class ETagResponseMixin(WrapperMixin):
    """Had `make_conditional`, `add_etag`, ..."""


class JSONMixin(WrapperMixin):
    """Had `json`, `get_json`, ..."""


class ResponseStreamMixin(WrapperMixin):
    """Had `stream`."""


class StreamOnlyMixin(WrapperMixin):
    """Turned form parsing off."""

    disable_data_descriptor = True
    want_form_data_parsed = False


class UserAgentMixin(WrapperMixin):
    """Had `user_agent`."""


class WWWAuthenticateMixin(WrapperMixin):
    """Had `www_authenticate`."""
