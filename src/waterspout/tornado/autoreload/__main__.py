"""``python -m tornado.autoreload``."""

from . import main

if __name__ == "__main__":
    main()
