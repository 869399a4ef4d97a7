"""The languages that the program speaks: English, and those that translations are there for."""

from pathlib import Path

from PySide6.QtCore import QCoreApplication, QLocale, Qt, QTranslator
from PySide6.QtGui import QGuiApplication

from app.paths import resources

ENGLISH = "en"
_KIND = ".qm"


def _folder() -> Path:
    return resources() / "translations"


def languages() -> dict[str, str]:
    """Each language's code (ISO 639-1) and its own name for itself, English first."""
    codes = sorted(path.stem for path in _folder().glob(f"*{_KIND}") if path.stem != ENGLISH)
    return {ENGLISH: "English"} | {
        code: QLocale(code).nativeLanguageName().capitalize() for code in codes
    }


def speak(code: str, program: QCoreApplication) -> None:
    """Let the program speak a language, from right to left where that one is written so.

    One without a translation stays English. Call it before the first window is made.
    """
    translator = QTranslator(program)
    if code != ENGLISH and translator.load(str(_folder() / f"{code}{_KIND}")):
        program.installTranslator(translator)
        QLocale.setDefault(QLocale(code))
        QGuiApplication.setLayoutDirection(QLocale(code).textDirection())
    else:
        QGuiApplication.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
