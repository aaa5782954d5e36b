"""What transforms ask of a column has the same answer, to the last digit, however it was cut."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nelder as nd
from nelder.formula.order_statistics import BINS, Bracket, Search, keys_of, quantiles, ranks_at, value_of
from nelder.formula.questions import answered
from nelder.formula.recurrences import Recurrence

FINITE = st.floats(allow_nan=False, allow_infinity=False)
MANY = st.lists(st.one_of(FINITE, st.sampled_from([0.0, -0.0, 1.0, 1.5])), min_size=1, max_size=60)


def in_parts(question, parts):
    """The question when all parts have answered."""
    rounds = 0
    while question.open:
        answers = [question.answer(part) for part in parts]
        question, rounds = question.told(sum(answers[1:], answers[0])), rounds + 1
    return question, rounds


def cut(values, places):
    return np.split(np.array(values), sorted(place % (len(values) + 1) for place in places))


@given(MANY)
def test_keys_are_in_the_order_of_values(values):
    x = np.array(values)
    keys = keys_of(x)
    assert [value_of(int(key)) for key in keys] == values
    assert np.array_equal(x[:, None] < x, keys[:, None] < keys) and np.array_equal(
        x[:, None] == x, keys[:, None] == keys
    )


@given(MANY, st.lists(st.integers(0, 100), max_size=4))
def test_values_of_ranks_are_those_of_the_sorted_column(values, places):
    ordered, parts = np.sort(values), cut(values, places)
    search, rounds = in_parts(Search.of(ordered[[0, -1]], range(len(values))), parts)
    assert [search.found[rank] for rank in range(len(values))] == ordered.tolist()
    assert rounds <= 5  # of 14 bits each


@given(MANY, st.lists(st.integers(0, 100), max_size=3), st.integers(1, 9))
def test_quantiles_are_those_of_numpy(values, places, many):
    levels, ordered = np.linspace(0, 1, many + 2)[1:-1], np.sort(values)
    search, _ = in_parts(Search.of(ordered[[0, -1]], ranks_at(levels, len(values))), cut(values, places))
    with np.errstate(all="ignore"):  # a difference may overflow, there as here
        ours, theirs = quantiles(levels, len(values), search.found), np.quantile(values, levels)
    assert np.array_equal(ours, theirs, equal_nan=True)


def test_many_values_take_few_rounds():
    x = np.random.default_rng(1).normal(size=300_000)
    search, rounds = in_parts(
        Search.of(np.array([x.min(), x.max()]), [0, 1_000, 149_999, 299_999]), np.split(x, 7 * [9])
    )
    assert search.found == {rank: np.sort(x)[rank] for rank in (0, 1_000, 149_999, 299_999)} and rounds == 3


def test_a_range_is_counted_once_for_all_ranks_in_it():
    answer = Search({}, [Bracket(rank, (0, 10 * BINS)) for rank in range(5)]).answer(np.ones(3))
    assert len(answer.counts) == 1


@given(st.lists(st.floats(-1e3, 1e3), min_size=8, max_size=60, unique=True), st.lists(st.integers(0, 99), max_size=3))
def test_polynomials_are_the_same_however_a_column_is_cut(values, places):
    whole = answered(Recurrence(3), np.array(values))
    parts, rounds = in_parts(Recurrence(3), cut(values, places))
    assert parts == whole and rounds == 4


def test_polynomials_are_orthogonal_and_have_the_norms_that_are_said():
    x = np.random.default_rng(2).gamma(2.0, size=5_000)
    known = answered(Recurrence(4), x)
    columns = np.array(known.columns(x))
    products = columns @ columns.T / np.sqrt(np.outer(known.norms, known.norms))
    np.testing.assert_allclose(products, np.eye(5), atol=1e-11)


@pytest.mark.parametrize("odd", [1e200, np.inf, np.nan])
def test_numbers_that_no_polynomial_can_hold_show(odd):
    known, _ = in_parts(Recurrence(2), [np.array([1.0, 2.0]), np.array([odd, 4.0])])
    assert not np.isfinite([*known.norms, *known.alpha]).all() and len(known.norms) < 3


@pytest.mark.parametrize("counts", [[1, 1, 1, 9_997], [100_000, 3, 1], [10_000, 5_000, 100, 1]])
@pytest.mark.parametrize("values", [[0.0, 1.0, 2.0, 3.0], [0.0, 1.0, 2.0, 1e6], [1e18, 0.1, 0.2, 7.0]])
def test_distinct_values_are_counted_and_not_guessed(counts, values):
    x = np.repeat(values[: len(counts)], counts)
    for degree in (1, 2, 3, 4):
        for known in (answered(Recurrence(degree), x), in_parts(Recurrence(degree), np.array_split(x, 7))[0]):
            assert known.too_few == (degree >= len(counts))


def test_a_small_spread_beside_a_large_number_is_a_spread():
    x = 1.7e18 + 1_000.0 * (np.arange(500) % 10)
    table = {"x": x, "y": np.sin(np.arange(500.0))}
    near = {**table, "x": np.round((x - 1.7e18) / 256)}  # what a double there can tell apart
    assert nd.glm("y ~ poly(x, 1)", table).deviance == pytest.approx(nd.glm("y ~ poly(x, 1)", near).deviance, rel=1e-12)


def test_values_that_change_between_two_looks_are_told():
    search = Search.of(np.array([0.0, 10.0]), [3])
    once = search.told(search.answer(np.linspace(0, 10, 8)))
    for others in (np.zeros(0), np.full(2, 4.5), np.full(2, 20.0)):
        with pytest.raises(nd.DataError, match="others at one look than at another"):
            while once.open:
                once = once.told(once.answer(others))


@pytest.mark.parametrize("levels", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [1e-20, 0.1, 1.0, 1e20])
@pytest.mark.parametrize("beside", [0.0, 3.0, -1e5])
def test_too_few_distinct_values_are_told(levels, size, beside):
    x = size * (beside + np.arange(100.0) % levels)
    table = {"x": x, "y": np.sin(np.arange(100.0))}
    for degree in range(1, levels):
        assert not nd.glm(f"y ~ poly(x, {degree})", table).aliased.any()
    for degree in range(levels, 5):
        with pytest.raises(nd.FormulaError, match=rf"needs a column with more than {degree} distinct values"):
            nd.glm(f"y ~ poly(x, {degree})", table)


def test_a_rare_value_is_a_value():
    x = np.zeros(100_000)
    x[:3] = [1.0, 1e-3, 1e4]
    fit = nd.glm("y ~ poly(x, 3)", {"x": x, "y": np.sin(np.arange(100_000.0))})
    assert not fit.aliased.any() and np.isfinite(fit.se).all()
