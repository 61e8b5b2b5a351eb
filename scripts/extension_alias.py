"""Imported at the start of each process of `extension_suites.py`: the drop-in is installed, and the
names of extensions in `EXTENSION_ALIASES` (JSON: name → our module) give our modules, their
submodules too."""

from __future__ import annotations

import json
import os
import sys

import waterspout.dropin
from waterspout.dropin.finder import DropinFinder

waterspout.dropin.install()
sys.meta_path.insert(0, DropinFinder(json.loads(os.environ["EXTENSION_ALIASES"]), {}))
