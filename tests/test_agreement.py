"""Agreement counts what a reader said without knowing the machine's answer, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.agreement import agreement, cohen, wilson
from tests.decisions import entry

PAIRS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1, max_size=60)


def read(subject, answer, machine, *, blind=True, number=1, **fields):
    return entry(subject, answer, machine=machine, blind=blind, number=number, **fields)


def test_that_only_the_first_call_of_an_eye_counts_and_only_if_blind():
    found = agreement(
        [
            read("OD", "CNV", "CNV"),
            read("OD", "DME", "CNV", blind=False),
            read("OS", "DME", "CNV", blind=False),
            read("OS", "CNV", "CNV"),
            read("patient", "DME", "CNV"),
            read("1.2.3/4", "DME", "CNV"),
            read("OD", "DME", "CNV", study_uid="other", reader="CD"),
            read("OS", "DME", None, study_uid="other"),
        ]
    )

    assert (found.agreed, found.total) == (1, 2)
    assert found.readers == ("AB", "CD")


def test_that_each_reader_can_be_looked_at():
    trail = [read("OD", "CNV", "CNV"), read("OS", "DME", "CNV", reader="CD")]

    assert agreement(trail, "AB").agreed == 1
    assert agreement(trail, "CD").agreed == 0


def test_that_every_answer_is_counted_on_both_sides():
    trail = [
        read("OD", "CNV", "CNV"),
        read("OS", "CNV", "DME"),
        read("OD", "NORMAL", "NORMAL", study_uid="b"),
    ]

    cnv = agreement(trail).classes[0]

    assert (cnv.answer, cnv.reader, cnv.machine, cnv.both) == ("CNV", 2, 1, 1)
    assert cnv.share == pytest.approx(2 / 3)


def test_that_kappa_and_its_interval_are_those_of_a_table_worked_by_hand():
    # 20 and 15 of 50 agreed on: 0.7 observed, 0.5 by chance. The variance of Fleiss, Cohen and
    # Everitt is (0.4 * 0.1156 + 0.3 * 0.2116 + 0.36 * (0.1 * 1.1^2 + 0.2 * 0.9^2) - 0.01) / 12.5.
    pairs = [("y", "y")] * 20 + [("y", "n")] * 5 + [("n", "y")] * 10 + [("n", "n")] * 15

    kappa = cohen(pairs)

    assert kappa.value == pytest.approx(0.4)
    assert kappa.interval == pytest.approx((0.1511, 0.6489), abs=1e-4)


def test_that_kappa_is_not_made_up_where_it_is_not_defined():
    assert cohen([]) is None
    assert cohen([("a", "a")] * 9) is None
    assert cohen([("a", "a"), ("b", "b")]).interval is None
    assert cohen([("a", "b"), ("b", "c")]).interval is None


@given(PAIRS)
def test_that_kappa_lies_within_its_interval_and_does_not_know_who_is_who(pairs):
    kappa, swapped = cohen(pairs), cohen([(b, a) for a, b in pairs])

    assert (kappa is None) == (swapped is None)
    if kappa is not None:
        assert -1 <= kappa.value <= 1
        assert kappa.value == pytest.approx(swapped.value)
        if kappa.interval is not None:
            low, high = kappa.interval
            assert low <= kappa.value + 1e-9
            assert kappa.value <= high + 1e-9


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_that_the_interval_of_a_share_holds_the_share(case):
    count, n = case
    low, high = wilson(count, n)

    assert 0 <= low <= count / n + 1e-12
    assert count / n - 1e-12 <= high <= 1
    assert high - low > 0
