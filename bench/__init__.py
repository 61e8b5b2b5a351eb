"""Waterspout and its peers under one load, in one run: ``python -m bench``."""
