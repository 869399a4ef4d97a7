"""What whoever looks after the computers sets for all of a clinic's: one TOML file, `kd-oct.toml`.

It holds settings by the names of `app.settings.Settings`, `locked`, the names of those that a user
cannot change, and `withdrawn_keys`, whose signatures no longer count. installers/kd-oct.toml is a
sample that explains each. What users set themselves stands over it, but for what is locked. A file
that cannot be used is told in one sentence and counts as none: nobody's reading room closes over a
comma. But as it may withdraw any key, no model counts as signed then.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from app.language import fill, mark
from app.paths import site_configs
from app.withdrawn import Withdrawal, read_withdrawals

SITE_FILE = "kd-oct.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The file's contents, of which only the form was checked."""

    values: Mapping[str, object] = field(default_factory=dict)
    locked: frozenset[str] = frozenset()
    withdrawn: tuple[Withdrawal, ...] = ()
    withdrawn_known: bool = True  # whether those are all that the file names
    folder: Path | None = None  # where the file lies: relative paths in it start there
    problems: tuple[str, ...] = ()  # sentences


def read_site(path: Path | None = None) -> Site:
    """Read the file; where there is none, nothing is set and nothing is locked.

    Args:
        path: The file; None is the first there is in `app.paths.site_configs`.
    """
    candidates = [path] if path else [folder / SITE_FILE for folder in site_configs()]
    for candidate in candidates:
        try:
            content = candidate.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            return _unreadable(candidate, error.strerror or mark("it cannot be read"))
        try:
            values = tomllib.loads(content.decode("utf-8-sig"))
        except UnicodeDecodeError:
            return _unreadable(candidate, mark("it is not in UTF-8"))
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            return _unreadable(candidate, str(error) or mark("it is nested too deeply"))
        return _site(values, candidate)
    return Site()


def _site(values: dict[str, object], path: Path) -> Site:
    locked = values.pop("locked", [])
    withdrawn, problems = read_withdrawals(values.pop("withdrawn_keys", []))
    if not isinstance(locked, list) or not all(isinstance(name, str) for name in locked):
        unusable = Site(problems=(fill(_NO_LOCKS, path=path),))
        # A stolen key must not count again because of it.
        return replace(
            unusable,
            withdrawn=withdrawn,
            withdrawn_known=not problems,
            problems=(*unusable.problems, *problems),
        )
    return Site(
        values=values,
        locked=frozenset(locked),
        withdrawn=withdrawn,
        withdrawn_known=not problems,
        folder=path.parent,
        problems=problems,
    )


def _unreadable(path: Path, why: str) -> Site:
    return Site(withdrawn_known=False, problems=(fill(_UNREADABLE, path=path, why=why),))


_NO_LOCKS = mark(
    "The clinic's configuration {path} cannot be used and is left out: “locked” is no list of "
    "names."
)
_UNREADABLE = mark(
    "The clinic's configuration {path} cannot be used ({why}): it is left out, and as it may "
    "withdraw keys, no model counts as signed until it is corrected."
)
