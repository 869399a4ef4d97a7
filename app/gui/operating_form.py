"""How common each disease is in this clinic, and from which score on an eye is called."""

from dataclasses import dataclass, replace

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QGroupBox,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from app.gui import theme, wording
from app.gui.languages import apart, told, wrap
from app.modelpack import Card, ClassInfo, Estimate, OperatingPoint
from app.operating_point import localised, measured_point, predictive
from app.settings import Settings

_STEP = 0.5  # percent


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """The controls of one disease, and what they come to."""

    disease: ClassInfo
    prevalence: QDoubleSpinBox
    threshold: QComboBox
    worth: QLabel


class OperatingForm(QWidget):
    """One box for each disease that a model can find, the most severe first."""

    def __init__(self, card: Card, settings: Settings, locked: frozenset[str]) -> None:
        """Build it.

        Args:
            card: The package's own, without the clinic's thresholds.
            locked: The settings that the clinic's IT keeps as they are.
        """
        super().__init__()
        self._card, self._settings, self._locked = card, settings, locked
        # Of which diseases they were set here: what the settings hold need not be what is shown.
        self._prevalences: set[str] = set()
        self._thresholds: set[str] = set()
        diseases = sorted(card.classes, key=lambda each: -each.severity)
        self.lines = [self._line(each) for each in diseases if each.severity]
        about = QLabel(
            self.tr(
                "The prevalence is the share of the patients scanned here who have the disease. "
                "What a call is worth follows from it and from the sensitivity and specificity "
                "that came with the model, and holds only as far as patients here are like those "
                "of its test. Thresholds hold from the next analysis on; reports say where they "
                "differ from the model package's own."
            )
        )
        about.setObjectName("muted")
        wrap(about)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(about)
        for line in self.lines:
            layout.addWidget(self._box(line))
            self._show_worth(line)
        layout.addStretch(1)

    def edited(self) -> Settings:
        """The settings with the prevalence and the thresholds that were set in the form."""
        settings = replace(self._settings, prevalence=self._edited_prevalence())
        if not self._thresholds:
            return settings
        own = self._edited_thresholds()
        thresholds = {k: v for k, v in settings.thresholds.items() if k != self._card.id}
        known = {k: v for k, v in settings.thresholds_known.items() if k != self._card.id}
        if own:
            thresholds[self._card.id], known[self._card.id] = own, self._card.version
        return replace(settings, thresholds=thresholds, thresholds_known=known)

    def _edited_prevalence(self) -> dict[str, float]:
        prevalence = dict(self._settings.prevalence)
        for line in self.lines:
            name, share = line.disease.name, line.prevalence.value() / 100
            if name in self._prevalences:
                prevalence.pop(name, None)
                if share > 0:
                    prevalence[name] = round(share, 5)
        return prevalence

    def _edited_thresholds(self) -> dict[str, float]:
        own = dict(self._settings.thresholds.get(self._card.id, {}))
        for line in self.lines:
            name, threshold = line.disease.name, line.threshold.currentData()
            if name in self._thresholds:
                own.pop(name, None)
                if threshold != self._card.aggregation.rules[name].threshold:
                    own[name] = threshold
        return own

    def _box(self, line: Line) -> QGroupBox:
        title = told(line.disease.title)
        box = QGroupBox(title[:1].upper() + title[1:])
        form = QFormLayout(box)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        form.addRow(self.tr("Prevalence here"), line.prevalence)
        form.addRow(self.tr("Called from a score of"), line.threshold)
        form.addRow(line.worth)
        return box

    def _line(self, disease: ClassInfo) -> Line:
        word = wording.class_word(disease.name)
        prevalence = QDoubleSpinBox()
        prevalence.setRange(0, 99)
        prevalence.setDecimals(1)
        prevalence.setSingleStep(_STEP)
        prevalence.setSuffix(" %")
        prevalence.setSpecialValueText(self.tr("not stated"))
        prevalence.setValue(100 * self._settings.prevalence.get(disease.name, 0.0))
        prevalence.setEnabled("prevalence" not in self._locked)
        theme.say(prevalence, self.tr("{name}: prevalence here").format(name=word))
        threshold = self._threshold_box(disease)
        theme.say(threshold, self.tr("{name}: called from").format(name=word))
        worth = QLabel()
        wrap(worth)
        line = Line(disease=disease, prevalence=prevalence, threshold=threshold, worth=worth)
        prevalence.valueChanged.connect(lambda _: self._set(line, self._prevalences))
        threshold.currentIndexChanged.connect(lambda _: self._set(line, self._thresholds))
        return line

    def _set(self, line: Line, changed: set[str]) -> None:
        changed.add(line.disease.name)
        self._show_worth(line)

    def _threshold_box(self, disease: ClassInfo) -> QComboBox:
        own = self._card.aggregation.rules[disease.name].threshold
        points = self._card.operating_points.get(disease.name, ())
        box = QComboBox()
        for each in sorted({own, *(point.threshold for point in points)}):
            words = apart(f"{100 * each:.3g} %")
            if each == own:
                words = self.tr("{threshold} (the model's own)").format(threshold=words)
            box.addItem(words, each)
        chosen = self._settings.thresholds.get(self._card.id, {})
        local = localised(self._card, chosen).aggregation.rules[disease.name].threshold
        box.setCurrentIndex(box.findData(local))
        locked = "thresholds" in self._locked
        box.setEnabled(box.count() > 1 and not locked)
        if locked:
            box.setToolTip(self.tr("The clinic's IT keeps the thresholds as they are."))
        elif box.count() == 1:
            box.setToolTip(self.tr("This model package permits no other threshold."))
        return box

    def _show_worth(self, line: Line) -> None:
        name = line.disease.name
        card = localised(self._card, {name: line.threshold.currentData()})
        line.worth.setText(self._worth(measured_point(card, name), line.prevalence.value() / 100))

    def _worth(self, point: OperatingPoint | None, prevalence: float) -> str:
        if point is None:
            return self.tr("How well it does at this threshold was not measured.")
        words = self.tr("Sensitivity {sensitivity}, specificity {specificity}").format(
            sensitivity=_shown(point.sensitivity), specificity=_shown(point.specificity)
        )
        if not 0 < prevalence < 1:
            return words
        values = predictive(point.sensitivity, point.specificity, prevalence)
        worth = self.tr("<b>Called: {positive} have it. Not called: {negative} do not.</b>").format(
            positive=_shown(values.positive), negative=_shown(values.negative)
        )
        return f"{worth}<br>{words}"


def _shown(estimate: Estimate) -> str:
    value, low, high = (f"{100 * each:.1f}" for each in estimate)
    words = QCoreApplication.translate("OperatingForm", "{value} % ({low} to {high})")
    return words.format(value=value, low=low, high=high)
