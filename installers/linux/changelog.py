"""CHANGELOG.md on standard input, Debian's form of it on standard output.

python changelog.py VERSION MAINTAINER SECONDS <CHANGELOG.md
"""

import re
import sys
import textwrap
from email.utils import formatdate


def debian_changelog(text: str, version: str, maintainer: str, seconds: int) -> str:
    """Return an entry for every version; the first one is VERSION, whatever its heading says."""
    entries = []
    for heading, body in re.findall(r"^## (.+?)$(.*?)(?=^## |\Z)", text, re.M | re.S):
        points = [" ".join(each.split()) for each in re.split(r"^- ", body, flags=re.M)[1:]]
        number = heading.split()[0] if entries else version
        lines = [
            textwrap.fill(each, 78, initial_indent="  * ", subsequent_indent="    ")
            for each in points
        ]
        signed = f" -- {maintainer}  {formatdate(seconds).replace('-0000', '+0000')}"
        entries.append(
            f"kd-oct ({number}) stable; urgency=medium\n\n" + "\n".join(lines) + f"\n\n{signed}\n"
        )
    return "\n".join(entries)


if __name__ == "__main__":
    sys.stdout.write(debian_changelog(sys.stdin.read(), sys.argv[1], sys.argv[2], int(sys.argv[3])))
