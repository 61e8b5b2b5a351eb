"""Names of Flask's and Tornado's classes and modules: added, imported there, removed."""
