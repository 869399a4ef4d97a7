#!/bin/sh
# Install the Debian packages named that are missing, or say in a sentence who can.
set -eu

command -v dpkg-query >/dev/null || {
    echo "This is not Debian: if Qt's system libraries are missing, install them by your system's means." >&2
    exit 0
}

missing=""
for package in "$@"; do
    # Later Debians append t64 to the names of some libraries.
    dpkg-query -W -f '${db:Status-Status}\n' "$package" "${package}t64" 2>/dev/null |
        grep -qx installed || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then
    as_root=""
elif command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
    as_root="sudo"
else
    echo "System packages are missing, and you may not install them. Have an administrator run: apt-get install$missing" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # the list is meant to be split
$as_root apt-get update -qq && $as_root apt-get install -qq -y --no-install-recommends $missing >/dev/null
