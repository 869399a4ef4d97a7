#!/bin/sh
# Lay out what a Linux desktop wants to know: share.sh FOLDER VERSION. Sourced by nobody; the .deb
# and the tarball both call it. Needs build/icons.
set -eu
cd "$(dirname "$0")/../.."
share=$1 version=$2
here=installers/linux
date=$(date -u -d "@${SOURCE_DATE_EPOCH:-$(date +%s)}" +%Y-%m-%d)

install -Dm644 $here/kd-oct.desktop "$share/applications/kd-oct.desktop"
install -Dm644 $here/kd-oct.mime.xml "$share/mime/packages/kd-oct.xml"
mkdir -p "$share/icons" "$share/man/man1" "$share/doc/kd-oct/examples"
cp -r build/icons/hicolor "$share/icons/"
# What a desktop shows for a file of models.
for size in "$share"/icons/hicolor/*/; do
    mkdir -p "$size/mimetypes"
    for icon in "$size"/apps/kd-oct.*; do
        ln -s "../apps/${icon##*/}" "$size/mimetypes/application-vnd.kd-oct.model+zip.${icon##*.}"
    done
done
sed "s/@VERSION@/$version/; s/@DATE@/$date/" $here/kd-oct.1 | gzip -9n >"$share/man/man1/kd-oct.1.gz"
install -m644 installers/kd-oct.toml "$share/doc/kd-oct/examples/"
find "$share" -type d -exec chmod 755 {} +
find "$share" -type f -exec chmod 644 {} +
