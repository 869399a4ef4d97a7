#!/bin/sh
# Compile the Windows setup on Debian, to try the script: dist/kd-oct-VERSION-windows-NOT-FOR-USE.exe.
#
# Its files are those of the Linux program under Windows' names: a stand-in of the right layout
# and size that no Windows can run. The real setup is made on Windows by make.ps1.
set -eu
cd "$(dirname "$0")/../.."
version=$(dist/kd-oct/kd-oct --version | sed 's/^KD-OCT //')
numbers=$(printf '%s' "$version" | grep -oE '[0-9]+' | head -3 | paste -sd.).0
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
cp -rL dist/kd-oct/lib "$stage/lib"
cp dist/kd-oct/kd-oct "$stage/kd-oct.exe"
cp dist/kd-oct/kd-oct "$stage/kd-oct-cli.exe"
out=$PWD/dist/kd-oct-$version-windows-NOT-FOR-USE.exe
makensis -V2 -WX "-DVERSION=$version" "-DNUMBERS=$numbers" "-DBUNDLE=$stage" "-DOUT=$out" \
    installers/windows/kd-oct.nsi
echo "$out: $(du -m "$out" | cut -f1) MB; a stand-in, for trying the script only"
