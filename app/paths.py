"""Where the program's own files and the user's live. The only place that knows.

With a Windows profile that roams, the settings go from computer to computer with their user.
Cases, added models and logs stay: they are large, and patients' data must not be copied about.
"""

import os
import sys
from pathlib import Path

import platformdirs


def resources() -> Path:
    """The folder of models, fonts, icons and the demo study: beside `app/`, or in the bundle."""
    bundle = getattr(sys, "_MEIPASS", None)
    return (Path(bundle) if bundle else Path(__file__).resolve().parent.parent) / "resources"


def user_data() -> Path:
    """The folder where this user's cases and added models are kept."""
    return Path(platformdirs.user_data_dir("KD-OCT", appauthor=False))


def user_config() -> Path:
    """The folder of what this user set."""
    return Path(platformdirs.user_config_dir("KD-OCT", appauthor=False, roaming=True))


def site_configs() -> tuple[Path, ...]:
    """The folders that may hold the configuration for all users, the one that counts first.

    /etc/xdg/KD-OCT (or as XDG_CONFIG_DIRS says), C:\\ProgramData\\KD-OCT, /Library/Application
    Support/KD-OCT.
    """
    found = platformdirs.site_config_dir("KD-OCT", appauthor=False, multipath=True)
    return tuple(Path(each) for each in found.split(os.pathsep))


def user_logs() -> Path:
    return Path(platformdirs.user_log_dir("KD-OCT", appauthor=False))
