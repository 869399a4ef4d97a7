"""Everything that the program can show, one after the other, on the demo study.

As pictures, to be looked at: `python -m tests.gui.every_window FOLDER LANGUAGE [light]`. They are
drawn on the screen that is there, with the model that ships.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QApplication, QDialog, QTabWidget, QWidget

from app.cases.store import PATIENT
from app.gui import dialogs
from app.gui.main_window import MainWindow
from app.gui.notice import Notice
from app.study import Laterality, Skipped

Wait = Callable[[Callable[[], object]], None]


def every_window(window: MainWindow, wait: Wait) -> Iterator[tuple[str, QWidget]]:
    """Open one thing after the other, each with its name; it is closed when the next is asked for.

    Args:
        wait: Lets the program run until something holds.
    """
    yield "window", window
    yield from _views(window, wait)
    yield from _menus(window)
    yield from _dialogs(window, wait)
    yield from _tour(window)
    yield from _report(window, wait)
    window.session.remove(list(window.session.cases))
    wait(lambda: window.session.current is None)
    yield "empty", window


def _views(window: MainWindow, wait: Wait) -> Iterator[tuple[str, QWidget]]:
    case = window.session.current
    window.actions_["show_both"].trigger()
    yield "both-eyes", window
    window.actions_["show_right"].trigger()
    for laterality in case.summary.eyes:
        window.desk.decide(case, str(laterality), "DRUSEN", "note")
    window.desk.agree(case, PATIENT)
    wait(lambda: case.readings.patient)
    yield "decided", window
    yield from _notices(window)
    window.session.change_settings(replace(window.session.settings, blind_first=True))
    case.seen, readings = frozenset(), case.readings
    case.readings = type(readings)()
    window.session.case_changed.emit(case)
    yield "blind", window
    case.readings = readings
    window.session.change_settings(replace(window.session.settings, blind_first=False))
    window.list.search.setText("nobody")
    yield "nobody-found", window
    window.list.show_all()


def _notices(window: MainWindow) -> Iterator[tuple[str, QWidget]]:
    window.bars.clear_notices()
    window.bars.show_notice(
        Notice(kind="problem", text="The settings file is damaged, so the defaults are used.")
    )
    window.session._give_up(_Dropped(tries=3, paths=(Path("/data/a name.dcm"),)))
    window.session._tell_damaged([1, 2])
    yield "notices", window
    window.bars.clear_notices()


class _Dropped:
    number = -1

    def __init__(self, tries: int, paths: tuple[Path, ...]) -> None:
        self.tries, self.paths = tries, paths


def _menus(window: MainWindow) -> Iterator[tuple[str, QWidget]]:
    for name, menu in window.actions_.menus.items():
        menu.popup(window.mapToGlobal(QPoint(40, 40)))
        yield f"menu-{name}", menu
        menu.close()
    for name, menu in (
        ("filter", window.list.filter.menu()),
        ("row", window.results.patient.row.menu),
        ("contents", window.papers.report.head._contents()),
    ):
        menu.popup(window.mapToGlobal(QPoint(40, 40)))
        yield f"menu-{name}", menu
        menu.close()


def _dialogs(window: MainWindow, wait: Wait) -> Iterator[tuple[str, QWidget]]:
    actions = window.actions_
    for name, command in (
        ("settings", "settings"),
        ("operating-point", "operating_point"),
        ("models", "models"),
        ("keys", "keys"),
        ("about-model", "about_model"),
        ("about", "about"),
        ("decision", "decide_eye"),
        ("trail", "trail"),
        ("agreement", "agreement"),
        ("anonymise", "anonymise"),
    ):
        known = set(window.findChildren(QDialog))
        actions[command].trigger()
        wait(lambda known=known: _new(window, known))
        dialog = _new(window, known)[0]
        yield from _pages(name, dialog, wait)
        dialog.close()
    window.desk.initials_wanted.emit(window.session.current)
    dialog = window.findChildren(QDialog)[-1]
    yield "initials", dialog
    dialog.close()
    skipped = (
        Skipped(
            path=Path("/data/notes on him.txt"),
            reason="It is no format of OCT or of pictures that is read here.",
        ),
        Skipped(path=Path("/data/a.dcm"), reason="The file is empty.", failed=True),
    )
    dialog = dialogs.left_out(window, skipped)
    dialog.open()
    yield "left-out", dialog
    dialog.close()
    question = window.leaving.question()
    question.open()
    yield "leaving", question
    question.close()


def _new(window: MainWindow, known: set[QDialog]) -> list[QDialog]:
    return [each for each in window.findChildren(QDialog) if each not in known and each.isVisible()]


def _pages(name: str, dialog: QDialog, wait: Wait) -> Iterator[tuple[str, QWidget]]:
    jobs = getattr(dialog, "_jobs", None)
    if jobs is not None:
        wait(lambda: not jobs.busy)
    pages = dialog.findChild(QTabWidget)
    if pages is None:
        yield name, dialog
        return
    for number in range(pages.count()):
        pages.setCurrentIndex(number)
        yield f"{name}-{number}", dialog


def _tour(window: MainWindow) -> Iterator[tuple[str, QWidget]]:
    window.help.begin_tour()
    tour = window.help.tour
    for number in range(len(tour._steps)):
        yield f"tour-{number}", window
        tour._go(1)


def _report(window: MainWindow, wait: Wait) -> Iterator[tuple[str, QWidget]]:
    window.papers.show_report()
    wait(lambda: window.papers.report.sheets)
    yield "report", window
    window.show_scans()


def main(folder: Path, code: str, theme: str) -> None:
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        os.environ[name] = str(folder / "home" / name)
    from PySide6.QtTest import QTest

    from app.gui.application import open_window
    from app.gui.languages import speak
    from app.settings import Settings

    program = QApplication(sys.argv[:1])
    program.setStyle("Fusion")
    speak(code, program)
    window = open_window(Settings(theme=theme, reader="AB", language=code), [])

    def wait(condition: Callable[[], object]) -> None:
        end = time.monotonic() + 240
        while not condition():
            assert time.monotonic() < end
            QTest.qWait(20)

    wait(lambda: window.session.cases and window.session.cases[0].result)
    wait(lambda: not window.session.busy)
    window.room.jump(Laterality.RIGHT, 20)
    QTest.qWait(1500)
    for number, (name, widget) in enumerate(every_window(window, wait)):
        QTest.qWait(300)
        widget.grab().save(str(folder / f"{number:02d}-{name}.png"))
    window.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else "dark")
