"""The real window on real files, for the tests of app.gui."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from PySide6.QtWidgets import QApplication

from app.gui.application import open_window
from app.gui.main_window import MainWindow
from app.gui.session import CaseState
from app.paths import user_data
from app.settings import Settings, load_settings
from tests.tiny_package import tiny_package

WAIT = 60_000  # ms: other work may hold this machine
ENDED = (CaseState.READY, CaseState.FAILED, CaseState.STOPPED)


def install_tiny_package(**changes: object) -> None:
    tiny_package(user_data() / "models", **changes)


@contextmanager
def opened_window(qtbot, paths: Sequence[Path], **settings: object) -> Iterator[MainWindow]:
    """The window on these paths, with the tiny package unless `model_id` says otherwise."""
    install_tiny_package()
    QApplication.setStyle("Fusion")
    window = open_window(Settings(**({"model_id": "tiny"} | settings)), paths)
    window.resize(1440, 900)  # whatever the screen of the tests has
    faults: list[Exception] = []
    window.broken.connect(faults.append)
    try:
        yield window
    finally:
        if not window.close():
            window.close()  # what could not be saved has been told
        window.deleteLater()
        QApplication.processEvents()
    assert faults == []


def settings_on_disk(qtbot, window: MainWindow) -> Settings:
    """What the next start will find, once all that was changed has been saved."""
    qtbot.waitUntil(lambda: not window.session.saving)
    return load_settings()


def wait_until_ended(
    qtbot, window: MainWindow, studies: int = 1, *, milliseconds: int = WAIT
) -> None:
    """Wait until that many studies are open and none is being read or analysed."""
    qtbot.waitUntil(
        lambda: (
            len(window.session.cases) >= studies
            and not window.session.busy
            and all(case.state in ENDED for case in window.session.cases)
        ),
        timeout=milliseconds,
    )
    QApplication.processEvents()  # a result is shown in several turns
