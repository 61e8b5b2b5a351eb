"""`python -m flask` under the drop-in."""

from __future__ import annotations

from .cli import main

main()
