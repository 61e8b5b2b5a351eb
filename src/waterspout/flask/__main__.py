"""`python -m flask` under the drop-in."""

from __future__ import annotations

import os
import sys

if sys.path[:1] in ([""], [os.getcwd()]):  # SECURITY: as in `waterspout.__main__`
    del sys.path[0]

from .cli import main

main()
