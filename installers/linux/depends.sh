#!/bin/sh
# Print what the program in ROOT/usr/lib/kd-oct needs of a Debian system, as for "Depends:", with the
# versions it was built against: depends.sh ROOT. Fails rather than leave something out: what a
# library needs has to be installed here for its package to be known.
set -eu
root=$(cd "$1" && pwd)
program=$root/usr/lib/kd-oct
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/debian"
printf 'Source: kd-oct\n\nPackage: kd-oct\nArchitecture: any\n' >"$work/debian/control"
find "$program" -type f -name '*.so*' -printf '%h\n' | sort -u | sed 's/^/-l/' >"$work/private"
# shellcheck disable=SC2046 # the list of folders is meant to be split
(cd "$work" && find "$program" -type f \( -name '*.so*' -o -name kd-oct \) -print0 |
    xargs -0 dpkg-shlibdeps -O --ignore-missing-info --warnings=0 $(cat private) >needed 2>errors) || {
    grep error "$work/errors" >&2 || cat "$work/errors" >&2
    exit 1
}
# Less those packages whose libraries it brings along itself.
for library in "$program"/lib/lib*.so.*; do
    [ ! -e "$library" ] || dpkg-query -S "*/${library##*/}" 2>/dev/null | sed 's/:.*//' || true
done | sort -u >"$work/brought"
sed 's/^shlibs:Depends=//; s/, */\n/g' "$work/needed" |
    awk 'FILENAME != "-" { brought[$1]; next } !($1 in brought)' "$work/brought" - | paste -sd, |
    sed 's/,/, /g'
