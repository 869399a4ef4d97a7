"""Keys that no longer count: lost, stolen, or followed by others.

Packages they signed are as good as unsigned, whenever they were signed: a signature bears no time
that could be believed.

The program ships a list, `resources/keys/withdrawn.toml`; whoever looks after a clinic's computers
adds to it under `withdrawn_keys` in `kd-oct.toml`. Nobody can take from either by a setting, and
while either cannot be read, no key counts.
"""

import tomllib
from collections.abc import Iterable
from datetime import date
from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked

from app.errors import PackageError
from app.language import fill, mark
from app.paths import resources

LIST = "withdrawn.toml"

Fingerprint = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{64}$", to_lower=True)]
"""SHA-256 of a raw public key, as `kd-oct model keys` prints it."""


@checked(frozen=True, slots=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Withdrawal:
    key: Fingerprint
    since: date  # when that was said; it holds for what was signed before as well
    reason: Annotated[str, Field(min_length=1, max_length=200)]


_ENTRY: TypeAdapter[Withdrawal] = TypeAdapter(Withdrawal)


def shipped_withdrawals() -> tuple[Withdrawal, ...]:
    """Return the keys that those who make the program have withdrawn.

    Raises:
        PackageError: If the list is missing or damaged: then no key can be believed.
    """
    try:
        entries = tomllib.loads((resources() / "keys" / LIST).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise PackageError(_DAMAGED) from error
    found, problems = read_withdrawals(entries.get("withdrawn", []))
    if problems:
        raise PackageError(_DAMAGED)
    return found


def read_withdrawals(entries: object) -> tuple[tuple[Withdrawal, ...], tuple[str, ...]]:
    """Return the entries of a list, and a sentence for each that cannot be used."""
    if not isinstance(entries, list):
        return (), (
            mark(
                "“withdrawn_keys” in the clinic's configuration is no list, so no model counts as "
                "signed until it is corrected."
            ),
        )
    found, problems = [], []
    for number, entry in enumerate(entries, start=1):
        try:
            found.append(_ENTRY.validate_python(entry))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            problems.append(
                fill(
                    "Entry {number} of “withdrawn_keys” in the clinic's configuration cannot be "
                    "used ({place}: {msg}), so no model counts as signed until it is corrected.",
                    number=number,
                    place=place,
                    msg=first["msg"],
                )
            )
    return tuple(found), tuple(problems)


def withdrawal_of(fingerprint: str, among: Iterable[Withdrawal]) -> Withdrawal | None:
    """Return the first entry about a key, if it was withdrawn."""
    return next((each for each in among if each.key == fingerprint), None)


_DAMAGED = mark(
    "The list of withdrawn keys that ships with the program is missing or damaged, so no model "
    "package can be trusted. Install the program again."
)
