"""From B-scan probabilities to the eye's and the patient's answer, on eyes checked by hand."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.aggregate import advise, call_eye, call_patient, most_severe, rank
from app.errors import InvalidOutput
from app.study import Call, Outcome
from tests.tiny_package import tiny_card

CARD = tiny_card()  # called from 0.6 with 2 neighbours at 0.5, suspected from 0.4, mean of 3
SEVERITY = {"NORMAL": 0, "DRUSEN": 1, "DME": 2, "CNV": 3}


def eye(n_bscans=20, **lesions):
    """A healthy eye but for {index: probability} of each disease named."""
    rows = np.tile([1.0, 0.0, 0.0, 0.0], (n_bscans, 1))
    for name, places in lesions.items():
        for index, p in places.items():
            rows[index, SEVERITY[name]] += p
            rows[index, 0] -= p
    return rows


def call(rows, *, familiar=None, card=CARD):
    return call_eye(rows, np.ones(len(rows), bool) if familiar is None else familiar, card)


def outcome(answer):
    return answer.outcome, answer.label


def test_that_three_neighbouring_bscans_of_twenty_call_an_eye():
    answer = call(eye(CNV={4: 0.8, 5: 0.9, 6: 0.7}))

    assert outcome(answer) == (Outcome.CALLED, "CNV")
    assert answer.confidence == pytest.approx(0.8)
    assert answer.evidence == (5, 4, 6)
    assert answer.reason == "CNV pattern in 3 of 20 B-scans, all in frames 5 to 7."


def test_that_one_noisy_bscan_leaves_an_eye_healthy():
    answer = call(eye(CNV={7: 0.99}))

    assert outcome(answer) == (Outcome.CALLED, "NORMAL")
    assert answer.confidence == pytest.approx(1 - 0.33)
    assert answer.reason == "No sign of drusen, DME or CNV in 20 B-scans."


def test_that_strong_bscans_without_neighbours_are_uncertain():
    answer = call(eye(CNV={2: 0.9, 9: 0.9, 15: 0.9}))

    assert outcome(answer) == (Outcome.UNCERTAIN, "CNV")
    assert answer.reason == "Possible CNV in 3 of 20 B-scans, no two neighbours."


def test_that_a_score_for_a_call_without_a_row_long_enough_says_so():
    answer = call(eye(CNV={2: 1.0, 3: 0.4, 4: 0.4}))

    assert outcome(answer) == (Outcome.UNCERTAIN, "CNV")
    assert answer.reason == "Possible CNV in 1 of 20 B-scans, frame 3, too few in a row for a call."


def test_that_a_score_under_the_threshold_is_uncertain():
    answer = call(eye(CNV={8: 0.45, 9: 0.45, 10: 0.45}))

    assert outcome(answer) == (Outcome.UNCERTAIN, "CNV")
    assert answer.reason == "Possible CNV, strongest in frame 9 of 20 B-scans."


def test_that_a_probability_split_between_two_diseases_counts_for_the_milder():
    split = dict.fromkeys((4, 5, 6), 0.35)

    assert outcome(call(eye(DME=split, CNV=split))) == (Outcome.CALLED, "DME")


def test_that_a_suspected_severe_disease_makes_an_evident_mild_one_uncertain():
    answer = call(
        eye(DRUSEN=dict.fromkeys(range(5, 12), 0.5), CNV=dict.fromkeys(range(5, 8), 0.45))
    )

    assert outcome(answer) == (Outcome.UNCERTAIN, "CNV")
    assert "drusen pattern or worse in 7" in answer.reason


def test_that_a_suspicion_does_not_soften_the_advice_for_an_evident_disease():
    answer = call(eye(DME=dict.fromkeys(range(5, 12), 0.5), CNV=dict.fromkeys(range(5, 8), 0.45)))
    referral = advise(answer, CARD)

    assert outcome(answer) == (Outcome.UNCERTAIN, "CNV")
    assert referral.level == "refer"
    assert referral.advice.endswith("Not excluded: CNV.")


def test_that_a_single_bscan_can_be_called():
    answer = call(eye(1, CNV={0: 0.9}))

    assert outcome(answer) == (Outcome.CALLED, "CNV")
    assert answer.reason == "CNV pattern in 1 of 1 B-scan, frame 1."


def test_that_equal_bscans_are_cited_in_spatial_order():
    answer = call(eye(200, DRUSEN=dict.fromkeys(range(0, 200, 2), 0.9)))

    assert answer.evidence == tuple(range(0, 200, 2))


def test_that_ungradable_bscans_are_left_out_and_counted():
    rows = eye(CNV={4: 0.8, 6: 0.9, 7: 0.7})
    rows[5] = np.nan

    answer = call(rows)

    # Across the gap they are neighbours.
    assert outcome(answer) == (Outcome.CALLED, "CNV")
    assert answer.reason == "CNV pattern in 3 of 19 usable B-scans, all in frames 5 to 8."


def test_that_too_few_gradable_bscans_make_an_eye_ungradable_whatever_they_show():
    rows = eye(CNV=dict.fromkeys(range(9), 0.9))
    rows[9:] = np.nan

    answer = call(rows)

    assert outcome(answer) == (Outcome.UNGRADABLE, None)
    assert answer.confidence is None
    assert answer.reason == "Only 9 of 20 B-scans can be judged, and they raise a suspicion of CNV."


@pytest.mark.parametrize("n_bscans", [0, 1, 20])
def test_that_nothing_to_judge_is_never_healthy(n_bscans):
    answer = call(np.full((n_bscans, 4), np.nan))

    assert outcome(answer) == (Outcome.UNGRADABLE, None)
    assert answer.scores == (0, 0, 0, 0)
    assert answer.reason == "No B-scan can be judged."


def test_that_an_eye_unlike_the_training_data_is_out_of_scope():
    familiar = np.arange(20) >= 7

    answer = call(eye(), familiar=familiar)

    assert outcome(answer) == (Outcome.OUT_OF_SCOPE, None)
    assert answer.evidence == tuple(range(7))
    assert answer.reason == "Unlike anything the model was trained on: 7 of 20 B-scans."


def test_that_a_few_strange_bscans_do_not_stop_a_healthy_call():
    assert call(eye(), familiar=np.arange(20) >= 6).label == "NORMAL"


def test_that_strange_bscans_are_evidence_neither_for_a_class_nor_for_health():
    lesions = eye(CNV=dict.fromkeys(range(3), 0.9))

    answer = call(lesions, familiar=np.arange(20) >= 3)

    assert outcome(answer) == (Outcome.OUT_OF_SCOPE, None)
    assert answer.evidence == (0, 1, 2)
    assert answer.reason == (
        "Unlike anything the model was trained on, and not like health either: 3 of 20 B-scans."
    )


def test_that_a_disease_in_the_familiar_bscans_is_called_beside_strange_ones():
    answer = call(eye(CNV={4: 0.8, 5: 0.9, 6: 0.7}), familiar=np.arange(20) < 8)

    assert outcome(answer) == (Outcome.CALLED, "CNV")


@pytest.mark.parametrize(
    "row",
    [[np.nan, 0, 0, 1], [0.9, 0.9, 0, 0], [1.5, -0.5, 0, 0], [np.inf, 0, 0, 0]],
    ids=["part NaN", "logits", "negative", "infinite"],
)
def test_that_one_row_that_is_no_distribution_refuses_the_eye(row):
    rows = eye()
    rows[3] = row

    with pytest.raises(InvalidOutput):
        call(rows)


def test_that_a_wrong_number_of_classes_is_refused():
    with pytest.raises(ValueError, match="n_bscans, 4"):
        call(np.ones((5, 3)) / 3)


def test_that_scores_follow_the_order_of_the_package_and_not_of_severity():
    classes = [CARD.classes[index] for index in (3, 0, 2, 1)]
    reordered = tiny_card(
        classes=[
            {name: getattr(each, name) for name in ("name", "title", "severity")}
            for each in classes
        ]
    )
    rows = eye(CNV={4: 0.8, 5: 0.9, 6: 0.7})[:, [3, 0, 2, 1]]

    answer = call(rows, card=reordered)

    assert answer.label == "CNV"
    assert answer.scores == pytest.approx((0.8, 0.2, 0.8, 0.8))


def answer_of(kind, label=None, confidence=None):
    return Call(
        outcome=kind, label=label, scores=(0,) * 4, confidence=confidence, evidence=(), reason="."
    )


def test_that_answers_are_ordered_from_healthy_to_the_most_severe_disease():
    ordered = [
        answer_of(Outcome.CALLED, "NORMAL"),
        answer_of(Outcome.UNGRADABLE),
        answer_of(Outcome.OUT_OF_SCOPE),
        answer_of(Outcome.UNCERTAIN, "DRUSEN"),
        answer_of(Outcome.CALLED, "DRUSEN"),
        answer_of(Outcome.UNCERTAIN, "DME"),
        answer_of(Outcome.CALLED, "DME"),
        answer_of(Outcome.UNCERTAIN, "CNV"),
        answer_of(Outcome.CALLED, "CNV"),
    ]

    ranks = [rank(each, CARD) for each in ordered]

    assert ranks == sorted(set(ranks))
    assert all(call_patient(pair, CARD) is pair[-1] for pair in pairwise(ordered))
    assert all(call_patient(pair, CARD) is pair[0] for pair in pairwise(ordered[::-1]))


def test_that_of_equally_severe_eyes_the_more_confident_stands():
    eyes = [answer_of(Outcome.CALLED, "CNV", p) for p in (0.7, 0.9, 0.9)]

    assert most_severe(eyes, CARD) == 1


@pytest.mark.parametrize(
    ("answer", "level"),
    [
        (answer_of(Outcome.CALLED, "NORMAL"), "routine"),
        (answer_of(Outcome.CALLED, "CNV"), "refer urgently"),
        (answer_of(Outcome.UNCERTAIN, "CNV"), "review"),
        (answer_of(Outcome.UNGRADABLE), "repeat"),
    ],
)
def test_that_advice_comes_from_the_rule_of_the_package(answer, level):
    assert advise(answer, CARD).level == level


distributions = st.lists(
    st.lists(st.integers(0, 20), min_size=4, max_size=4)
    .filter(any)
    .map(lambda parts: [part / sum(parts) for part in parts]),
    max_size=12,
)


@st.composite
def policies(draw):
    def rule():
        suspect, threshold = sorted(draw(st.tuples(st.floats(0, 1), st.floats(0, 1))))
        return {"suspect": suspect, "threshold": threshold, "frame": draw(st.floats(0, 1))}

    return tiny_card(
        aggregation={
            "top_k": draw(st.integers(1, 5)),
            "adjacent": draw(st.integers(1, 5)),
            "min_gradable": draw(st.floats(0, 1)),
            "max_unfamiliar": draw(st.floats(0, 1)),
            "rules": {name: rule() for name in ("DRUSEN", "DME", "CNV")},
        }
    )


def tails(rows):
    """Probability of at least each disease, shape (n, 3)."""
    return np.asarray(rows)[:, ::-1].cumsum(axis=1)[:, 2::-1]


def from_tails(values):
    """The distribution with the given tails, made consistent: a milder one is never lower."""
    at_least = np.minimum(np.maximum.accumulate(values[::-1])[::-1], 1)
    steps = np.append(1.0, at_least), np.append(at_least, 0.0)
    return steps[0] - steps[1]


@given(distributions, policies(), st.data())
def test_that_a_bscan_as_diseased_as_every_other_never_makes_an_eye_milder(rows, card, data):
    rows = np.array(rows).reshape(-1, 4)
    familiar = np.array(
        data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows))), bool
    )
    before = call(rows, familiar=familiar, card=card)
    if before.outcome in (Outcome.UNGRADABLE, Outcome.OUT_OF_SCOPE):
        return
    worst = tails(rows[familiar]).max(axis=0)
    more = np.maximum(worst, data.draw(st.floats(0, 1)))
    place = data.draw(st.integers(0, len(rows)))

    after = call(
        np.insert(rows, place, from_tails(more), axis=0),
        familiar=np.insert(familiar, place, True),
        card=card,
    )

    assert rank(after, card) >= rank(before, card)
    assert all(
        new >= old - 1e-8 for new, old in zip(after.scores[1:], before.scores[1:], strict=True)
    )


@given(distributions.filter(len), policies(), st.data())
def test_that_tails_as_high_as_the_scores_suffice_where_frames_ask_no_more_than_eyes(
    rows, card, data
):
    if any(rule.frame > rule.threshold for rule in card.aggregation.rules.values()):
        return
    rows = np.array(rows)
    before = call(rows, card=card)
    place = data.draw(st.integers(0, len(rows)))

    after = call(
        np.insert(rows, place, from_tails(np.array(before.scores[1:]) + 1e-9), axis=0), card=card
    )

    assert rank(after, card) >= rank(before, card)


@given(st.lists(distributions, min_size=1, max_size=3), distributions, policies())
def test_that_another_eye_never_makes_a_patient_milder(eyes, further, card):
    calls = [call(np.array(rows).reshape(-1, 4), card=card) for rows in eyes]
    more = [*calls, call(np.array(further).reshape(-1, 4), card=card)]

    assert rank(call_patient(more, card), card) >= rank(call_patient(calls, card), card)


@given(distributions, st.data())
def test_that_losing_bscans_to_quality_never_turns_a_diseased_eye_healthy_unseen(rows, data):
    rows = np.array(rows).reshape(-1, 4)
    lost = np.array(
        data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows))), bool
    )
    judged = rows.copy()
    judged[lost] = np.nan

    answer = call(judged)

    if answer.label == "NORMAL":
        assert (~lost).sum() >= CARD.aggregation.min_gradable * len(rows) > 0
