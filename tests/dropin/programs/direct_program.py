"""A program that starts Werkzeug's server itself."""

import sys

from classic_program import app
from werkzeug.serving import run_simple

if __name__ == "__main__":
    run_simple("127.0.0.1", int(sys.argv[1]), app)
