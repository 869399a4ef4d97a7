"""What a clinic sets once: one frozen dataclass, one JSON file for each user.

The clinic's configuration (`app.site`) stands over the defaults, and the user's file over both. It
holds only what the user set otherwise, so that what the clinic changes later still reaches
everyone, and nothing that is locked.

A key the program does not know, or a value it cannot use, is reported in a sentence and left out;
the rest still counts. A program that will not start over a line in its settings would be worse
than one that starts and says so. A file of a later version is left as it is.
"""

import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked

from app.errors import StorageError, system_says
from app.files import backup_path, whole_file
from app.language import fill, mark
from app.paths import user_config
from app.site import Site, read_site

logger = logging.getLogger(__name__)

VERSION = 2
"""Of the user's file. Version 1 had no number, and held every value."""

Share = Annotated[float, Field(ge=0, le=1)]


def _nameable(path: Path) -> Path:
    if "\0" in str(path):
        raise ValueError("no path holds a null byte")
    return path


FilePath = Annotated[Path, AfterValidator(_nameable)]


@checked(frozen=True, slots=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Settings:
    """Everything a user may set, each with the value a fresh installation has."""

    clinic_name: str = ""  # printed on every report
    clinic_address: str = ""  # one line below it
    logo: FilePath | None = None  # PNG or JPEG; None prints no logo
    paper: Literal["A4", "Letter"] = "A4"
    folder: FilePath | None = None  # where reports and results are offered to be saved
    language: str = "en"  # ISO 639-1, of the window and the report
    theme: Literal["system", "light", "dark"] = "system"
    ui_scale: Annotated[int, Field(ge=75, le=300)] = 100  # percent
    model_id: str | None = None  # None: the package that ships with the program
    previous_model: str | None = None  # the `model_id` before, to go back to
    keys: FilePath | None = None  # folder of public keys; packages signed with them are trusted
    heat_opacity: Share = 0.6
    heat_outlined: bool = False  # the heat map as lines, which leave the tissue between them free
    export_identity: bool = False  # True: JSON and CSV carry the patient's name and number
    reader: Annotated[str, Field(max_length=12)] = ""  # initials, under every decision
    blind_first: bool = False  # True: the machine's call is shown only after the reader's own
    blind_since: Annotated[float, Field(ge=0)] = 0.0  # when that was switched on: seconds of Unix
    # By class: the share of the clinic's patients who have it; predictive values rest on it.
    prevalence: dict[str, Share] = field(default_factory=dict)
    # By model and class: the clinic's own threshold, one of those that the package permits.
    thresholds: dict[str, dict[str, Share]] = field(default_factory=dict)
    # By model: the version of the package at which those were set, or last told to hold.
    thresholds_known: dict[str, str] = field(default_factory=dict)


_VALUES: TypeAdapter[Settings] = TypeAdapter(Settings)
_DEFAULTS = Settings()
_PATHS = ("logo", "folder", "keys")


@dataclass(frozen=True, slots=True)
class _Clinic:
    """What holds for every user, and what they cannot change."""

    settings: Settings
    locked: frozenset[str]
    problems: tuple[str, ...]  # sentences


def settings_path() -> Path:
    return user_config() / "settings.json"


def load_settings(
    path: Path | None = None, report: Callable[[str], None] = logger.warning
) -> Settings:
    """Read the settings; where there is no file, return the clinic's.

    Args:
        path: The file; None is this user's.
        report: Called with one sentence for every key or value that was left out.

    Raises:
        StorageError: If the file is there but cannot be read.
    """
    clinic = _clinic(read_site())
    values, problem = _read(path or settings_path())
    own = {key: value for key, value in values.items() if key not in clinic.locked}
    settings, problems = _with(clinic.settings, own)
    for each in (*clinic.problems, *([problem] if problem else []), *problems):
        report(each)
    return settings


def locked_settings() -> frozenset[str]:
    """The names of the settings that the clinic's configuration keeps users from changing."""
    return _clinic(read_site()).locked


def permitted(settings: Settings) -> Settings:
    """Return the settings with all that is locked as the clinic's configuration has it."""
    clinic = _clinic(read_site())
    return replace(settings, **{name: getattr(clinic.settings, name) for name in clinic.locked})


def edited_onto(now: Settings, before: Settings, after: Settings) -> Settings:
    """Return the settings of now with what somebody who edited them changed since.

    Each class and each model of a setting that has several counts by itself.

    Args:
        before: The settings when the editing began.
        after: Those when it ended.
    """
    changes: dict[str, object] = {}
    for each in fields(Settings):
        held, old, new = (getattr(one, each.name) for one in (now, before, after))
        if isinstance(held, dict):
            kept = {key: value for key, value in held.items() if key in new or key not in old}
            changes[each.name] = kept | {k: v for k, v in new.items() if v != old.get(k)}
        elif new != old:
            changes[each.name] = new
    return replace(now, **changes)  # type: ignore[arg-type]


def dated(settings: Settings) -> Settings:
    """Return the settings with the moment from which on the machine's calls are hidden.

    Whoever switched that on, a user or the clinic's file: it counts from when the program knew.
    """
    if not settings.blind_first:
        return replace(settings, blind_since=0.0)
    return settings if settings.blind_since else replace(settings, blind_since=time.time())


def save_settings(settings: Settings, path: Path | None = None) -> None:
    """Write the settings whole; a file of an earlier version is first copied beside itself.

    Raises:
        StorageError: If they cannot be written, or those on disk are of a later version; those
            on disk stay as they were.
    """
    path = path or settings_path()
    clinic = _clinic(read_site())
    values: dict[str, object] = {"version": VERSION}
    for key, value in asdict(settings).items():
        if key not in clinic.locked and value != getattr(clinic.settings, key):
            values[key] = str(value) if isinstance(value, Path) else value
    version = _version_on_disk(path)
    if version > VERSION:
        raise StorageError(_LATER)
    try:
        if 0 < version < VERSION:
            with whole_file(backup_path(path, version)) as file:
                file.write(path.read_bytes())
        with whole_file(path) as file:
            text = json.dumps(values, indent=2, ensure_ascii=False)
            # A path need not be text in UTF-8; its odd bytes are written as JSON's own escapes.
            file.write(text.encode("utf-8", "backslashreplace") + b"\n")
    except OSError as error:
        raise StorageError(
            fill(
                "The settings could not be saved ({reason}). Those of before still hold.",
                reason=system_says(error),
            )
        ) from error


_LATER = mark(
    "The settings were made by a later version of this program and are left as they are, so the "
    "clinic's or the defaults are used. Update the program."
)
_DAMAGED = mark("The settings file is damaged, so the defaults are used.")


def _clinic(site: Site) -> _Clinic:
    known = {field.name for field in fields(Settings)}
    settings, problems = _with(_DEFAULTS, site.values, site.folder)
    strange = [
        fill(
            "“{name}” is locked in the clinic's configuration, but there is no such setting.",
            name=name,
        )
        for name in sorted(site.locked - known)
    ]
    return _Clinic(settings, site.locked & known, (*site.problems, *problems, *strange))


def _read(path: Path) -> tuple[dict[str, object], str]:
    """Return the values of a user's file as they stand there now, and what is wrong with it."""
    try:
        values = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}, ""
    except (ValueError, RecursionError):
        return {}, _DAMAGED
    except OSError as error:
        raise StorageError(
            fill(
                "The settings in “{name}” cannot be read ({reason}). Check the permissions of "
                "the file.",
                name=path.name,
                reason=system_says(error),
            )
        ) from error
    if not isinstance(values, dict):
        return {}, _DAMAGED
    version = values.pop("version", 1)
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        return {}, _DAMAGED
    if version > VERSION:
        return {}, _LATER
    return _from_version_1(values) if version == 1 else values, ""


