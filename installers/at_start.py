"""Runs in the frozen program before anything else of it: gives child processes back their own.

PyInstaller's loader names the bundle's libraries in the environment for this process, which has
them by now. A browser or file manager started from here must load its own. (The program's own
workers go through the loader again.)
"""

import os
import sys

if sys.platform.startswith("linux"):
    given = os.environ.pop("LD_LIBRARY_PATH_ORIG", None)
    os.environ.pop("LD_LIBRARY_PATH", None)
    if given is not None:
        os.environ["LD_LIBRARY_PATH"] = given
