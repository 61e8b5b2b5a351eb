"""Stand-ins for what Werkzeug once had and no longer has in any form.

Only old programs come here, and only in drop-in mode. Everything that merely moved is pointed at
its new place by the tables in `dropin/removed.py`.
"""
