#!/bin/sh
# Make dist/kd-oct-VERSION-linux-ARCH.tar.xz of dist/kd-oct: for distributions without .deb.
set -eu
cd "$(dirname "$0")/../.."
umask 022
version=$(dist/kd-oct/kd-oct --version | sed 's/^KD-OCT //')
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
name=kd-oct-$version-linux-$(uname -m)
cp -a dist/kd-oct "$stage/$name"
sh installers/linux/share.sh "$stage/$name/share" "$version"
install -m755 installers/linux/menu.sh "$stage/$name/menu.sh"
install -m644 LICENSE "$stage/$name/"
tarball=dist/$name.tar.xz
# KD_OCT_TARBALL_LEVEL is xz's; less is quicker, and larger.
tar -C "$stage" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" \
    -c "$name" | xz -T2 "-${KD_OCT_TARBALL_LEVEL:-6}" >"$tarball"
echo "$tarball: $(du -m "$tarball" | cut -f1) MB"
