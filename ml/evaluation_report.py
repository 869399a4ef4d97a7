"""An evaluation as one HTML page that needs nothing beside it."""

import base64
import io
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
from PIL import Image

from ml.evaluation import SENT, Comparison, Evaluation, Result, Scope
from ml.manifest import Sample
from ml.metrics import Estimate, confusion, reliability, roc_curve
from ml.predictions import Predictions

# KD-OCT (arXiv 2512.09069): what its README says, and what its published confusion matrices give.
# Accuracy, macro sensitivity, macro specificity in percent; mean of five models.
PUBLISHED = (
    ("Teacher, ConvNeXtV2-Large, 196.4 M", "97.72 / 97.72 / 99.26", "97.72 / 97.72 / 99.24"),
    ("Student, EfficientNet-B2, 7.7 M", "97.74 / 97.74 / 99.21", "97.74 / 97.74 / 99.25"),
    ("Student, drusen sensitivity", "not given", "93.0"),
)
_HEADLINE = (
    "accuracy",
    "balanced accuracy",
    "macro specificity",
    "sensitivity for DRUSEN",
    "AUROC for referable",
    "expected calibration error",
)
MISTAKES = 24
_STYLE = """
:root { color-scheme: light dark; --line: #8886; --soft: #8882; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 68rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: .5rem 0 1.5rem }
th, td { padding: .2rem .7rem; border-bottom: 1px solid var(--line); text-align: left }
td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
caption { text-align: left; font-weight: 600; padding: .3rem 0 }
small { opacity: .75 } td small, th small { display: block; font-weight: normal }
figure { margin: 0 } img, svg { max-width: 100%; height: auto }
.side { display: flex; flex-wrap: wrap; gap: 1rem 2.5rem; align-items: flex-start }
.wall { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: 1rem }
.paper { background: #fff; padding: .5rem }
details { margin: .5rem 0 1.5rem }
"""


def report(evaluation: Evaluation, samples: Mapping[str, Sample]) -> str:
    """Write the page.

    Args:
        evaluation: What was measured.
        samples: By SHA-256, for the pictures of the worst mistakes; those missing are left out.
    """
    predictions = evaluation.predictions
    parts = [
        f"<h1>{escape(predictions.model or 'Model')}</h1>",
        _preface(evaluation),
        _headline(evaluation.results),
        _curves(evaluation.result("all", "B-scan")),
        "<h2>Confusion</h2><div class=side>",
        *(_confusion(each) for each in evaluation.results if each.cases.unit != "eye"),
        "</div>",
        _scope(evaluation.scope) if evaluation.scope else "",
        *(_comparison(each) for each in evaluation.comparisons),
        _cost(evaluation),
        _published(evaluation),
        _mistakes(predictions.labelled(), samples),
        "<h2>All figures</h2>",
        *(_figures(each) for each in evaluation.results),
    ]
    title = escape(f"Evaluation of {predictions.model}")
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title>"
        f"<meta name=viewport content='width=device-width'><style>{_STYLE}</style>"
        f"<body>{''.join(parts)}</body></html>\n"
    )


def _preface(evaluation: Evaluation) -> str:
    predictions = evaluation.predictions
    sentences = [
        f"Scored on the {escape(evaluation.part)} part, {escape(predictions.views)} of each "
        f"B-scan, probabilities at temperature {predictions.temperature:.3g}.",
        "Intervals are 95 %, by patient-clustered bootstrap (Wilson's where a share is 0 or 1 in "
        "every draw; of calibration errors moved to the figure). A B-scan is referred from a "
        f"probability of {evaluation.threshold:.2f} for the referable classes together. An "
        "uncertain eye counts as what it suspects and is referred; an eye without an answer "
        "counts as wrong and is referred.",
        *map(escape, evaluation.notes),
    ]
    split = escape(predictions.split_sha256 or "none given")
    return f"<p>{'<br>'.join(sentences)}<br><small>Split {split}</small></p>"


def _number(estimate: Estimate, *, signed: bool = False) -> str:
    if not np.isfinite(estimate.value):
        return "–"  # noqa: RUF001 - a dash, as tables have it
    share = "+.3f" if signed else ".3f"
    return (
        f"{estimate.value:{share}} <small>{estimate.low:{share}} to {estimate.high:{share}}</small>"
    )


