"""`python -m app [PATH…]` opens the window; `python -m app analyse PATH…` works without one."""

import sys

from app.cli import main

if __name__ == "__main__":
    sys.exit(main())
