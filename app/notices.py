"""What must be told wherever a result is shown: on screen, on paper and in files."""

from app.modelpack import Card
from app.study import Study

RESEARCH_USE = "Research use only. Not for diagnosis without a qualified reader."

UNTRAINED = (
    "UNTRAINED MODEL: what is shown here tests the program; the calls and probabilities mean "
    "nothing."
)

UNSIGNED = (
    "UNSIGNED MODEL: nobody known to this computer vouches for the model behind these results."
)

SYNTHETIC = "SYNTHETIC IMAGES: made by a program; they show no patient."

HEAT_MAP = (
    "A heat map shows where the network found support for a class; it does not outline a lesion."
)


def banners(study: Study, card: Card, signer: str | None) -> tuple[str, ...]:
    """Return the sentences that must stand over every result of this study and model.

    Args:
        signer: `StudyResult.model_signer` of the result.
    """
    sentences = []
    if not card.trained:
        # Whose answers mean nothing needs nobody to vouch for it.
        sentences.append(UNTRAINED)
    elif signer is None:
        sentences.append(UNSIGNED)
    if study.synthetic:
        sentences.append(SYNTHETIC)
    return tuple(sentences)
