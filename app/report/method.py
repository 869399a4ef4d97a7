"""How the call is made: the rule with its thresholds, and the model with its measured figures."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from app.language import counted, fill, mark
from app.modelpack import Estimate, Figure
from app.operating_point import changed_rules, measured_point, predictive
from app.readings import answer_word
from app.report.context import BODY, GUTTER, HEADING, INK, LABEL, LINE, NOTE, SMALL, Context
from app.report.page import MM, Block, Pen, beside, stack, text_block
from app.report.words import measured, percent, upper_first
from app.study import StudyResult


def method(context: Context) -> list[Block]:
    """Return rule and model side by side, then the measured performance."""
    rule, model = _rule(context), _model(context)
    both = beside([(0, rule), (context.column + GUTTER, model)], before=5 * MM)
    return [both, *_figures(context), *_predictive(context)]


def _rule(context: Context) -> Block:
    policy, fonts, width = context.card.aggregation, context.fonts, context.column
    say, tell = context.say, context.tell
    neighbours = counted(
        policy.adjacent, mark("{count} neighbouring B-scan"), mark("{count} neighbouring B-scans")
    )
    sentences = (
        say(
            "The probabilities of a B-scan are calibrated. Its tail for a disease is the "
            "probability of that disease or a more severe one."
        ),
        say(
            "An eye's score for a disease is the mean of its {count} highest tails. It is called "
            "if the score reaches the threshold and at least {neighbours} reach the limit for one "
            "B-scan, and suspected if the score reaches only the lower threshold. The most severe "
            "disease counts; the more severe eye stands for the patient. Scores rank evidence; "
            "they are not risks.",
            count=policy.top_k,
            neighbours=tell(neighbours),
        ),
        say(
            "Ungradable: fewer than {least} of the B-scans can be judged. Out of scope: more than "
            "{most} of those are unlike the training data.",
            least=percent(policy.min_gradable),
            most=percent(policy.max_unfamiliar),
        ),
    )
    blocks = [text_block(fonts, say("How the call is made"), HEADING, width)]
    blocks += [text_block(fonts, each, SMALL, width, before=1.2 * MM) for each in sentences]
    rows: list[tuple[str, ...]] = [
        (say("Disease"), say("Called from"), say("Suspected from"), say("One B-scan"))
    ]
    own = changed_rules(context.card)
    for each in sorted(context.card.classes, key=lambda each: each.severity):
        limits = policy.rules.get(each.name)
        if limits is not None:
            shares = (limits.threshold, limits.suspect, limits.frame)
            star = " *" if each.name in own else ""
            rows.append((f"{context.class_word(each.name)}{star}", *map(percent, shares)))
    blocks.append(table(context, rows, (0.28, 0.24, 0.26, 0.22), width))
    if own:
        packaged = context.listed(
            say("{name} {percent}", name=tell(name), percent=percent(rule.packaged or 0))
            for name, rule in own.items()
        )
        words = say(
            "* set by this clinic; called from, in the model package: {packaged}.",
            packaged=packaged,
        )
        blocks.append(text_block(fonts, words, NOTE, width, before=0.8 * MM))
    return stack(blocks)


def _model(context: Context) -> Block:
    card, result, fonts, width = context.card, context.result, context.fonts, context.column
    digest = result.model_sha256
    say, tell = context.say, context.tell
    version = say(
        "{title} ({id}), version {version}",
        title=card.title,
        id=result.model_id,
        version=result.model_version,
    )
    facts = [
        (say("Model"), version),
        (say("Made"), f"{card.created}, {card.architecture}"),
        ("SHA-256", f"{digest[:32]} {digest[32:]}"),
    ]
    size = f"{card.input.width} x {card.input.height}"
    unstated = say("not stated")
    prepared = unstated if result.preprocessing is None else result.preprocessing
    words = say("{size}, preparation of frames version {version}", size=size, version=prepared)
    facts.append((say("Input"), words))
    words = say(
        "{program}, version {version}", program="KD-OCT", version=result.software or unstated
    )
    facts.append((say("Analysed by"), words))
    for data in card.training:
        bscans = counted(data.bscans, mark("{count} B-scan"), mark("{count} B-scans"))
        patients = counted(data.patients, mark("{count} patient"), mark("{count} patients"))
        words = say(
            "{name}: {bscans} of {patients}, {device}, {licence}",
            name=data.name,
            bscans=tell(bscans),
            patients=tell(patients),
            device=data.device,
            licence=data.licence,
        )
        facts.append((say("Trained on"), words))
    facts.append((say("Signed by"), tell(_signer(result))))
    if not card.trained:
        facts.append((say("State"), say("not trained: its answers mean nothing")))
    label = 19 * MM
    rows = [
        beside(
            [
                (0, text_block(fonts, name, NOTE, label)),
                (label, text_block(fonts, value, SMALL, width - label)),
            ],
            before=1.2 * MM,
        )
        for name, value in facts
    ]
    return stack([text_block(fonts, say("Model"), HEADING, width), *rows])


def _signer(result: StudyResult) -> str:
    if result.model_key_withdrawn is not None:
        return fill("a key that does not count since {day}", day=result.model_key_withdrawn)
    return result.model_signer or mark("nobody known to this computer")


def _figures(context: Context) -> list[Block]:
    """Return the measured figures by the data they were measured on."""
    fonts, width = context.fonts, context.width
    say, tell = context.say, context.tell
    words = say("Measured performance")
    title = text_block(fonts, words, HEADING, width, before=4 * MM, keep=True)
    if not context.card.figures:
        words = say("Nothing was measured: how often this model is right is not known.")
        return [title, text_block(fonts, words, BODY, width)]
    blocks = [title]
    for data, figures in groupby(context.card.figures, key=lambda each: each.data):
        words = say("On {data}, with 95 % intervals:", data=tell(data))
        blocks.append(text_block(fonts, words, NOTE, width, before=1.5 * MM, keep=True))
        rows, rest = by_subject(tuple(figures))
        if len(rows) > 1:
            share = 0.8 / (len(rows[0]) - 1)
            shares = (0.2, *(share for _ in rows[0][1:]))
            told = [tuple(map(tell, row)) for row in rows]
            # Alone on the next page nobody knew what the rest was measured on.
            blocks.append(replace(table(context, told, shares, width), keep=bool(rest)))
        if rest:
            others = [
                say("{figure} {value}", figure=tell(name), value=tell(value))
                for name, value in rest
            ]
            words = f"{context.parted(others)}."
            blocks.append(text_block(fonts, words, SMALL, width, before=1 * MM))
    return blocks


def _predictive(context: Context) -> list[Block]:
    """Return what a call is worth at the clinic's own prevalence, as far as that was set."""
    fonts, width = context.fonts, context.width
    rows: list[tuple[str, ...]] = []
    sources: dict[str, None] = {}
    unmeasured = context.say("not measured")
    for each in sorted(context.card.classes, key=lambda each: -each.severity):
        share = context.settings.prevalence.get(each.name, 0.0)
        if not (0 < share < 1 and each.severity):
            continue
        disease = context.tell(upper_first(each.title))
        point = measured_point(context.card, each.name)
        if point is None:
            rows.append((disease, percent(share), unmeasured, unmeasured))
            continue
        sources[context.tell(point.data)] = None
        values = predictive(point.sensitivity, point.specificity, share)
        shown = (_interval(values.positive), _interval(values.negative))
        rows.append((disease, percent(share), *map(context.tell, shown)))
    if not rows:
        return []
    say = context.say
    head = (
        "",
        say("Prevalence"),
        say("Has it, if called"),
        say("Does not have it, if not called"),
    )
    title = say("Predictive values at this clinic's prevalence")
    words = say(
        "From the sensitivity and specificity measured at the thresholds in use, with 95 % "
        "intervals, and the prevalence that the clinic stated. They hold only as far as its "
        "patients are like those of the test: {tests}.",
        tests=context.parted(sources) if sources else unmeasured,
    )
    return [
        text_block(fonts, title, HEADING, width, before=4 * MM, keep=True),
        table(context, [head, *rows], (0.34, 0.14, 0.24, 0.28), width),
        text_block(fonts, words, NOTE, width, before=1 * MM),
    ]


