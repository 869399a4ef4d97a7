"""An evaluation for other programs: JSON with everything, CSV with the figures."""

import csv
import io
from dataclasses import asdict
from typing import Any

import numpy as np

from ml.evaluation import SENT, Evaluation
from ml.metrics import Estimate, confusion


def as_plain(evaluation: Evaluation) -> dict[str, Any]:
    """The evaluation for JSON: figures with intervals, confusion matrices, comparisons, cost."""
    predictions, scope = evaluation.predictions, evaluation.scope
    return {
        "model": predictions.model,
        "split_sha256": predictions.split_sha256,
        "part": evaluation.part,
        "views": predictions.views,
        "temperature": predictions.temperature,
        "classes": list(predictions.classes),
        "referable_threshold": evaluation.threshold,
        "intervals": "95 %, bootstrap by patient, percentile; of shares of 0 and 1 Wilson's by "
        "patient; of calibration errors moved to the figure",
        "results": [
            {
                "subset": each.subset,
                "unit": each.cases.unit,
                "n": len(each.cases.labels),
                "patients": each.patients,
                "figures": [_plain(estimate) for estimate in each.estimates],
                "confusion": confusion(each.cases).tolist(),
            }
            for each in evaluation.results
        ],
        "out_of_scope": None
        if scope is None
        else {
            "threshold": scope.threshold,
            "figures": [_plain(each) for each in (scope.auroc, scope.caught, scope.sent)],
            "caught_where_sent": {"sent": SENT, **_plain(scope.caught_at_share)},
            "same_device_auroc": _plain(scope.same_device) if scope.same_device else None,
            "by_finding": {k: {"caught": a, "of": b} for k, (a, b) in scope.by_finding.items()},
            "by_source": {k: {"sent": a, "of": b} for k, (a, b) in scope.by_source.items()},
        },
        "comparisons": [
            {
                "other": each.other,
                "unit": each.unit,
                "differences": [_plain(estimate) for estimate in each.differences],
                "mcnemar": {
                    "only_this_right": each.only_this_right,
                    "only_other_right": each.only_other_right,
                    "p": each.p_value,
                },
            }
            for each in evaluation.comparisons
        ],
        "cost": asdict(evaluation.cost) if evaluation.cost else None,
        "notes": list(evaluation.notes),
    }


def _plain(estimate: Estimate) -> dict[str, Any]:
    """JSON has no NaN: what the data do not determine is null."""
    return {
        key: None if isinstance(value, float) and not np.isfinite(value) else value
        for key, value in asdict(estimate).items()
    }


def as_csv(evaluation: Evaluation) -> str:
    """One row for each figure."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("model", "subset", "unit", "n", "patients", "figure", "value", "low", "high"))
    for result in evaluation.results:
        for each in result.estimates:
            numbers = [
                f"{value:.6f}" if np.isfinite(value) else ""
                for value in (each.value, each.low, each.high)
            ]
            writer.writerow(
                (
                    evaluation.predictions.model,
                    result.subset,
                    result.cases.unit,
                    len(result.cases.labels),
                    result.patients,
                    each.name,
                    *numbers,
                )
            )
    return text.getvalue()
