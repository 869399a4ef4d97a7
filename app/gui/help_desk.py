"""The help menu: help, the tour, what the model and the program are, and reporting a fault."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from app.gui import dialogs, help_window
from app.gui.faults import FaultReports
from app.gui.help_window import HelpWindow
from app.gui.tour import Step, Tour

if TYPE_CHECKING:
    from app.gui.main_window import MainWindow


class HelpDesk(QObject):
    """Opens what helps, and knows whether this user has taken the tour."""

    demo_wanted = Signal()

    def __init__(self, window: "MainWindow") -> None:
        super().__init__(window)
        self._window = window
        self._offered = False  # the tour, on the demo alone
        self._asked = False  # for the tour, on what is still without a result
        self.faults = FaultReports(window.session, window)
        self.tour: Tour | None = None
        window.session.case_changed.connect(self._begin_due)

    def acts(self) -> dict[str, Callable[[], object]]:
        """What each command of the menu does."""
        window = self._window
        return {
            "keys": lambda: self.open(help_window.KEYBOARD),
            "answers": lambda: self.open(help_window.ANSWERS),
            "report_fault": lambda: self.open(help_window.FAULT),
            "demo": self.demo_wanted.emit,
            "tour": self.begin_tour,
            "about_model": lambda: dialogs.about_model(window, window.session.card).open(),
            "about": lambda: dialogs.about(window).open(),
        }

    def open(self, page: int) -> None:
        """Open the help window at a page, beside the work rather than before it."""
        helped = self._window.findChild(HelpWindow)
        if helped is None:
            helped = HelpWindow(self._window, self._window.session.card, self.faults.ask)
        helped.pages.setCurrentIndex(page)
        helped.show()
        helped.raise_()
        helped.activateWindow()

    def offer_tour(self) -> None:
        """Begin the tour on the demo study, unless this user has had it."""
        if not self._window.state.toured():
            self._offered = True
            self._begin_due()

    def begin_tour(self) -> None:
        """Show the window's parts one by one, on the study that is open, else on the demo."""
        window = self._window
        case = window.session.current
        if case is None or case.result is None:
            self._asked = True
            if case is None:
                self.demo_wanted.emit()
            return
        self._offered = self._asked = False
        if self.tour is None:
            window.show_scans()
            self.tour = Tour(window, self._steps())
            self.tour.ended.connect(self._toured)

    def shut_down(self) -> None:
        self.faults.shut_down()

    def _begin_due(self) -> None:
        case = self._window.session.current
        if case is None:
            return
        # Who opens a patient's study meanwhile has come to work.
        self._offered = self._offered and case.study.synthetic
        if (self._offered or self._asked) and case.result is not None:
            self.begin_tour()

    def _toured(self) -> None:
        self.tour = None
        self._window.state.set_toured()

    def _about_studies(self) -> str:
        words = self.tr(
            "Drop folders, files or archives anywhere on the window. Each study is read "
            "and analysed in turn and appears here; you can look at one while others are "
            "still at work."
        )
        case = self._window.session.current
        if case is not None and case.study.synthetic:
            words = self.tr("{words} This one is synthetic and shows no patient.").format(
                words=words
            )
        return words

    def _steps(self) -> list[Step]:
        window, room = self._window, self._window.room

        def step(place: Callable[[], QWidget | None], title: str, words: str) -> Step:
            return Step(place=place, title=title, words=words)

        return [
            step(
                lambda: window.list,
                self.tr("Your studies"),
                self._about_studies(),
            ),
            step(
                lambda: window.results,
                self.tr("What the model says"),
                self.tr(
                    "The answer for the patient, for each eye and for the B-scan in front, with "
                    "the reason in a sentence. An answer can also be “uncertain”, “out of scope” "
                    "or “ungradable”: none of these means healthy."
                ),
            ),
            step(
                lambda: room.panel.view,
                self.tr("The B-scan"),
                self.tr(
                    "Wheel and arrow keys go through the frames, Ctrl and wheel enlarge, a drag "
                    "with the right button sets brightness and contrast. N goes to the next "
                    "deciding B-scan, M measures."
                ),
            ),
            step(
                lambda: room.panel.strip,
                self.tr("All frames at a glance"),
                self.tr(
                    "Each frame with its class; those that decided are marked, ungradable ones "
                    "hatched. Click one to go there."
                ),
            ),
            step(
                lambda: room.panel.enface,
                self.tr("Where in the eye"),
                self.tr("The retina from the front, with the line of the B-scan you see."),
            ),
            step(
                lambda: window.heat,
                self.tr("The heat map"),
                self.tr(
                    "It shows where the network found support for a class; it does not outline a "
                    "lesion. H shows the bare scan, O draws outlines only."
                ),
            ),
            step(
                lambda: window.results.patient,
                self.tr("You decide"),
                self.tr(
                    "A agrees with the machine, D lets you give your own call with a note. Both "
                    "stand in the report, and every change is kept."
                ),
            ),
            step(
                lambda: window.tools.button("show_report"),
                self.tr("The report"),
                self.tr(
                    "Ctrl+R shows the report; save it, print it, or drag a page to a mail or a "
                    "folder. F1 opens the help with all keys, and this tour is in the Help menu."
                ),
            ),
        ]
