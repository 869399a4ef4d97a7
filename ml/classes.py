"""What the labels mean to a clinician: titles, severity, whether they are referred."""

from collections.abc import Sequence

from app.errors import UsageError
from app.language import mark
from app.modelpack import ClassInfo

_KNOWN = {  # from the mildest to the most severe
    "NORMAL": ("", False),
    "DRUSEN": ("drusen", False),
    "DME": ("diabetic macular oedema (DME)", True),
    "CNV": ("choroidal neovascularisation (CNV)", True),
}

REFERABLE = tuple(name for name, (_, referable) in _KNOWN.items() if referable)

OUT_OF_SCOPE = {
    "ERM": mark("epiretinal membrane"),
    "RVO": mark("retinal vein occlusion"),
    "RAO": mark("retinal artery occlusion"),
    "VID": mark("vitreomacular interface disease"),
}
"""Published findings that none of these classes covers, in words: what the gate has to catch."""

NO_LABEL = -1
"""In place of the index of a class, where it is none of them, or unknown."""


def class_info(names: Sequence[str]) -> tuple[ClassInfo, ...]:
    """Describe classes in the network's output order; severity counts among those given.

    Raises:
        UsageError: If a class is not known, or there is no healthy one.
    """
    unknown = [name for name in names if name not in _KNOWN]
    if unknown or "NORMAL" not in names:
        raise UsageError(
            f"The classes {', '.join(names)} cannot be exported: they must be NORMAL and some of "
            f"{', '.join(name for name in _KNOWN if name != 'NORMAL')}."
        )
    order = [name for name in _KNOWN if name in names]
    return tuple(
        ClassInfo(
            name=name,
            title=_title(name, order),
            severity=order.index(name),
            referable=_KNOWN[name][1],
        )
        for name in names
    )


def _title(name: str, order: Sequence[str]) -> str:
    """A model says the absence only of what it knows."""
    if name != "NORMAL":
        return _KNOWN[name][0]
    spoken = [each.lower() if each == "DRUSEN" else each for each in order if each != "NORMAL"]
    listed = spoken[0] if len(spoken) == 1 else f"{', '.join(spoken[:-1])} or {spoken[-1]}"
    return f"no sign of {listed}"
