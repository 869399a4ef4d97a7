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
    # The specification of desktop entries wants a path with such characters in quotes.
    sed "s|^Exec=kd-oct|Exec=\"$here/kd-oct\"|; s|^TryExec=.*|TryExec=$here/kd-oct|" \
        "$here/share/applications/kd-oct.desktop" >"$entry"
fi
for update in "update-mime-database $share/mime" "update-desktop-database $share/applications"; do
    # shellcheck disable=SC2086 # a command and its argument
    ! command -v ${update%% *} >/dev/null || $update
done
