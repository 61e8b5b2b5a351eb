"""Names of Flask's and Tornado's modules and classes: added, re-exported, removed."""
