"""The few plain dialogs: about the program, the model's limits, what was left out."""

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QLabel,
    QScrollArea,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app import __version__
from app.cases.kept import Summary
from app.decimals import alike
from app.gui import theme, wording
from app.gui.languages import apart, told, wrap
from app.modelpack import Card, Figure
from app.notices import HEAT_MAP, RESEARCH_USE, UNTRAINED
from app.study import Skipped


def plain_dialog(parent: QWidget, title: str, *contents: QWidget) -> QDialog:
    """A window that shows something and has one button, to close it."""
    dialog = QDialog(parent)
    dialog.setWindowTitle(title)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    layout = QVBoxLayout(dialog)
    layout.setContentsMargins(16, 14, 16, 12)
    layout.setSpacing(10)
    for each in contents:
        layout.addWidget(each)
    buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
    buttons.rejected.connect(dialog.reject)
    layout.addWidget(buttons)
    return dialog


def heading_of(whose: Summary) -> QLabel:
    """Patient and visit: another patient's scans may lie behind the dialog."""
    heading = QLabel(wording.whose(whose))
    heading.setObjectName("heading")
    wrap(heading)
    return heading


def save_or_cancel(dialog: QDialog) -> QDialogButtonBox:
    buttons = QDialogButtonBox(
        QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel
    )
    buttons.accepted.connect(dialog.accept)
    buttons.rejected.connect(dialog.reject)
    return buttons


def words_area(html: str) -> QScrollArea:
    """Text that can be read by keyboard and copied."""
    # Headings and tables with Latin words in front would run the other way.
    side = "ltr" if QGuiApplication.isLeftToRight() else "rtl"
    directed = f"<div dir='{side}'>{html}</div>"
    label = QLabel(directed)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.RichText)
    label.setAlignment(Qt.AlignmentFlag.AlignTop)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)
    label.setContentsMargins(2, 2, 10, 2)
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setWidget(label)
    return area


def table(headings: tuple[str, ...], rows: Sequence[tuple[str, ...]], name: str) -> QTableWidget:
    """Rows of text under headings."""
    grid = QTableWidget(len(rows), len(headings))
    theme.say(grid, name)
    grid.setHorizontalHeaderLabels(list(headings))
    grid.verticalHeader().hide()
    grid.setShowGrid(False)
    grid.setWordWrap(True)
    grid.setAlternatingRowColors(True)
    grid.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    grid.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    grid.setTabKeyNavigation(False)
    for row, cells in enumerate(rows):
        for column, cell in enumerate(cells):
            item = QTableWidgetItem(cell)
            item.setToolTip(cell)
            grid.setItem(row, column, item)
    header = grid.horizontalHeader()
    header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    header.setStretchLastSection(True)
    header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    return grid


def about(parent: QWidget) -> QDialog:
    words = parent.tr(
        "<h2>KD-OCT {version}</h2>"
        "<p>Screens retinal OCT volumes on this computer. Nothing leaves it: no study, no result "
        "and no usage data is sent anywhere.</p>"
        "<p><b>{research}</b></p>"
        "<p>{heat}</p>"
    ).format(version=__version__, research=told(RESEARCH_USE), heat=told(HEAT_MAP))
    dialog = plain_dialog(parent, parent.tr("About KD-OCT"), words_area(words))
    theme.fit(dialog, 460, 300)
    return dialog


def about_model(parent: QWidget, card: Card | None) -> QDialog:
    """What the model knows, how it was measured, and where it must not be trusted."""
    if card is None:
        words = parent.tr("<p>No model has been loaded yet: it is with the first analysis.</p>")
    else:
        words = _model_words(parent, card)
    dialog = plain_dialog(parent, parent.tr("The model and its limits"), words_area(words))
    theme.fit(dialog, 640, 560)
    return dialog


def left_out(parent: QWidget, skipped: tuple[Skipped, ...]) -> QDialog:
    """Every file that was not taken, and why; those that failed first."""
    rows = [
        (
            parent.tr("Not read") if each.failed else parent.tr("Not OCT"),
            each.path.name,
            told(each.reason),
        )
        for each in sorted(skipped, key=lambda each: (not each.failed, str(each.path)))
    ]
    headings = (parent.tr("State"), parent.tr("File"), parent.tr("Reason"))
    files = table(headings, rows, parent.tr("Files left out"))
    files.resizeRowsToContents()
    dialog = plain_dialog(parent, parent.tr("Files left out"), files)
    theme.fit(dialog, 760, 420)
    return dialog


def _model_words(parent: QWidget, card: Card) -> str:
    parts = [
        f"<h2>{told(card.title)}</h2>",
        "" if card.trained else f"<p><b>{told(UNTRAINED)}</b></p>",
        parent.tr("<p>Version {version} of {date}, {architecture}.</p>").format(
            version=card.version, date=card.created, architecture=card.architecture
        ),
        parent.tr("<h3>Limits</h3>"),
        _list([told(each) for each in (RESEARCH_USE, *card.limits, HEAT_MAP)]),
        parent.tr("<h3>Measured, with 95 % intervals by patient</h3>"),
        _figures(parent, card),
        parent.tr("<h3>Trained on</h3>"),
        _list(
            [
                parent.tr(
                    "{name}: {bscans} B-scans of {patients} patients, {device}; {licence}"
                ).format(
                    name=each.name,
                    bscans=each.bscans,
                    patients=each.patients,
                    device=each.device,
                    licence=each.licence,
                )
                for each in card.training
            ]
            or [parent.tr("Nothing is stated.")]
        ),
        parent.tr("<h3>What an eye can be called</h3>"),
        _list([f"{wording.class_word(each.name)}: {told(each.title)}" for each in card.classes]),
        f"<p style='font-size:small'>{card.id} · SHA-256 {card.graph_sha256}</p>",
    ]
    return "".join(parts)


def _figures(parent: QWidget, card: Card) -> str:
    if not card.figures:
        return parent.tr("<p>No figures come with this model.</p>")
    span = parent.tr("{low} to {high}")
    rows = "".join(f"<tr>{_figure(each, span)}</tr>" for each in card.figures)
    return f"<table cellspacing='0' cellpadding='3'>{rows}</table>"


def _figure(figure: Figure, span: str) -> str:
    value, low, high = alike(figure.value, figure.low, figure.high)
    cells = [
        f"<td>{told(figure.name)}</td>",
        f"<td align='right'>{apart(f'{value} {figure.unit}'.strip())}</td>",
        f"<td>{span.format(low=low, high=high)}</td>",
        f"<td>{told(figure.data)}</td>",
    ]
    # Qt leaves columns from left to right, whichever way the words run.
    return "".join(cells if QGuiApplication.isLeftToRight() else reversed(cells))


def _list(sentences: list[str]) -> str:
    return "<ul>" + "".join(f"<li>{each}</li>" for each in sentences) + "</ul>"