def _table(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Cells are HTML; those after the first are numbers."""
    lines = "".join(
        "<tr><th scope=row>" + row[0] + "".join(f"<td class=n>{cell}" for cell in row[1:])
        for row in rows
    )
    heads = "".join(f"<th>{cell}" for cell in head)
    return f"<table><caption>{caption}</caption><tr>{heads}{lines}</table>"


def _headline(results: Sequence[Result]) -> str:
    rows = []
    for result in results:
        found = {each.name: each for each in result.estimates}
        if "AUROC for referable" not in found and "AUROC for DME or worse" in found:
            found["AUROC for referable"] = found["AUROC for DME or worse"]
        cells = [_number(found[name]) if name in found else "–" for name in _HEADLINE]  # noqa: RUF001
        count = f"{len(result.cases.labels)} of {result.patients} patients"
        head = f"{escape(result.subset)}, by {result.cases.unit}<small>{count}</small>"
        rows.append([head, *cells])
    return _table("In short", ["", *_HEADLINE], rows)


def _figures(result: Result) -> str:
    rows = [[escape(each.name), _number(each)] for each in result.estimates]
    title = f"{escape(result.subset)}, by {result.cases.unit}"
    return f"<details><summary>{title}</summary>{_table('', ['', ''], rows)}</details>"


def _confusion(result: Result) -> str:
    counts = confusion(result.cases)
    columns = [*result.cases.classes, "no answer"]
    if not counts[:, -1].any():
        counts, columns = counts[:, :-1], columns[:-1]
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    lines = "".join(
        f"<tr><th scope=row>{escape(name)}"
        + "".join(
            f"<td class=n style='background:rgb(68 119 170/{share * 0.6:.2f})'>{count}"
            for count, share in zip(row, part, strict=True)
        )
        for name, row, part in zip(result.cases.classes, counts, shares, strict=True)
    )
    heads = "".join(f"<th>{escape(name)}" for name in columns)
    caption = f"{escape(result.subset)}, {result.cases.unit}s: label (rows), answer (columns)"
    return f"<table><caption>{caption}</caption><tr><th>{heads}{lines}</table>"


def _curves(result: Result) -> str:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.5, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for ranking in result.cases.rankings:
        area = result.value(f"AUROC for {ranking.name}").value
        left.plot(*roc_curve(ranking), label=f"{ranking.name}, {area:.3f}")
    left.plot([0, 1], [0, 1], color="0.7", linewidth=0.8)
    left.set(xlabel="1 - specificity", ylabel="sensitivity", title="ROC (area)")
    left.legend(loc="lower right", frameon=False)
    mean, share, counts = reliability(result.cases)
    filled = counts > 0
    right.plot([0, 1], [0, 1], color="0.7", linewidth=0.8)
    right.plot(mean[filled], share[filled], marker="o")
    for x, y, count in zip(mean[filled], share[filled], counts[filled], strict=True):
        right.annotate(str(count), (x, y), xytext=(4, -11), textcoords="offset points", fontsize=8)
    right.set(
        xlabel="highest probability", ylabel="share right", title="Reliability (B-scans per bin)"
    )
    right.set(xlim=(0, 1.02), ylim=(0, 1.02))
    text = io.StringIO()
    # A fixed salt, so that the same evaluation gives the same bytes.
    with mpl.rc_context({"svg.hashsalt": "kd-oct"}):
        figure.savefig(text, format="svg", metadata={"Date": None})
    drawing = text.getvalue()
    return f"<h2>Curves</h2><div class=paper>{drawing[drawing.index('<svg') :]}</div>"


def _scope(scope: Scope) -> str:
    rows = [
        ["AUROC, out of scope against in scope", _number(scope.auroc)],
        *(
            [["the same, within the data sets that hold both", _number(scope.same_device)]]
            if scope.same_device
            else []
        ),
        ["out-of-scope B-scans caught", _number(scope.caught)],
        ["in-scope B-scans sent to a reader", _number(scope.sent)],
        [f"caught where {SENT:.0%} in scope are sent", _number(scope.caught_at_share)],
        *(
            [f"{escape(kind)} caught", f"{caught} of {count}"]
            for kind, (caught, count) in scope.by_finding.items()
        ),
        *(
            [f"in scope, {escape(source)}, sent", f"{sent} of {count}"]
            for source, (sent, count) in scope.by_source.items()
        ),
    ]
    return _table("Unfamiliarity gate", ["", ""], rows)


def _comparison(comparison: Comparison) -> str:
    rows = [[escape(each.name), _number(each, signed=True)] for each in comparison.differences]
    p_value = f"{comparison.p_value:.3f}" if comparison.p_value >= 0.001 else "below 0.001"
    test = (
        f"Right only here {comparison.only_this_right}, only there {comparison.only_other_right}; "
        f"McNemar's exact p {p_value}"
        + (
            ", which takes B-scans of one patient for independent."
            if comparison.unit == "B-scan"
            else ". Both models' patients are called without a gate."
        )
    )
    title = f"Difference to {escape(comparison.other)}, by {comparison.unit}"
    short = [row for row in rows if row[0] in _HEADLINE or row[0].startswith("sensitivity")]
    return f"{_table(title, ['this minus the other', ''], short)}<p>{test}</p>"


def _cost(evaluation: Evaluation) -> str:
    cost = evaluation.cost
    if cost is None:
        return ""
    rows = [
        ["parameters", f"{cost.parameters / 1e6:.2f} M"],
        ["multiply-adds for one B-scan", f"{cost.macs / 1e9:.2f} G"],
        ["file", f"{cost.megabytes:.1f} MB"],
        ["seconds for one B-scan, median", f"{cost.median_seconds:.4f}"],
        ["95th percentile", f"{cost.p95_seconds:.4f}"],
    ]
    caption = f"Cost of the {escape(cost.what)}; {escape(cost.processor)}, {cost.threads} threads"
    return _table(caption, ["", ""], rows)


def _published(evaluation: Evaluation) -> str:
    rows = []
    for result in evaluation.results:
        if result.cases.unit != "B-scan":
            continue
        names = ("accuracy", "balanced accuracy", "macro specificity")
        ours = " / ".join(f"{100 * result.value(name).value:.2f}" for name in names)
        rows.append([f"This model, {escape(result.subset)}", "", ours])
    title = "Accuracy / macro sensitivity / macro specificity, %, beside KD-OCT on UCSD"
    head = ["", "README", "recomputed, or ours"]
    return (
        _table(title, head, [*map(list, PUBLISHED), *rows])
        + "<p>KD-OCT's figures are of five models on one balanced set of 1,000 images, after "
        "training on up to 108,312 divided by image; patients and class balance differ here, so "
        "the figures stand beside each other and are no ranking.</p>"
    )


def worst_mistakes(known: Predictions) -> list[int]:
    """Wrong B-scans, worst first: disease called healthy, then the surest."""
    probabilities = known.probabilities
    answers = probabilities.argmax(axis=1)
    healthy = known.classes.index("NORMAL") if "NORMAL" in known.classes else -1
    missed = (answers == healthy) & (known.labels != healthy)
    wrong = np.flatnonzero(answers != known.labels)
    return sorted(
        wrong.tolist(), key=lambda i: (not missed[i], -probabilities[i].max(), known.images[i])
    )


def _mistakes(known: Predictions, samples: Mapping[str, Sample]) -> str:
    probabilities = known.probabilities
    wrong = worst_mistakes(known)
    figures = []
    for index in wrong[:MISTAKES]:
        sample = samples.get(str(known.images[index]))
        if sample is None:
            continue
        answer = int(probabilities[index].argmax())
        caption = (
            f"{known.classes[known.labels[index]]} called {known.classes[answer]} at "
            f"{probabilities[index, answer]:.2f}"
        )
        figures.append(
            f"<figure><img alt='{escape(caption)}' src='{_picture(sample)}'>"
            f"<figcaption>{escape(caption)}<br><small>{escape(sample.source)}, "
            f"{escape(str(known.images[index])[:12])}</small></figcaption></figure>"
        )
    shown = f"{len(figures)} of {len(wrong)}, disease called healthy first"
    return f"<h2>Worst mistakes</h2><p>{shown}</p><div class=wall>{''.join(figures)}</div>"


def _picture(sample: Sample) -> str:
    image = Image.fromarray(sample.pixels())
    image.thumbnail((360, 240))
    data = io.BytesIO()
    image.save(data, format="JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(data.getvalue()).decode()}"
