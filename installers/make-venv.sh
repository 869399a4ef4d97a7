#!/bin/sh
# Make a virtual environment with the first Python found that is recent enough.
set -eu
venv=$1

for python in "${PYTHON:-}" python3.11 python3.12 python3.13 python3; do
    command -v "${python:-none}" >/dev/null || continue
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || continue
    # Debian leaves the module that makes environments with pip to a package of its own.
    "$python" -c 'import ensurepip' 2>/dev/null || {
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        sh "$(dirname "$0")/debian-packages.sh" "python$version-venv"
    }
    # shellcheck disable=SC2093 # the first that is recent enough is the last that is looked at
    exec "$python" -m venv "$venv"
done
echo "Python 3.11 or later is needed: install it, or name it with PYTHON=/path/to/python3." >&2
exit 1
