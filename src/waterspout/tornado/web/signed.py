"""Signed values under Tornado's names; the formats are in `waterspout.tornado.signed_values`."""

from __future__ import annotations

import hmac

from ..signed_values import (
    DEFAULT_SIGNED_VALUE_MIN_VERSION as DEFAULT_SIGNED_VALUE_MIN_VERSION,
)
from ..signed_values import (
    DEFAULT_SIGNED_VALUE_VERSION as DEFAULT_SIGNED_VALUE_VERSION,
)
from ..signed_values import (
    MAX_SUPPORTED_SIGNED_VALUE_VERSION as MAX_SUPPORTED_SIGNED_VALUE_VERSION,
)
from ..signed_values import (
    MIN_SUPPORTED_SIGNED_VALUE_VERSION as MIN_SUPPORTED_SIGNED_VALUE_VERSION,
)
from ..signed_values import (
    Fields,
    decode_v1,
    decode_v2,
    signature_v1,
    signature_v2,
    split_fields,
    version_of,
)
from ..signed_values import create_signed_value as create_signed_value
from ..signed_values import decode_signed_value as decode_signed_value
from ..signed_values import get_signature_key_version as get_signature_key_version

# Private in Tornado, and used by its tests and by programs.
_create_signature_v1 = signature_v1
_create_signature_v2 = signature_v2
_decode_signed_value_v1 = decode_v1
_decode_signed_value_v2 = decode_v2
_get_version = version_of
_time_independent_equals = hmac.compare_digest


def _decode_fields_v2(value: bytes) -> Fields:
    fields = split_fields(value)
    if fields is None:
        raise ValueError("malformed v2 signed value field")
    return fields
