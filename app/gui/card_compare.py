"""Two model cards side by side, row by row."""

from collections.abc import Callable

from PySide6.QtCore import QCoreApplication

from app.decimals import alike
from app.gui.languages import apart, told
from app.gui.wording import class_word, listed
from app.modelpack import Card, Figure
from app.signatures import Seal, Trust

Row = tuple[str, str, str]
"""What is compared, and how it stands in the one and in the other."""


def translate(text: str) -> str:
    return QCoreApplication.translate("card_compare", text)


def seal_words(seal: Seal) -> str:
    """Who vouches for a package."""
    if seal.withdrawal is not None:
        return translate("signed with a key that does not count since {day}: {reason}").format(
            day=seal.withdrawal.since, reason=seal.withdrawal.reason
        )
    return {
        Trust.SIGNED: translate("signed by {signer}").format(signer=seal.signer),
        Trust.UNCHECKED: translate("signed, but whether its key was withdrawn cannot be read"),
        Trust.UNKNOWN_KEY: translate("signed with a key that is not known here"),
        Trust.UNSIGNED: translate("not signed"),
    }[seal.trust]


def compare(
    one: Card | None, other: Card | None, one_seal: Seal, other_seal: Seal
) -> tuple[Row, ...]:
    """Rows for both cards; where there is none, its side stays empty.

    Measured figures come in the order of the first card that has them, each with its interval and
    the data it was measured on: figures on other data are other rows.
    """
    rows = [(words, _told(told, one), _told(told, other)) for words, told in _facts()]
    rows.append(
        (
            translate("Signature"),
            seal_words(one_seal) if one else "",
            seal_words(other_seal) if other else "",
        )
    )
    first, second = _figures(one), _figures(other)
    rows += [
        ("\n".join(key), first.get(key, ""), second.get(key, "")) for key in {**first, **second}
    ]
    limits = translate("Limits")
    rows.append((limits, _told(_limits, one), _told(_limits, other)))
    rows.append(("SHA-256", _told(_digest, one), _told(_digest, other)))
    return tuple(rows)


def _told(told: Callable[[Card], str], card: Card | None) -> str:
    return told(card) if card is not None else ""


def _digest(card: Card) -> str:
    """In groups, so that it can be wrapped and read out."""
    digest = card.graph_sha256
    return " ".join(digest[at : at + 8] for at in range(0, len(digest), 8))


def _classes(card: Card) -> str:
    named = sorted(card.classes, key=lambda each: each.severity)
    return listed(class_word(each.name) for each in named)


def _training(card: Card) -> str:
    return "\n".join(
        translate("{name}: {bscans} B-scans of {patients} patients").format(
            name=each.name, bscans=each.bscans, patients=each.patients
        )
        for each in card.training
    ) or translate("not stated")


def _limits(card: Card) -> str:
    return "\n".join(map(told, card.limits))


def _trained(card: Card) -> str:
    return translate("yes") if card.trained else translate("no: its answers mean nothing")


def _figures(card: Card | None) -> dict[tuple[str, str], str]:
    return {
        (told(each.name), told(each.data)): _figure(each)
        for each in (card.figures if card is not None else ())
    }


def _figure(figure: Figure) -> str:
    value, low, high = alike(figure.value, figure.low, figure.high)
    return apart(f"{value} {figure.unit}".strip() + f"  [{low}, {high}]")


def _facts() -> tuple[tuple[str, Callable[[Card], str]], ...]:
    return (
        (translate("Model"), lambda card: told(card.title)),
        (translate("Version"), lambda card: card.version),
        (translate("Made"), lambda card: card.created),
        (translate("Network"), lambda card: card.architecture),
        (translate("Trained"), _trained),
        (translate("Can find"), _classes),
        (translate("Trained on"), _training),
    )
