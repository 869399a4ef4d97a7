"""Draw the window's main states into a folder: `python -m tests.gui.scenes FOLDER STATE…`.

A process of its own, so that the scale of the screen can be chosen and nothing of the desktop's
fonts, theme or settings comes in: Qt draws nowhere, with the fonts that ship with the program, and
the tiny package answers, whose network never changes.
"""

import os
import sys
import time
from pathlib import Path

SIZES = {
    "dark": (1440, 900),
    "light": (1440, 900),
    "mirrored": (1440, 900),
    "scaled": (960, 600),
    "small": (640, 360),  # a screen of 1280 x 720 at 200 %
    "persian": (1440, 900),
}
TWICE = {"scaled", "small"}  # drawn at 200 %
PATIENCE = 240  # seconds


def main(folder: Path, states: list[str]) -> None:
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    os.environ["QT_SCALE_FACTOR"] = "2" if TWICE.issuperset(states) else "1"
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        os.environ[name] = str(folder / f"home-{states[0]}" / name)
    # Only now: Qt looks at the environment as it is imported.
    from PySide6.QtGui import QFont, QFontDatabase
    from PySide6.QtTest import QTest
    from PySide6.QtWidgets import QApplication

    from app.gui.application import open_window
    from app.gui.languages import speak
    from app.installed import demo_study
    from app.paths import resources
    from app.settings import Settings
    from tests.gui_window import ENDED, install_tiny_package

    program = QApplication(sys.argv[:1])
    program.setStyle("Fusion")
    for alphabet in ("NotoSans", "NotoSansArabic"):
        for path in (resources() / "fonts").glob(f"{alphabet}-*.ttf"):
            QFontDatabase.addApplicationFont(str(path))
    font = QFont("Noto Sans", 10)
    font.setFamilies(["Noto Sans", "Noto Sans Arabic"])
    program.setFont(font)
    speak("fa" if states == ["persian"] else "en", program)
    install_tiny_package()
    window = open_window(Settings(model_id="tiny", theme="dark"), [demo_study()])

    def wait_for(condition) -> None:
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end
            program.processEvents()
            # Not QTest.qWait: it sleeps without letting the threads run that are waited for.
            time.sleep(0.01)

    wait_for(lambda: [case.state in ENDED for case in window.session.cases] == [True])
    wait_for(lambda: not window.session.busy)
    panel = window.room.panel
    window.room.set_options(class_name="DME")
    panel.go_to(20)
    for state in states:
        _dress(program, window, state)
        window.resize(*SIZES[state])
        QTest.qWait(50)
        wait_for(lambda: window.updatesEnabled())  # the theme comes in several turns
        wait_for(lambda: panel._frames.picture(panel.index, panel._look()) is not None)
        wait_for(lambda: all(panel._overview.thumbnails))
        wait_for(lambda: panel._overview.enface is not None)
        panel._overview_grown()
        QTest.qWait(200)
        window.grab().save(str(folder / f"{state}.png"))
    window.close()


def _dress(program, window, state: str) -> None:
    from PySide6.QtCore import Qt

    from app.gui import theme

    mirrored = state in ("mirrored", "persian")
    program.setLayoutDirection(
        Qt.LayoutDirection.RightToLeft if mirrored else Qt.LayoutDirection.LeftToRight
    )
    choice = theme.ThemeChoice.LIGHT if state in ("light", "persian") else theme.ThemeChoice.DARK
    theme.apply(choice)  # the direction is another than at the start, and with it the style sheet
    window.upkeep.choose_theme(choice)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
