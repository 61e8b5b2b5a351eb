"""Characters that a header field may contain when it is sent (RFC 9110 §5).

SECURITY: any other character could end a field early, and begin another field or a body (response
splitting, CWE-113).
"""

from __future__ import annotations

import re

__all__ = ["forbidden_in_value", "is_name"]

#: Match a field's name, which is a token.
is_name = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch
#: Find a character that may not be in a field's value or a status line.
forbidden_in_value = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]").search
