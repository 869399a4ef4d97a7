"""List what the frozen program is made of, as CycloneDX: dist/kd-oct-*.cdx.json.

    python installers/sbom.py build/environment.cdx.json dist

The first file is what cyclonedx-py says of the environment that freezes. Of it only what the
program needs is kept (the freezing tools are no part of it); Python and the libraries taken from
the system are added.
"""

import json
import platform
import subprocess
import sys
from pathlib import Path

from licences import shipped
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


def main(environment: Path, out: Path) -> None:
    from app import __version__

    document = json.loads(environment.read_text("utf-8"))
    kept = {canonicalize_name(package.name) for package in shipped()}
    components = [
        each for each in document["components"] if canonicalize_name(each["name"]) in kept
    ]
    missing = kept - {canonicalize_name(each["name"]) for each in components}
    if missing:
        sys.exit(f"The environment's list lacks {', '.join(sorted(missing))}.")
    document["components"] = [*components, _python(), *_from_the_system(out / "kd-oct" / "lib")]
    root = document["metadata"]["component"]
    root["type"], root["version"] = "application", __version__
    document["dependencies"] = _dependencies(document)
    system = platform.system().lower().replace("darwin", "macos")
    path = out / f"kd-oct-{__version__}-{system}-{platform.machine().lower()}.cdx.json"
    path.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    print(f"{path}: {len(document['components'])} components")


def _dependencies(document: dict) -> list[dict]:
    """Return who needs whom, among those that are left."""
    known = {each["bom-ref"] for each in document["components"]}
    known.add(document["metadata"]["component"]["bom-ref"])
    return [
        each | {"dependsOn": sorted(known & set(each.get("dependsOn", ())))}
        for each in document.get("dependencies", ())
        if each["ref"] in known
    ]


def _python() -> dict:
    version = platform.python_version()
    return {
        "type": "platform",
        "bom-ref": f"python-{version}",
        "name": "CPython",
        "version": version,
        "licenses": [{"license": {"id": "PSF-2.0"}}],
        "cpe": f"cpe:2.3:a:python:python:{version}:*:*:*:*:*:*:*",
    }


def _from_the_system(libraries: Path) -> list[dict]:
    """Return the Debian packages whose copyright files the frozen program holds."""
    found = []
    system = platform.freedesktop_os_release()["ID"] if sys.platform == "linux" else ""
    for folder in sorted((libraries / "licences").glob("*/copyright")):
        name = folder.parent.name
        answer = subprocess.run(
            ["dpkg-query", "-W", "-f", "${Version} ${Architecture}\n", name],
            capture_output=True,
            text=True,
            check=False,
        )
        if answer.returncode:
            continue
        version, architecture = answer.stdout.split()[:2]
        found.append(
            {
                "type": "library",
                "bom-ref": f"deb-{name}-{version}",
                "name": name,
                "version": version,
                "purl": f"pkg:deb/{system}/{name}@{version}?arch={architecture}",
            }
        )
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
