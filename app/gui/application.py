"""Start the window: `main(paths)`."""

import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from app import __version__
from app.errors import AppError
from app.gui import theme
from app.gui.icons import program_icon
from app.gui.languages import speak
from app.gui.logs import keep_crashes, keep_logs, log_fault
from app.gui.main_window import MainWindow
from app.gui.opened_by_desktop import OpenedByDesktop
from app.gui.session import Notice, Session
from app.gui.single_instance import SingleInstance
from app.settings import Settings, load_settings


def main(paths: Sequence[Path]) -> int:
    """Open the window on these files and folders, or on the demo study; return the exit status."""
    problems: list[str] = []
    settings = _settings(problems)
    if settings.ui_scale != 100:
        os.environ.setdefault("QT_SCALE_FACTOR", str(settings.ui_scale / 100))
    program = QApplication.instance()
    if not isinstance(program, QApplication):
        program = QApplication(sys.argv[:1])
    program.setApplicationName("KD-OCT")
    program.setApplicationVersion(__version__)
    program.setDesktopFileName("kd-oct")
    program.setStyle("Fusion")
    program.setWindowIcon(program_icon())
    speak(settings.language, program)
    instance = SingleInstance()
    if not instance.claim() and instance.hand_over(paths):
        return 0
    keep_logs()
    keep_crashes()
    window = open_window(settings, paths)
    desktop = OpenedByDesktop()
    program.installEventFilter(desktop)
    for source in (instance, desktop):
        source.arrived.connect(window.receive)
    sys.excepthook = lambda kind, error, trace: _tell(window, error, trace)
    for problem in problems:
        window.bars.show_notice(Notice(kind="warning", text=problem))
    if not paths:
        window.help.offer_tour()
    # What is loaded by now stays to the end: to look for garbage among it, again and again, would
    # hold the window for 80 ms each time.
    gc.freeze()
    status = program.exec()
    instance.leave()
    return status


def open_window(settings: Settings, paths: Sequence[Path]) -> MainWindow:
    """Show the window, then begin to read: what takes time must not keep it from appearing."""
    theme.apply(theme.ThemeChoice(settings.theme))
    session = Session(settings)
    window = MainWindow(session)
    session.setParent(window)
    window.broken.connect(lambda error: _tell(window, error))
    window.show()
    if paths:
        QTimer.singleShot(0, window, lambda: window.open(paths))
    else:
        # The demo is there for who has nothing else to look at.
        session.resumed.connect(lambda anything: None if anything else window.open_demo())
        QTimer.singleShot(0, window, session.resume)
    return window


def _settings(problems: list[str]) -> Settings:
    try:
        return load_settings(report=problems.append)
    except AppError as error:
        problems.append(str(error))
        return Settings()


def _tell(window: MainWindow, error: BaseException, trace: TracebackType | None = None) -> None:
    """Log a bug, and say so in the window; the reader's work goes on."""
    if isinstance(error, KeyboardInterrupt):
        window.close()
        return
    log_fault(error, trace)
    window.bars.show_notice(
        Notice(
            kind="problem",
            text=window.tr(
                "A fault in the program ({kind}) stopped the last action. It is in the log; "
                "please report it."
            ).format(kind=type(error).__name__),
            action=window.tr("Save fault bundle…"),
            act=window.help.faults.ask,
        )
    )
