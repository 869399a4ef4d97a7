#!/bin/sh
# Put KD-OCT, wherever this folder lies, into your own desktop's menu and file types; with --remove
# take it out again. Needs no administrator. The program runs without this too: ./kd-oct
set -eu
here=$(cd "$(dirname "$0")" && pwd)
share=${XDG_DATA_HOME:-$HOME/.local/share}

(cd "$here/share" && find icons mime \( -type f -o -type l \)) | while read -r file; do
    if [ "${1:-}" = --remove ]; then
        rm -f "$share/$file"
    else
        mkdir -p "$share/$(dirname "$file")"
        cp -P "$here/share/$file" "$share/$file"
    fi
done
entry=$share/applications/kd-oct.desktop
if [ "${1:-}" = --remove ]; then
    rm -f "$entry"
else
    mkdir -p "${entry%/*}"
    # The specification of desktop entries wants such a path in quotes, and in them some characters
    # marked; then sed wants its own marked.
    try=$(printf '%s' "$here/kd-oct" | sed 's/\\/\\\\/g')
    exec=$(printf '%s' "$here/kd-oct" | sed 's/["`$\\]/\\&/g; s/\\/\\\\/g; s/%/%%/g')
    for_sed() { printf '%s' "$1" | sed 's/[\\&|]/\\&/g'; }
    sed "s|^Exec=kd-oct|Exec=\"$(for_sed "$exec")\"|; s|^TryExec=.*|TryExec=$(for_sed "$try")|" \
        "$here/share/applications/kd-oct.desktop" >"$entry"
fi
for part in mime:mime applications:desktop; do
    update=update-${part#*:}-database
    ! command -v "$update" >/dev/null || "$update" "$share/${part%:*}"
done
