"""How well a package's gate tells pictures that are no B-scan of a retina."""

from collections.abc import Sequence

import numpy as np

from app.modelpack import ModelPackage
from ml.evaluation import Scope, scope_of
from ml.manifest import Sample
from ml.predictions import Predictions
from ml.scoring import score_package
from ml.strangers import stranger_of


def strange_scope(
    package: ModelPackage, samples: Sequence[Sample], said: Predictions
) -> Scope | None:
    """Hold strange pictures, one made of each B-scan, against the B-scans in scope.

    Args:
        package: Whose gate is judged, through the program's engine.
        samples: B-scans to make the pictures from.
        said: What the package said of B-scans in scope and out of it, as they are.
    """
    inside = said.labelled()
    if inside.unfamiliarity is None:
        return None
    odd = score_package(package, samples, change=stranger_of)
    assert odd.unfamiliarity is not None
    count = len(samples)
    return scope_of(
        np.concatenate([inside.unfamiliarity, odd.unfamiliarity]).astype(np.float64),
        np.r_[np.zeros(len(inside.labels), bool), np.ones(count, bool)],
        np.concatenate([inside.patients, odd.patients]),
        np.concatenate([inside.findings, np.full(count, "no B-scan")]),
        np.concatenate([inside.sources, odd.sources]),
        threshold=package.card.unfamiliarity_threshold,
    )
