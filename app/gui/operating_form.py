"""How common each disease is in this clinic, and from which score on an eye is called."""

from dataclasses import dataclass

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
from app.modelpack import Card, Estimate
from app.operating_point import localised, measured_point, predictive
from app.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fields:
    threshold: QComboBox
    prevalence: QDoubleSpinBox
    told: QLabel


class OperatingForm(QWidget):
    """One box for each disease that the model can find; the most severe first."""

    def __init__(self, card: Card, settings: Settings, locked: frozenset[str]) -> None:
        super().__init__()
        self._card = card
        self._settings = settings
        self._fields: dict[str, _Fields] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for info in sorted(card.classes, key=lambda each: -each.severity):
            if info.name in card.aggregation.rules:
                layout.addWidget(self._box(info.name, info.title, locked))
        for name in self._fields:
            self._tell(name)

    def edited(self) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
        """`prevalence` and `thresholds` as they stand in the form."""
        prevalence = dict(self._settings.prevalence)
        own: dict[str, float] = {}
        for name, fields in self._fields.items():
            prevalence.pop(name, None)
            if fields.prevalence.value() > 0:
                prevalence[name] = fields.prevalence.value() / 100
            threshold = fields.threshold.currentData()
            if threshold != self._card.aggregation.rules[name].threshold:
                own[name] = threshold
        thresholds = {k: v for k, v in self._settings.thresholds.items() if k != self._card.id}
        return prevalence, thresholds | ({self._card.id: own} if own else {})

    def _box(self, name: str, title: str, locked: frozenset[str]) -> QGroupBox:
        word = wording.class_word(name)
        box = QGroupBox(f"{word}: {title}" if title != name else word)
        fields = _Fields(
            threshold=self._thresholds(name), prevalence=QDoubleSpinBox(), told=QLabel()
        )
        share = fields.prevalence
        share.setRange(0, 99.9)
        share.setDecimals(1)
        share.setSuffix(" %")
        share.setSpecialValueText(self.tr("not stated"))
        share.setValue(100 * self._settings.prevalence.get(name, 0))
        share.setEnabled("prevalence" not in locked)
        fields.threshold.setEnabled("thresholds" not in locked and fields.threshold.count() > 1)
        if fields.threshold.count() == 1:
            fields.threshold.setToolTip(self.tr("The model package permits no other threshold."))
        theme.say(fields.threshold, self.tr("Threshold for {name}").format(name=word))
        theme.say(share, self.tr("Share of your patients who have {name}").format(name=word))
        fields.told.setWordWrap(True)
        fields.told.setObjectName("muted")
        form = QFormLayout(box)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow(self.tr("Called from a score of"), fields.threshold)
        form.addRow(self.tr("Share of your patients"), share)
        form.addRow(fields.told)
        self._fields[name] = fields
        fields.threshold.currentIndexChanged.connect(lambda: self._tell(name))
        share.valueChanged.connect(lambda: self._tell(name))
        return box

    def _thresholds(self, name: str) -> QComboBox:
        """The package's threshold, and the others that it was measured with."""
        package = self._card.aggregation.rules[name].threshold
        measured = {each.threshold for each in self._card.operating_points.get(name, ())}
        box = QComboBox()
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        for each in sorted({package, *measured}):
            words = wording.percent(each)
            if each == package:
                words = self.tr("{share} (as the model came)").format(share=words)
            box.addItem(words, each)
        own = self._settings.thresholds.get(self._card.id, {}).get(name, package)
        places = [box.itemData(place) for place in range(box.count())]
        nearest = min(places, key=lambda each: abs(each - own))
        box.setCurrentIndex(places.index(nearest))
        return box

    def _tell(self, name: str) -> None:
        fields = self._fields[name]
        card = localised(self._card, {name: fields.threshold.currentData()})
        point = measured_point(card, name)
        if point is None:
            fields.told.setText(self.tr("What this threshold gives was not measured."))
            return
        sentences = [
            self.tr("Measured on {data}: sensitivity {one}, specificity {other}.").format(
                data=point.data, one=_range(point.sensitivity), other=_range(point.specificity)
            )
        ]
        share = fields.prevalence.value() / 100
        if share > 0:
            worth = predictive(point.sensitivity, point.specificity, share)
            sentences.append(
                self.tr(
                    "With your patients: of those called, {one} have it; of those not called, "
                    "{other} do not."
                ).format(one=_range(worth.positive), other=_range(worth.negative))
            )
        fields.told.setText(" ".join(sentences))


def _range(estimate: Estimate) -> str:
    value, low, high = (wording.percent(each) for each in estimate)
    return f"{value} ({low} to {high})"