def _interval(estimate: Estimate) -> str:
    value, low, high = (f"{100 * each:.1f}" for each in estimate)
    interval = fill("{first} to {last}", first=low, last=high)
    return fill("{value} ({interval})", value=f"{value} %", interval=interval)


def by_subject(figures: Sequence[Figure]) -> tuple[list[tuple[str, ...]], list[tuple[str, str]]]:
    """Lay out "sensitivity for CNV" and its like as a table, one row for each subject.

    Returns:
        The rows of the table with its head, and name and value of what has no subject.
    """
    cells: dict[str, dict[str, str]] = {}
    rest = []
    for each in figures:
        value, interval = measured(each)
        kind, separator, subject = each.name.partition(" for ")
        shown = fill("{value} ({interval})", value=value, interval=interval)
        if separator:
            cells.setdefault(subject, {})[kind] = shown
        else:
            rest.append((upper_first(each.name), shown))
    kinds = tuple(dict.fromkeys(kind for row in cells.values() for kind in row))
    rows = [("", *map(upper_first, kinds))]
    rows += [
        (
            answer_word(subject) if subject.isupper() else upper_first(subject),
            *(row.get(kind, mark("not measured")) for kind in kinds),
        )
        for subject, row in cells.items()
    ]
    return rows, rest


def table(
    context: Context, rows: Sequence[tuple[str, ...]], shares: tuple[float, ...], width: float
) -> Block:
    """Return a table whose first row is its head."""
    placed = []
    for number, row in enumerate(rows):
        left, cells = 0.0, []
        for text, share in zip(row, shares, strict=True):
            style = LABEL if number == 0 else SMALL
            cells.append((left, text_block(context.fonts, text, style, share * width - 2 * MM)))
            left += share * width
        placed.append(beside(cells, before=0.7 * MM))
    body = stack(placed)

    def draw(pen: Pen, x: float, top: float) -> None:
        body.draw(pen, x, top)
        at = top
        for number, row in enumerate(placed):
            at += row.height + (row.before if number else 0)
            pen.rule(x, at + 0.35 * MM, width, INK if number == 0 else LINE, 0.4)

    return Block(body.height + 0.5 * MM, draw, before=1.5 * MM)
