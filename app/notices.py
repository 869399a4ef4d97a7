"""What must be told wherever a result is shown: on screen, on paper and in files."""

from app.language import mark
from app.modelpack import Card
from app.study import StudyResult

RESEARCH_USE = mark("Research use only. Not for diagnosis without a qualified reader.")

UNTRAINED = mark(
    "UNTRAINED MODEL: what is shown here tests the program; the calls and probabilities mean "
    "nothing."
)

UNSIGNED = mark(
    "UNSIGNED MODEL: nobody known to this computer vouches for the model behind these results."
)

WITHDRAWN = mark(
    "WITHDRAWN KEY: the model behind these results was signed with a key that no longer counts."
)

SYNTHETIC = mark("SYNTHETIC IMAGES: made by a program; they show no patient.")

HEAT_MAP = mark(
    "A heat map shows where the network found support for a class; it does not outline a lesion."
)


def banners(result: StudyResult, card: Card) -> tuple[str, ...]:
    """Return the sentences that must stand over a result of the model with that card."""
    sentences = []
    if not card.trained:
        # Whose answers mean nothing needs nobody to vouch for it.
        sentences.append(UNTRAINED)
    elif result.model_key_withdrawn is not None:
        sentences.append(WITHDRAWN)
    elif result.model_signer is None:
        sentences.append(UNSIGNED)
    if result.study.synthetic:
        sentences.append(SYNTHETIC)
    return tuple(sentences)


def advice_title(level: str) -> str:
    """A referral's level where it stands alone: its name in a package may need the sentence."""
    return {"reader": mark("Needs a reader")}.get(level, level[:1].upper() + level[1:])
