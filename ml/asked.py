"""Which B-scans of a manifest are to be scored, and whether a package may be judged on them."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from app.errors import UsageError
from app.modelpack import Card
from ml.assemble import divided
from ml.manifest import Sample
from ml.splits import Split, select


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Asked:
    """The B-scans to score, and the division that they are a part of."""

    samples: tuple[Sample, ...]
    split: Split | None  # None: all of the manifest

    @property
    def sha256(self) -> str:
        return self.split.sha256 if self.split else ""


def asked_of(
    samples: tuple[Sample, ...],
    part: str,
    *,
    folds: Path | None,
    fold: int,
    sources: Collection[str] = (),
) -> Asked:
    """Take one part of a division ("train", "val" or "test"), or "all".

    Args:
        samples: Of the whole manifest.
        part: Which of them.
        folds: A split file; without it the manifest's own division.
        fold: Of the split file.
        sources: Only these data sets; none: all.

    Raises:
        UsageError: If nothing is left.
    """
    split, members = None, samples
    if part != "all":
        split = divided(samples, folds, fold)
        hashes = {"train": split.train, "val": split.val, "test": split.test}[part]
        members = select(samples, hashes)
    chosen = tuple(each for each in members if not sources or each.source in sources)
    if not chosen:
        wanted = f" of {', '.join(sorted(sources))}" if sources else ""
        raise UsageError(
            f"There is no B-scan{wanted} to score ({part}). The manifest has the sources "
            f"{', '.join(sorted({sample.source for sample in samples}))}."
        )
    return Asked(samples=chosen, split=split)


def whole_manifest(name: str) -> str:
    """What to know of figures of a model that was judged on no part of a division."""
    return (
        f"{name} was judged on the whole manifest: if it holds patients whom it was trained on, "
        "the figures are too good."
    )


def doubts(card: Card, asked: Asked) -> tuple[str, ...]:
    """What nobody can tell of whether a package was made with patients that are scored.

    Raises:
        UsageError: If it was made with another division: it may know some of them.
    """
    name, own = f"The package {card.id} {card.version}", card.split
    if own is None:
        return (
            f"{name} does not say on which division it was trained: if it was another than this "
            "one, it may know some of these patients, and the figures are too good.",
        )
    if asked.split is None:
        return (whole_manifest(name),)
    if (own.sha256, own.fold) != (asked.sha256, asked.split.fold):
        raise UsageError(
            f"{name} was trained on fold {own.fold} of the division {own.sha256[:12]}, not on fold "
            f"{asked.split.fold} of {asked.sha256[:12]}: it may know some of these patients. Name "
            "its own with --folds and --fold, or, for data that it never saw, --split all."
        )
    return ()
