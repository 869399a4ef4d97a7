#!/bin/sh
# Sign, pack and notarise dist/KD-OCT.app: dist/kd-oct-VERSION-macos-ARCH.dmg. Runs on macOS.
#
#   KD_OCT_MACOS_IDENTITY        "Developer ID Application: …" in the keychain
#   KD_OCT_NOTARY_PROFILE        as stored by: xcrun notarytool store-credentials
#
# Without the first nothing is signed but ad hoc, without the second nothing is notarised, and
# users have to allow the program in the system's settings. Each is said.
set -eu
cd "$(dirname "$0")/../.."
app=dist/KD-OCT.app
[ -d "$app" ] || { echo "There is no $app. Run: make bundle" >&2; exit 1; }
version=$(/usr/libexec/PlistBuddy -c "Print CFBundleShortVersionString" "$app/Contents/Info.plist")
dmg=dist/kd-oct-$version-macos-$(uname -m).dmg

if [ -n "${KD_OCT_MACOS_IDENTITY:-}" ]; then
    # PyInstaller has signed every library; this seals the whole.
    codesign --force --timestamp --options runtime --sign "$KD_OCT_MACOS_IDENTITY" \
        --entitlements installers/macos/entitlements.plist "$app"
    codesign --verify --deep --strict "$app"
else
    echo "Not signed: KD_OCT_MACOS_IDENTITY names no identity."
fi

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
ditto "$app" "$stage/KD-OCT.app"
ln -s /Applications "$stage/Applications"
rm -f "$dmg"
hdiutil create -quiet -volname "KD-OCT $version" -srcfolder "$stage" -format ULMO "$dmg"

if [ -n "${KD_OCT_MACOS_IDENTITY:-}" ]; then
    codesign --timestamp --sign "$KD_OCT_MACOS_IDENTITY" "$dmg"
fi
if [ -n "${KD_OCT_MACOS_IDENTITY:-}" ] && [ -n "${KD_OCT_NOTARY_PROFILE:-}" ]; then
    xcrun notarytool submit "$dmg" --keychain-profile "$KD_OCT_NOTARY_PROFILE" --wait
    xcrun stapler staple "$dmg"
else
    echo "Not notarised: KD_OCT_MACOS_IDENTITY and KD_OCT_NOTARY_PROFILE are needed for that."
fi
echo "$dmg"
