"""`python -m waterspout`."""

from __future__ import annotations

import os
import sys

# SECURITY: Python puts the working directory first. A file there may be anybody's, and must not be
# taken for one of our modules' imports; the directory of the program is added when that is found.
if sys.path[:1] in ([""], [os.getcwd()]):
    del sys.path[0]

from .cli import main

main()
