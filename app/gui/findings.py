"""What an eye panel says of a volume: words on its B-scans, colours, the heat from above."""

from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QColor, QImage

from app.gui import theme, wording
from app.gui.bscan_marks import Caption
from app.gui.images import colour_image, map_projection
from app.modelpack import Card
from app.study import Outcome, StudyResult, VolumeResult

_COLUMNS = 128  # of the heat map from above


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewOptions:
    """What the reader chose for all eyes."""

    heat: bool = True
    class_name: str | None = None  # None, or none of the card's: the class that the eye was called
    opacity: float = 0.6
    outlined: bool = False
    true_proportions: bool = True
    measuring: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Findings:
    """The result of one volume with what it takes to show it."""

    result: VolumeResult
    card: Card
    scales: tuple[float, ...]  # of each class's maps, over the whole study
    _strengths: dict[int, NDArray[np.float32]] = field(default_factory=dict, repr=False)

    def sought(self, options: ViewOptions) -> int | None:
        """Position of the class whose places are shown: the one chosen, or the disease called."""
        # By name: models differ in how many classes they have, and in which place each stands.
        if options.class_name in self.card.names:
            return self.card.names.index(options.class_name)
        call = self.result.call
        if call.outcome not in (Outcome.CALLED, Outcome.UNCERTAIN) or call.label is None:
            return None
        # What speaks for a healthy eye lies everywhere and says nothing.
        if self.card.class_named(call.label).severity == 0:
            return None
        return self.card.names.index(call.label)

    def heat_class(self, options: ViewOptions) -> int | None:
        """Position of the class whose heat map lies over the B-scans; None: none does."""
        return self.sought(options) if options.heat else None

    @cached_property
    def colours(self) -> tuple[QColor | None, ...]:
        """For each B-scan the colour of its class; None where it has none."""
        classes = [theme.class_colour(each.severity, theme.DARK) for each in self.card.classes]
        positions = (wording.bscan_class(each) for each in self.result.bscans)
        return tuple(None if each is None else classes[each] for each in positions)

    def from_above(self, position: int) -> NDArray[np.float32]:
        """How strongly each place of the eye spoke for a class, shape (n_bscans, 128), 0 to 1.

        Each value is the strongest along the depth of its B-scan, as a share of the study's.
        """
        if position not in self._strengths:
            volume = self.result.volume
            strength = map_projection(
                self.result.bscans, (each.columns for each in volume.bscans), position, _COLUMNS
            )
            self._strengths[position] = np.clip(strength / self.scales[position], 0, 1)
        return self._strengths[position]

    def heat_from_above(self, position: int, opacity: float) -> QImage:
        """Colours of `from_above`, to be laid over the eye: what is weak stays clear."""
        from app.overlay import FLOOR, colours

        share = self.from_above(position)
        ramp = np.clip((share - FLOOR) / (1 - FLOOR), 0, 1)
        alpha = (ramp * opacity * 255).astype(np.uint8)
        return colour_image(np.dstack([colours()[(share * 255).astype(np.uint8)], alpha]))

    def caption(self, index: int, options: ViewOptions, *, place: str, message: str) -> Caption:
        """The words on B-scan `index`."""
        result = self.result.bscans[index]
        finding, position = wording.bscan_finding(result, self.card)
        colour = QColor(theme.DARK.ungradable)
        if position is not None:
            colour = theme.class_colour(self.card.classes[position].severity, theme.DARK)
        heat = self.heat_class(options)
        legend = ""
        if heat is not None and result.maps is not None:
            legend = translate("Heat map: {name}").format(
                name=wording.class_word(self.card.names[heat])
            )
        hint = ""
        if options.heat and heat is None:
            hint = translate("No heat map: no disease was called. Choose a class to see its map.")
        deciding = index in self.result.call.evidence
        return Caption(
            place=place,
            finding=finding,
            finding_colour=colour,
            remark=translate("▼ weighed most") if deciding else "",
            message=message,
            legend=legend,
            outlined=options.outlined,
            hint=hint,
        )


@lru_cache(maxsize=2)
def study_scales(result: StudyResult, classes: int) -> tuple[float, ...]:
    """One scale for each class over all eyes: a healthy fellow eye must not look alarming.

    Whoever makes or reads a result on another thread asks for them there, so that the window
    finds them at hand. The latest two are kept.
    """
    from app.overlay import heat_scales

    bscans = [each for eye in result.eyes for volume in eye.volumes for each in volume.bscans]
    return heat_scales(bscans, classes)


def translate(text: str) -> str:
    return QCoreApplication.translate("EyePanel", text)
