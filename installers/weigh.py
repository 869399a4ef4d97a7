"""Print what the frozen program holds, by size, and end with 1 where it has grown past its limit.

python installers/weigh.py dist/kd-oct
"""

import sys
from collections import Counter
from pathlib import Path

LIMIT = 350_000_000  # bytes; a clinic's computers get the program over a clinic's network
_SHOWN = 25


def sizes(bundle: Path) -> Counter[str]:
    """Return the bytes of each library, resource folder or loose file; a link weighs nothing."""
    found: Counter[str] = Counter()
    for path in bundle.rglob("*"):
        if path.is_file() and not path.is_symlink():
            found[_part(path.relative_to(bundle).parts)] += path.stat().st_size
    return found


def _part(parts: tuple[str, ...]) -> str:
    if parts[0] == "lib":
        parts = parts[1:]
    return "/".join(parts[:2] if parts[0] == "resources" and len(parts) > 2 else parts[:1])


def main(bundle: Path) -> int:
    found = sizes(bundle)
    if not found:
        print(f"There is no frozen program in {bundle}. Run: make bundle", file=sys.stderr)
        return 1
    for part, size in found.most_common(_SHOWN):
        print(f"{size / 1e6:8.1f} MB  {part}")
    rest = found.total() - sum(size for _, size in found.most_common(_SHOWN))
    print(f"{rest / 1e6:8.1f} MB  all else\n{found.total() / 1e6:8.1f} MB  in all")
    if found.total() > LIMIT:
        print(f"That is more than the {LIMIT / 1e6:.0f} MB it may weigh.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
