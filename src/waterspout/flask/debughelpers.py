"""`flask.debughelpers`."""

from __future__ import annotations

from ..http.debugging import DebugFilesKeyError as DebugFilesKeyError
from ..http.debugging import FormDataRoutingRedirect as FormDataRoutingRedirect
from ..http.debugging import UnexpectedUnicodeError as UnexpectedUnicodeError
from ..http.debugging import attach_enctype_error_multidict as attach_enctype_error_multidict
from ..templating.explain import (
    explain_template_loading_attempts as explain_template_loading_attempts,
)
