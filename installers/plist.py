"""What macOS is told of the program: `info(version)`, for Info.plist. Used by `kd-oct.spec`."""

from app.package_file import MEDIA_TYPE, SUFFIX

IDENTIFIER = "org.kd-oct.KD-OCT"
_MODEL = f"{IDENTIFIER}.model"
_HEIDELBERG = f"{IDENTIFIER}.vol"


def info(version: str) -> dict[str, object]:
    return {
        "CFBundleDisplayName": "KD-OCT",
        "CFBundleShortVersionString": version,
        "CFBundleVersion": version,
        "LSApplicationCategoryType": "public.app-category.medical",
        "LSMinimumSystemVersion": "13.0",  # Qt's own, of 6.8 to 6.11
        "NSHighResolutionCapable": True,
        "NSHumanReadableCopyright": "MIT licence. Research use only.",
        "CFBundleDocumentTypes": [
            _opens("DICOM image", "org.nema.dicom", rank="Alternate"),
            _opens("Heidelberg VOL export", _HEIDELBERG, rank="Alternate"),
            _opens("KD-OCT model", _MODEL, rank="Owner"),
            _opens("Folder of images", "public.folder", rank="Alternate"),
        ],
        "UTExportedTypeDeclarations": [
            _type(_MODEL, "KD-OCT model", SUFFIX, "public.zip-archive", MEDIA_TYPE),
        ],
        "UTImportedTypeDeclarations": [
            _type("org.nema.dicom", "DICOM image", ".dcm", "public.data", "application/dicom"),
            _type(_HEIDELBERG, "Heidelberg VOL export", ".vol", "public.data", None),
        ],
    }


def _opens(name: str, kind: str, *, rank: str) -> dict[str, object]:
    return {
        "CFBundleTypeName": name,
        "CFBundleTypeRole": "Viewer",
        "LSHandlerRank": rank,
        "LSItemContentTypes": [kind],
    }


def _type(
    identifier: str, name: str, suffix: str, parent: str, media_type: str | None
) -> dict[str, object]:
    tags: dict[str, object] = {"public.filename-extension": [suffix.removeprefix(".")]}
    if media_type:
        tags["public.mime-type"] = [media_type]
    return {
        "UTTypeIdentifier": identifier,
        "UTTypeDescription": name,
        "UTTypeConformsTo": [parent],
        "UTTypeTagSpecification": tags,
    }
