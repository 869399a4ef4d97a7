"""Where the program's own files and the user's live. The only place that knows."""

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
    return Path(platformdirs.user_config_dir("KD-OCT", appauthor=False))


def user_logs() -> Path:
    return Path(platformdirs.user_log_dir("KD-OCT", appauthor=False))
