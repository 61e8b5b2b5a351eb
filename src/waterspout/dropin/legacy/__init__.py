"""Replacements for functions and classes that Werkzeug has removed.

Only old programs come here, and only in drop-in mode. Everything that merely moved is pointed at
its new place by the tables in `dropin/removed.py`.
"""