def _from_version_1(values: dict[str, object]) -> dict[str, object]:
    """Leave out what nobody may ever have chosen, so that the clinic's value counts instead."""
    plain = asdict(_DEFAULTS)
    return {key: value for key, value in values.items() if key not in plain or value != plain[key]}


def _version_on_disk(path: Path) -> int:
    """The version of a user's file; 0 if there is none that anything could be lost of."""
    try:
        values = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return 0
    version = values.get("version", 1) if isinstance(values, dict) else 0
    return version if isinstance(version, int) else 0


def _with(
    settings: Settings, values: Mapping[str, object], folder: Path | None = None
) -> tuple[Settings, list[str]]:
    """Return the settings with other values, and a sentence for each that cannot be used.

    Args:
        folder: Where relative paths among the values start.
    """
    problems = []
    known = {field.name for field in fields(settings)}
    for key, value in values.items():
        if key not in known:
            problems.append(
                fill("The setting “{key}” is not known to this version and is left out.", key=key)
            )
            continue
        try:
            checked_value = getattr(_VALUES.validate_python({key: value}), key)
        except ValidationError as error:
            message = error.errors()[0]["msg"]
            problems.append(
                fill(
                    "The setting “{key}” cannot be used, so its default is: {message}.",
                    key=key,
                    message=message,
                )
            )
            continue
        if folder is not None and key in _PATHS:
            checked_value = folder / checked_value
        settings = replace(settings, **{key: checked_value})
    return settings, problems
