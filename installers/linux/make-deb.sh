#!/bin/sh
# Make dist/kd-oct_VERSION_ARCH.deb of dist/kd-oct. `make deb` calls it.
#
#   KD_OCT_MAINTAINER    name and address for those whom apt tells about the package
#   KD_OCT_DEB_VERSION   another version than the program's, to try an upgrade
#   KD_OCT_DEB_PACKING   for dpkg-deb; "-Zzstd -z3" is quicker, and larger
set -eu
cd "$(dirname "$0")/../.."
umask 022
here=installers/linux
maintainer=${KD_OCT_MAINTAINER:-KD-OCT developers <packages@kd-oct.invalid>}
# As the frozen program says itself; 1.2.0rc1 comes before 1.2.0.
version=$(dist/kd-oct/kd-oct --version | sed 's/^KD-OCT //; s/\([0-9]\)\(a\|b\|rc\|\.dev\)/\1~\2/')
version=${KD_OCT_DEB_VERSION:-$version}
arch=$(dpkg --print-architecture)
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
root=$stage/root
mkdir -p "$root/usr/lib" "$root/usr/bin" "$root/DEBIAN"

cp -a dist/kd-oct "$root/usr/lib/kd-oct"
find "$root/usr/lib/kd-oct" -type f -exec chmod 644 {} +
chmod 755 "$root/usr/lib/kd-oct/kd-oct"
ln -s ../lib/kd-oct/kd-oct "$root/usr/bin/kd-oct"

sh $here/share.sh "$root/usr/share" "$version"
doc=$root/usr/share/doc/kd-oct
year=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y)
sed '1,/^Copyright/d; /./!s/$/./; s/^/ /' LICENSE | sed '1{/^ \.$/d}' >"$stage/licence"
sed "s/@YEAR@/$year/; /@LICENCE@/{
    r $stage/licence
    d
}" $here/copyright >"$doc/copyright"
python3 $here/changelog.py "$version" "$maintainer" "$SOURCE_DATE_EPOCH" <CHANGELOG.md |
    gzip -9n >"$doc/changelog.gz"
install -Dm644 $here/lintian-overrides "$root/usr/share/lintian/overrides/kd-oct"

depends=$(sh $here/depends.sh "$root")

cat >"$root/DEBIAN/control" <<END
Package: kd-oct
Version: $version
Architecture: $arch
Maintainer: $maintainer
Installed-Size: $(du -sk --exclude=DEBIAN "$root" | cut -f1)
Depends: $depends
Recommends: fonts-dejavu-core, xdg-utils
Section: science
Priority: optional
Description: screen retinal OCT volumes on this computer
 KD-OCT screens optical coherence tomography (OCT) of the retina on an ordinary
 computer, without a network connection. Every B-scan of a study is classified
 (normal, drusen, diabetic macular oedema, choroidal neovascularisation), shown
 with a heat map, summed up for each eye and the patient, and written to a
 report that can be signed.
 .
 Research use only. Not for diagnosis without a qualified reader.
END
(cd "$root" && find usr -type f -print0 | sort -z | xargs -0 md5sum >DEBIAN/md5sums)
chmod 644 "$root"/DEBIAN/*
find "$root" -type d -exec chmod 755 {} +

deb=dist/kd-oct_${version}_$arch.deb
# shellcheck disable=SC2086 # options
dpkg-deb --root-owner-group ${KD_OCT_DEB_PACKING:--Zxz -z6} --build "$root" "$deb" >/dev/null
echo "$deb: $(du -m "$deb" | cut -f1) MB"
