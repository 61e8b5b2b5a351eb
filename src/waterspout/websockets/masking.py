"""XOR with a frame's mask (RFC 6455 §5.3), in C where the ``websockets`` package has that."""

from __future__ import annotations

try:
    from websockets.speedups import apply_mask as apply_mask
except ImportError:
    from websockets.utils import apply_mask as apply_mask

__all__ = ["apply_mask"]
