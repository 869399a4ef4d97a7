"""Who must stay together in a split, and how groups of people are dealt into even parts."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from app.errors import UsageError
from ml.manifest import Sample


def groups_of(
    samples: Sequence[Sample], linked: Iterable[tuple[Sample, Sample]] = ()
) -> dict[str, str]:
    """Map each patient to the group of patients who must stay together.

    Patients are joined who share an image, or are named in `linked`; a group is named by its
    first patient in the alphabet.
    """
    parent = {sample.patient: sample.patient for sample in samples}

    def root(patient: str) -> str:
        while parent[patient] != patient:
            parent[patient] = parent[parent[patient]]
            patient = parent[patient]
        return patient

    def join(one: str, other: str) -> None:
        first, second = sorted((root(one), root(other)))
        parent[second] = first

    owner: dict[str, str] = {}
    for sample in samples:
        join(sample.patient, owner.setdefault(sample.sha256, sample.patient))
    for one, other in linked:
        join(one.patient, other.patient)
    return {patient: root(patient) for patient in parent}


def strata_of(samples: Sequence[Sample], groups: NDArray[np.str_], folds: int) -> NDArray[np.str_]:
    """Stratify by source and label, or by label alone where a source has too few groups."""
    people: dict[str, set[str]] = defaultdict(set)
    for sample, group in zip(samples, groups, strict=True):
        label = sample.label or "none"
        people[label].add(group)
        people[f"{sample.source}/{label}"].add(group)
    # Of a few unlabelled patients no fold needs its share.
    few = [each for each, who in people.items() if "/" not in each and len(who) < folds]
    if any(each != "none" for each in few):
        raise UsageError(
            f"{folds} folds need at least {folds} patients of every class; {', '.join(few)} has "
            "fewer. Use fewer folds."
        )
    strata = []
    for sample in samples:
        label = sample.label or "none"
        fine = f"{sample.source}/{label}"
        strata.append(fine if len(people[fine]) >= folds else label)
    return np.array(strata)


def deal(
    strata: NDArray[np.str_], groups: NDArray[np.str_], parts: int, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Deal whole groups into parts so that every stratum is spread evenly; part per sample.

    Greedy, as scikit-learn's StratifiedGroupKFold: the most uneven groups first, each to the part
    that leaves the shares of the strata most alike. Our own, so that a split does not depend on a
    library's version.
    """
    names, group = np.unique(groups, return_inverse=True)
    kinds, stratum = np.unique(strata, return_inverse=True)
    counts = np.zeros((len(names), len(kinds)))
    np.add.at(counts, (group, stratum), 1)
    totals = counts.sum(axis=0)
    order = rng.permutation(len(names))
    order = order[np.argsort(-counts[order].std(axis=1), kind="stable")]
    dealt = np.zeros((parts, len(kinds)))
    part_of = np.empty(len(names), dtype=np.intp)
    own = np.eye(parts)[:, :, None]
    for each in order:
        shares = (dealt + own * counts[each]) / totals  # by the part it would go to
        unevenness = shares.std(axis=1).mean(axis=1)
        # Rounded, so that a sum's last bit does not decide; then the emptiest part, then the first.
        part = int(np.lexsort((dealt.sum(axis=1), unevenness.round(12)))[0])
        dealt[part] += counts[each]
        part_of[each] = part
    return part_of[group]
