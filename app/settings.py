"""What a clinic sets once: one frozen dataclass, one JSON file.

A key the program does not know, or a value it cannot use, is reported in a sentence and replaced
by the default; the rest still counts. A program that will not start over a line in its settings
would be worse than one that starts and says so.
"""

import json
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked

from app.errors import StorageError
from app.files import whole_file
from app.paths import user_config

logger = logging.getLogger(__name__)

Share = Annotated[float, Field(ge=0, le=1)]


@checked(frozen=True, slots=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Settings:
    """Everything a user may set, each with the value a fresh installation has."""

    clinic_name: str = ""  # printed on every report
    clinic_address: str = ""  # one line below it
    logo: Path | None = None  # PNG or JPEG; None prints no logo
    paper: Literal["A4", "Letter"] = "A4"
    folder: Path | None = None  # where reports and results are offered to be saved
    language: str = "en"  # ISO 639-1, of the window
    theme: Literal["system", "light", "dark"] = "system"
    ui_scale: Annotated[int, Field(ge=75, le=300)] = 100  # percent
    model_id: str | None = None  # None: the package that ships with the program
    heat_opacity: Share = 0.6
    export_identity: bool = False  # True: JSON and CSV carry the patient's name and number
    reader: Annotated[str, Field(max_length=12)] = ""  # initials, under every decision
    blind_first: bool = False  # True: the machine's call is shown only after the reader's own
    # By class: the share of the clinic's patients who have it; predictive values rest on it.
    prevalence: dict[str, Share] = field(default_factory=dict)
    # By model and class: the clinic's own threshold, one of those that the package permits.
    thresholds: dict[str, dict[str, Share]] = field(default_factory=dict)


_VALUES: TypeAdapter[Settings] = TypeAdapter(Settings)


@dataclass(frozen=True, slots=True)
class _Loaded:
    settings: Settings
    problems: tuple[str, ...]  # sentences


def settings_path() -> Path:
    return user_config() / "settings.json"


def load_settings(
    path: Path | None = None, report: Callable[[str], None] = logger.warning
) -> Settings:
    """Read the settings; where there is no file, return the defaults.

    Args:
        path: The file; None is this user's.
        report: Called with one sentence for every key or value that was left out.

    Raises:
        StorageError: If the file is there but cannot be read.
    """
    path = path or settings_path()
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Settings()
    except UnicodeDecodeError:
        text = ""
    except OSError as error:
        raise StorageError(
            f"The settings in “{path.name}” cannot be read ({error.strerror}). Check the "
            "permissions of the file."
        ) from error
    loaded = _parse(text)
    for problem in loaded.problems:
        report(problem)
    return loaded.settings


def save_settings(settings: Settings, path: Path | None = None) -> None:
    """Write the settings whole.

    Raises:
        StorageError: If they cannot be written; those on disk stay as they were.
    """
    path = path or settings_path()
    values = {
        key: str(value) if isinstance(value, Path) else value
        for key, value in asdict(settings).items()
    }
    try:
        with whole_file(path) as file:
            file.write(json.dumps(values, indent=2, ensure_ascii=False).encode() + b"\n")
    except OSError as error:
        raise StorageError(
            f"The settings could not be saved ({error.strerror}). Those of before still hold."
        ) from error


def _parse(text: str) -> _Loaded:
    try:
        values = json.loads(text)
    except json.JSONDecodeError:
        values = None
    if not isinstance(values, dict):
        return _Loaded(Settings(), ("The settings file is damaged, so the defaults are used.",))
    settings = Settings()
    problems = []
    known = {each.name for each in fields(settings)}
    for key, value in values.items():
        if key not in known:
            problems.append(f"The setting “{key}” is not known to this version and is left out.")
            continue
        try:
            checked_value = getattr(_VALUES.validate_python({key: value}), key)
        except ValidationError as error:
            message = error.errors()[0]["msg"]
            problems.append(f"The setting “{key}” cannot be used, so its default is: {message}.")
        else:
            settings = replace(settings, **{key: checked_value})
    return _Loaded(settings, tuple(problems))
