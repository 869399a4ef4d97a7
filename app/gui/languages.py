"""The window in the reader's language: its own texts, Qt's, and what the core says.

Texts of the window go through Qt's translation system to gettext's catalogue
`resources/translations/CODE/window.mo`. Sentences of the core are English wherever they are made
and kept; `told` says them in the window's language where they are shown.
"""

import struct
from collections.abc import Mapping
from functools import lru_cache
from gettext import GNUTranslations

from PySide6.QtCore import QCoreApplication, QLibraryInfo, QLocale, Qt, QTranslator
from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import QLabel

from app.paths import resources

ENGLISH = "en"
_CATALOGUE = "window.mo"
_RLM = "\u200f"  # Unicode's letter that nobody sees, and that makes a line run from the right
_FSI, _PDI = "\u2068", "\u2069"  # Unicode's isolate whose first letter says which way it runs
_ALPHABETS = {"fa": (QFontDatabase.WritingSystem.Arabic, "NotoSansArabic")}
"""What the system needs a font for, and those that ship with the program for where it has none."""

_spoken: "_Translator | None" = None  # None: English


def speak(code: str, program: QCoreApplication) -> None:
    """Let the program speak a language, from right to left where that one is written so.

    One without a translation stays English. Windows that are open keep their texts.
    """
    global _spoken
    if _spoken is not None:
        program.removeTranslator(_spoken)
        _spoken = None
    direction = Qt.LayoutDirection.LeftToRight
    if code != ENGLISH and code.isalpha():
        _spoken = _translator(code, program)
    if _spoken is not None:
        program.installTranslator(_spoken)
        direction = QLocale(code).textDirection()
        _provide_font(code)
    QGuiApplication.setLayoutDirection(direction)
    if QLocale().zeroDigit() != "0":
        # Figures are read beside the device's prints, which have these digits everywhere.
        QLocale.setDefault(QLocale.c())


def spoken() -> str:
    """The code of the language that the window speaks."""
    return _spoken.code if _spoken is not None else ENGLISH


def told(sentence: str) -> str:
    """Say in the window's language what the core made or a file kept in English."""
    return sentence if _spoken is None else _told(sentence, _spoken.code)


def apart(text: str) -> str:
    """Keep a name, a path or a figure with its unit together in a line that runs the other way."""
    return text if QGuiApplication.isLeftToRight() or not text else f"{_FSI}{text}{_PDI}"


def led(text: str) -> str:
    """Have a line begin where the window's lines do, though its first word is a Latin one."""
    return text if QGuiApplication.isLeftToRight() or not text else f"{_RLM}{text}"


def wrap(label: QLabel) -> None:
    """Break a label's text into lines."""
    label.setWordWrap(True)
    if QGuiApplication.isRightToLeft():
        # Qt cuts the lines of a plain label at the end where they run from right to left.
        label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        label.setFocusPolicy(Qt.FocusPolicy.NoFocus)


class _Translator(QTranslator):
    """Answers from a catalogue of the window, and for Qt's own texts from Qt's."""

    def __init__(self, code: str, texts: Mapping[str, str], parent: QCoreApplication) -> None:
        super().__init__(parent)
        self.code = code
        self._texts = texts
        self._qt = QTranslator(self)
        folder = QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)
        self._qt.load(f"qtbase_{code}", folder)

    def isEmpty(self) -> bool:  # noqa: N802 - Qt's name
        # Qt leaves out a translator into which it has loaded nothing.
        return False

    def translate(
        self, context: str, source: str, disambiguation: str | None = None, n: int = -1
    ) -> str:
        # Keys are named as they are printed on the keyboard.
        if context == "QShortcut":
            return source
        key = f"{disambiguation}\x04{source}" if disambiguation else source
        own = self._texts.get(key) if source else None
        if own is not None:
            return own
        # An empty answer would count as one.
        return self._qt.translate(context, source, disambiguation, n) or source


def _translator(code: str, program: QCoreApplication) -> _Translator | None:
    path = resources() / "translations" / code / _CATALOGUE
    try:
        with path.open("rb") as file:
            # The one way to its entries that does not need each of them named.
            texts = vars(GNUTranslations(file))["_catalog"]
    except (OSError, ValueError, struct.error):
        return None
    return _Translator(code, texts, program)


@lru_cache(maxsize=4096)
def _told(sentence: str, code: str) -> str:
    from app.language import language

    said = language(code).tell(sentence)
    # What no catalogue knows stays English, and keeps its full stop.
    return apart(said) if said == sentence and said.endswith(".") else said


def _provide_font(code: str) -> None:
    """Take the program's own font of an alphabet where the system has none."""
    alphabet, name = _ALPHABETS.get(code, (None, ""))
    if alphabet is not None and not QFontDatabase.families(alphabet):
        for path in sorted((resources() / "fonts").glob(f"{name}-*.ttf")):
            QFontDatabase.addApplicationFont(str(path))
