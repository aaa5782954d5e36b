"""What may be given to glm_fit, and what is said about the rest."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nelder as nd
from nelder.inference.predictions.prediction import prediction_interval

N = 12


@pytest.fixture
def good():
    """Small whole numbers, which every dtype can hold."""
    X = np.column_stack([np.ones(N), np.arange(N) % 5, np.arange(N) // 3])
    y = np.array([1.0, 3, 2, 4, 0, 5, 2, 6, 3, 1, 7, 4])
    return SimpleNamespace(X=X, y=y, weights=np.array([1.0, 2] * 6), offset=np.array([0.0, 1, 2] * 4))


def fit_with(good, **changes):
    given = vars(good) | changes
    return nd.glm_fit(given.pop("X"), given.pop("y"), given.pop("family", "poisson"), **given)


def numbers(fit):
    stats = fit.statistics
    return np.array([*fit.coef, *fit.se, stats.deviance, stats.null_deviance, stats.pearson, stats.loglik])


def with_bad(values, rows, bad):
    values = values.copy()
    values[rows] = bad
    return values


# Numbers that are none


@pytest.mark.parametrize("argument", ["X", "y", "weights", "offset"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@given(rows=st.sets(st.integers(0, N - 1), min_size=1, max_size=4))
def test_not_finite_names_argument_and_rows(argument, bad, rows):
    X = np.column_stack([np.ones(N), np.arange(N)])
    given = {"X": X, "y": np.ones(N), "weights": np.ones(N), "offset": np.zeros(N)}
    given[argument] = with_bad(given[argument], sorted(rows), bad)
    with pytest.raises(nd.DataError) as raised:
        fit_with(SimpleNamespace(), **given)
    words = ", ".join(map(str, sorted(rows)))
    assert str(raised.value).startswith(f"{argument} has nan or infinite values at row{'s' * (len(rows) > 1)} {words}:")


def test_of_many_bad_rows_five_are_named_and_the_rest_counted(good):
    with pytest.raises(nd.DataError, match=r"rows 0, 1, 2, 3, 4 and 7 more:"):
        fit_with(good, y=np.full(N, np.nan))


@pytest.mark.parametrize("missing", [None, pd.NA, float("nan")])
def test_missing_values_in_lists_and_series_are_named(good, missing):
    with pytest.raises(nd.NelderError, match=r"^y .*"):
        fit_with(good, y=[missing, *good.y[1:].tolist()])


def test_missing_values_of_frames_are_named(good):
    series = pd.Series([1, None, *good.y[2:]], dtype="Int64")
    for y in (series, pl.Series([1.0, None, *good.y[2:]])):
        with pytest.raises(nd.DataError, match=r"^y has nan or infinite values at row 1:"):
            fit_with(good, y=y)


@pytest.mark.parametrize("argument", ["X", "y", "weights", "offset"])
def test_a_masked_value_is_missing_and_not_what_lies_under_the_mask(good, argument):
    masked = np.ma.masked_array(getattr(good, argument))
    masked[3] = np.ma.masked
    with pytest.raises(nd.DataError, match=rf"^{argument} .*row 3"):
        fit_with(good, **{argument: masked})


def test_an_integer_too_large_for_a_float_is_refused(good):
    with pytest.raises(nd.NelderError, match=r"^y "):
        fit_with(good, y=np.array([10**400, *range(N - 1)], dtype=object))


# Shapes


@pytest.mark.parametrize("argument", ["y", "weights", "offset"])
@pytest.mark.parametrize("length", [0, 1, N - 1, N + 1])
def test_a_wrong_length_is_named_with_the_right_one(good, argument, length):
    with pytest.raises(nd.DataError, match=rf"^{argument} has {length} values for {N} rows"):
        fit_with(good, **{argument: np.ones(length)})


@pytest.mark.parametrize("argument", ["y", "weights", "offset"])
def test_a_single_number_is_not_a_column(good, argument):
    with pytest.raises(nd.DataError, match=rf"^{argument} "):
        fit_with(good, **{argument: 1.0})


@pytest.mark.parametrize("argument", ["y", "weights", "offset"])
def test_three_columns_are_not_one(good, argument):
    with pytest.raises(nd.DataError, match=rf"^{argument} has shape \({N}, 3\)"):
        fit_with(good, **{argument: np.ones((N, 3))})


@pytest.mark.parametrize("argument", ["X", "y", "weights", "offset"])
def test_ragged_lists_are_refused(good, argument):
    with pytest.raises(nd.DataError, match=rf"^{argument} is ragged"):
        fit_with(good, **{argument: [[1.0, 2.0], [3.0]] * (N // 2)})


def test_three_dimensions_are_refused(good):
    with pytest.raises(nd.DataError, match=r"^X has 3 dimensions"):
        fit_with(good, X=np.ones((N, 2, 2)))
    with pytest.raises(nd.DataError, match=r"^y has shape"):
        fit_with(good, y=np.ones((N, 2, 2)))


def test_nothing_to_fit_is_said():
    with pytest.raises(nd.DataError, match="no rows"):
        nd.glm_fit(np.ones((0, 2)), [])
    with pytest.raises(nd.DataError, match="no columns"):
        nd.glm_fit(np.ones((3, 0)), [1, 2, 3])
    with pytest.raises(nd.DataError, match="every column of the design is zero"):
        nd.glm_fit(np.zeros((3, 2)), [1, 2, 3])


def test_one_column_of_two_dimensions_is_a_vector(good):
    column = fit_with(good, y=good.y[:, None], weights=good.weights[:, None], offset=good.offset[:, None])
    assert np.array_equal(numbers(column), numbers(fit_with(good)))


def test_a_vector_x_is_one_column():
    fit = nd.glm_fit([1, 2, 3], [2, 4, 6.5])
    assert fit.names == ("x1",)
    assert np.isclose(fit.coef["x1"], (2 + 8 + 19.5) / 14, rtol=1e-14)


# Kinds


NOT_NUMBERS = {
    "strings": np.array(["1.0"] * N),
    "strings in a list": ["1"] * N,
    "mixed": [1.0] * (N - 1) + ["1"],
    "dates": np.array(["2020-01-01"] * N, dtype="M8[D]"),
    "durations": np.ones(N).astype("m8[s]"),
    "complex": np.ones(N, dtype=complex),
    "objects": [object()] * N,
    "bytes": np.array([b"1"] * N),
    "a set": {1.0, 2.0},
    "a dictionary": {"a": 1.0},
    "a function": np.sin,
    "a generator": iter([1.0, 2.0]),
    "pandas strings": pd.Series(["a"] * N),
    "pandas dates": pd.Series(pd.to_datetime(["2020-01-01"] * N)),
    "polars strings": pl.Series(["a"] * N),
}


@pytest.mark.parametrize("argument", ["X", "y", "weights", "offset"])
@pytest.mark.parametrize("kind", list(NOT_NUMBERS))
def test_what_is_not_numeric_is_a_type_error_that_names_the_argument(good, argument, kind):
    with pytest.raises(nd.InputTypeError, match=rf"^{argument} holds .*numeric") as raised:
        fit_with(good, **{argument: NOT_NUMBERS[kind]})
    assert isinstance(raised.value, TypeError)
    assert isinstance(raised.value, nd.NelderError)


def test_every_error_is_a_nelder_error_and_a_value_or_type_error():
    assert issubclass(nd.InputError, nd.NelderError) and issubclass(nd.InputError, ValueError)
    assert issubclass(nd.InputTypeError, nd.NelderError) and issubclass(nd.InputTypeError, TypeError)
    for error in (nd.DataError, nd.SupportError, nd.UnknownNameError, nd.FormulaError, nd.LevelError):
        assert issubclass(error, nd.InputError)


# Responses


OUTSIDE = [
    ("binomial", -0.1, "in [0, 1]", "cbind(successes, failures)"),
    ("binomial", 2.0, "in [0, 1]", "cbind(successes, failures)"),
    ("quasibinomial", 1.5, "in [0, 1]", "cbind(successes, failures)"),
    ("poisson", -1.0, "zero or positive", ""),
    ("quasipoisson", -0.5, "zero or positive", ""),
    ("negative_binomial(2)", -1.0, "zero or positive", ""),
    ("tweedie(1.5)", -1.0, "zero or positive", ""),
    ("tweedie(2.5)", 0.0, "positive", ""),
    ("gamma", 0.0, "positive", ""),
    ("gamma", -2.0, "positive", ""),
    ("inverse_gaussian", 0.0, "positive", ""),
    ("quasi(mu^2)", 0.0, "positive", ""),
    ("quasi(mu)", -3.0, "zero or positive", ""),
]


@pytest.mark.parametrize(("family", "bad", "support", "remedy"), OUTSIDE)
def test_a_response_outside_the_support_is_named_with_its_row(good, family, bad, support, remedy):
    y = with_bad(np.full(N, 0.5), [2, 7], bad)
    with pytest.raises(nd.SupportError) as raised:
        fit_with(good, y=y, family=family, link="log")
    message = str(raised.value)
    assert f"needs a response that is {support}: rows 2, 7 of y have {bad:g}, {bad:g}" in message
    assert remedy in message


@pytest.mark.parametrize(("family", "bad", "support", "remedy"), OUTSIDE)
def test_a_row_of_weight_zero_may_have_any_finite_response(good, family, bad, support, remedy):
    weights = with_bad(np.ones(N), [2, 7], 0.0)
    y = np.linspace(0.2, 0.8, N)
    if family in ("poisson", "negative_binomial(2)", "binomial"):
        y = (np.arange(N) % 2).astype(float)
    X, kept = good.X[:, :2], weights > 0
    fit = nd.glm_fit(X, with_bad(y, [2, 7], bad), family, "log", weights=weights)
    alone = nd.glm_fit(X[kept], y[kept], family, "log")
    assert np.array_equal(numbers(fit), numbers(alone), equal_nan=True)
    assert fit.df_resid == alone.df_resid == N - 4
    assert fit.notes == ("2 rows of weight zero left out",)


def test_a_row_of_weight_zero_must_still_be_finite(good):
    weights = with_bad(np.ones(N), [2], 0.0)
    with pytest.raises(nd.DataError, match=r"^y has nan or infinite values at row 2:"):
        fit_with(good, weights=weights, y=with_bad(good.y, [2], np.nan))


def test_responses_that_look_unlike_the_family_are_fitted_with_a_warning(good):
    with pytest.warns(nd.ResponseWarning, match="1 rows have a response that is not a whole number"):
        fit = fit_with(good, y=with_bad(good.y, [0], 1.5))
    assert fit.converged
    with pytest.warns(nd.ResponseWarning, match="not whole"):
        fit = nd.glm_fit(good.X[:, :1], np.full(N, 0.3), "binomial")
    assert np.isclose(fit.fitted[0], 0.3, rtol=1e-14)


# Weights


@given(rows=st.sets(st.integers(0, N - 1), min_size=1, max_size=3), frequency=st.booleans())
def test_negative_weights_are_named(rows, frequency):
    weights = with_bad(np.ones(N), sorted(rows), -1.0)
    words = ", ".join(map(str, sorted(rows)))
    with pytest.raises(nd.DataError, match=rf"weights.* negative at rows? {words};"):
        nd.glm_fit(np.ones((N, 1)), np.ones(N), weights=nd.frequency(weights) if frequency else weights)


def test_weights_that_are_all_zero_are_refused(good):
    for weights in (np.zeros(N), nd.frequency(np.zeros(N))):
        with pytest.raises(nd.DataError, match="all weights are zero"):
            fit_with(good, weights=weights)


def test_frequency_counts_must_be_whole(good):
    with pytest.raises(nd.DataError, match=r"nd\.frequency counts must be whole numbers; rows 1, 4 "):
        fit_with(good, weights=nd.frequency(with_bad(np.ones(N), [1, 4], 1.5)))


def test_frequency_counts_stand_for_repeated_rows(good):
    counts = np.array([1, 2, 3, 0] * 3)
    fit = fit_with(good, weights=nd.frequency(counts), family="quasipoisson")
    rows = np.repeat(np.arange(N), counts)
    repeated = nd.glm_fit(good.X[rows], good.y[rows], "quasipoisson", offset=good.offset[rows])
    assert np.allclose(numbers(fit), numbers(repeated), rtol=1e-10, atol=0, equal_nan=True)
    assert (fit.df_resid, fit.df_null, fit.statistics.n) == (repeated.df_resid, repeated.df_null, counts.sum())


def test_successes_and_failures(good):
    both = np.column_stack([np.arange(N), np.arange(N)[::-1]])
    fit = fit_with(good, y=both, family="binomial", weights=None)
    trials = both.sum(axis=1)
    proportion = fit_with(good, y=both[:, 0] / trials, family="binomial", weights=trials)
    assert np.allclose(numbers(fit), numbers(proportion), rtol=1e-12, atol=0)


def test_negative_successes_or_failures_are_named(good):
    both = np.ones((N, 2))
    both[[3, 5], [0, 1]] = -1
    with pytest.raises(nd.DataError, match=r"cbind\(successes, failures\) has negative counts at rows 3, 5"):
        fit_with(good, y=both, family="binomial")


# Names of families, links, solvers and penalties


NEAREST = [
    ("family", "poison", "poisson"),
    ("family", "Binomial", "binomial"),
    ("family", "normal", "gaussian"),
    ("family", "nbinom", "negative_binomial"),
    ("link", "lgo", "log"),
    ("link", "logitt", "logit"),
    ("link", "1/mu^2", "inverse_squared"),
    ("solver", "newtn", "newton"),
    ("solver", "gradient_decent", "gradient_descent"),
    ("solver", "sgd", "stochastic_gradient_descent"),
    ("penalty", "rige", "ridge"),
]


@pytest.mark.parametrize(("argument", "given_name", "nearest"), NEAREST)
def test_an_unknown_name_is_repeated_with_the_nearest(good, argument, given_name, nearest):
    with pytest.raises(nd.UnknownNameError) as raised:
        fit_with(good, **{argument: given_name})
    assert f"unknown {argument} {given_name!r}" in str(raised.value)
    assert f"did you mean {nearest!r}?" in str(raised.value)


@pytest.mark.parametrize("argument", ["family", "link", "solver", "penalty"])
@pytest.mark.parametrize("thing", [3, 1.5, ["poisson"], object(), int, b"poisson"])
def test_neither_a_name_nor_an_object_is_a_type_error(good, argument, thing):
    with pytest.raises(nd.InputTypeError, match=rf"^{argument} must be a name or a nelder "):
        fit_with(good, **{argument: thing})


@pytest.mark.parametrize("argument", ["family", "solver", "penalty"])
def test_none_is_not_a_family_solver_or_penalty(good, argument):
    with pytest.raises(nd.InputTypeError, match=rf"^{argument} must be a name"):
        fit_with(good, **{argument: None})


def test_a_class_stands_for_its_instance(good):
    by_class = fit_with(good, family=nd.Poisson, link=nd.Log, solver=nd.Newton)
    assert np.array_equal(numbers(by_class), numbers(fit_with(good)))


@pytest.mark.parametrize(
    ("argument", "text"),
    [
        ("family", "negative_binomial(-1)"),
        ("family", "negative_binomial(nan)"),
        ("family", "negative_binomial(a)"),
        ("family", "negative_binomial(1/0)"),
        ("family", "negative_binomial(1, 2)"),
        ("family", "tweedie(0.5)"),
        ("family", "tweedie(power=1.5, other=3)"),
        ("family", "tweedie(word)"),
        ("family", "tweedie(1.5"),
        ("family", "poisson(2)"),
        ("family", "quasi(mu^4)"),
        ("family", "quasi(3)"),
        ("family", "poisson(__import__('os'))"),
        ("family", ""),
        ("link", "power(0)"),
        ("link", "power(nan)"),
        ("link", "power(a)"),
        ("link", "log(2)"),
        ("solver", "gradient_descent(-1)"),
        ("solver", "gradient_descent(rate=a)"),
        ("solver", "gradient_descent(epochs=0)"),
        ("solver", "newton(3)"),
        ("penalty", "ridge(-1)"),
        ("penalty", "ridge(inf)"),
        ("penalty", "ridge(a)"),
    ],
)
def test_options_that_mean_nothing_are_refused(good, argument, text):
    with pytest.raises(nd.NelderError) as raised:
        fit_with(good, **{argument: text})
    assert isinstance(raised.value, ValueError | TypeError)
    assert text.partition("(")[0] in str(raised.value)


@pytest.mark.parametrize(
    "make",
    [nd.NegativeBinomial, nd.Tweedie, nd.Quasi, nd.Power, nd.Ridge, nd.GradientDescent, nd.Draw],
    ids=lambda make: make.__name__,
)
@pytest.mark.parametrize("option", ["a word", [1.0], object()], ids=["text", "list", "object"])
def test_options_of_the_wrong_kind_are_nelder_errors(make, option):
    with pytest.raises(nd.NelderError):
        make(option)


# Names of columns


def test_names_of_columns(good):
    assert fit_with(good).names == ("x1", "x2", "x3")
    assert fit_with(good, names=["one", "two", "three"]).names == ("one", "two", "three")
    assert fit_with(good, X=pd.DataFrame(good.X, columns=["a", "b", "c"])).names == ("a", "b", "c")
    assert fit_with(good, X=pl.DataFrame(good.X, schema=["a", "b", "c"])).names == ("a", "b", "c")


@pytest.mark.parametrize("names", [["a"], ["a", "b", "c", "d"], [], ["a", "b", "a"], 5])
def test_names_that_do_not_fit_are_refused(good, names):
    with pytest.raises(nd.NelderError, match="names"):
        fit_with(good, names=names)


# The same numbers in any dress


def read_only(values):
    values = values.copy()
    values.flags.writeable = False
    return values


def strided(values):
    """Every second entry along every axis of a larger array full of nan."""
    large = np.full([2 * length for length in values.shape], np.nan)
    view = large[tuple(slice(None, None, 2) for _ in values.shape)]
    view[...] = values
    return view


DRESSES = {
    "int8": lambda v: v.astype(np.int8),
    "uint8": lambda v: v.astype(np.uint8),
    "int64": lambda v: v.astype(np.int64),
    "float16": lambda v: v.astype(np.float16),
    "float32": lambda v: v.astype(np.float32),
    "long double": lambda v: v.astype(np.longdouble),
    "big-endian": lambda v: v.astype(">f8"),
    "big-endian integers": lambda v: v.astype(">i4"),
    "objects": lambda v: v.astype(object),
    "Fortran order": np.asfortranarray,
    "strided": strided,
    "negative strides": lambda v: v[::-1].copy()[::-1],
    "transposed": lambda v: v.T.copy().T,
    "read-only": read_only,
    "nothing masked": np.ma.masked_array,
    "lists": lambda v: v.tolist(),
    "tuples": lambda v: tuple(map(tuple, v.tolist())) if v.ndim == 2 else tuple(v.tolist()),
    "pandas": lambda v: (pd.DataFrame if v.ndim == 2 else pd.Series)(v, index=range(100, 100 + N)),
    "pandas integers": lambda v: (pd.DataFrame(v) if v.ndim == 2 else pd.Series(v)).astype("Int64"),
    "polars": lambda v: pl.DataFrame(v) if v.ndim == 2 else pl.Series(v),
}


@pytest.mark.parametrize("dress", list(DRESSES))
def test_any_dtype_layout_and_container_gives_the_same_answer_and_is_left_alone(good, dress):
    dressed = {name: DRESSES[dress](values) for name, values in vars(good).items()}
    before = {name: np.array(values, dtype=float) for name, values in dressed.items()}
    fit = fit_with(SimpleNamespace(**dressed))
    assert np.array_equal(numbers(fit), numbers(fit_with(good)))
    for name, values in dressed.items():
        assert np.array_equal(np.array(values, dtype=float), before[name])


def test_booleans_are_zeros_and_ones(good):
    X, y = good.X > 0, good.y > 2
    fit = nd.glm_fit(X, y, "binomial", weights=y | True)
    assert np.array_equal(numbers(fit), numbers(nd.glm_fit(X.astype(float), y.astype(float), "binomial")))


def test_later_changes_of_the_arrays_do_not_reach_the_estimates(good):
    fit = fit_with(good)
    before, table = numbers(fit), fit.table().to_dict()
    for values in vars(good).values():
        values[:] = -1e6
    assert np.array_equal(numbers(fit), before)
    assert fit.table().to_dict() == table


def test_series_with_another_index_are_refused(good):
    y = pd.Series(good.y, index=range(N))
    with pytest.raises(nd.DataError, match="the index of y is not that of the data"):
        fit_with(good, X=pd.DataFrame(good.X), y=y[::-1])


def test_two_columns_are_for_families_that_count_successes(good):
    with pytest.raises(nd.CapabilityError, match="successes and failures, which poisson does not count"):
        fit_with(good, y=np.column_stack([good.y, good.y + 1]))


def labelled(n=40):
    """A table, and the same rows in another order under the same labels."""
    random = np.random.default_rng(0)
    data = pd.DataFrame({"x": random.normal(size=n), "e": random.uniform(1, 9, n)})
    data["y"], data["s"] = random.poisson(data["e"] * np.exp(0.2 + 0.3 * data["x"])), (random.random(n) < 0.5) * 1.0
    return data, data.iloc[::-1]


LATER = {
    "offset": lambda fit, data: fit.predict(data.iloc[::-1], offset=np.log(data["e"])),
    "weights": lambda fit, data: prediction_interval(fit, weights=data["e"].iloc[::-1]),
    "exposure": lambda fit, data: fit.lift(bands=3, exposure=data["e"].iloc[::-1]),
    "predicted": lambda fit, data: fit.calibration(predicted=1.0 + data["e"].iloc[::-1]),
    "clusters": lambda fit, data: fit.with_covariance(nd.Clustered(data["s"].iloc[::-1])),
    "folds": lambda fit, data: fit.cross_validate(groups=data["s"].iloc[::-1]),
}


@pytest.mark.parametrize("door", LATER)
def test_labels_of_other_rows_are_refused_after_a_fit_too(door):
    data, _ = labelled()
    fit = nd.glm("y ~ x", data, "poisson", offset=np.log(data["e"]))
    with pytest.raises(nd.DataError, match=r"^the index of \w+ is not that of the data"):
        LATER[door](fit, data)


def test_labels_of_the_fitted_rows_alone_are_those_of_the_data():
    data, _ = labelled()
    data.loc[[3, 5], "x"] = np.nan
    fit = nd.glm("y ~ x", data, "poisson")
    few = data.drop([3, 5])
    assert np.array_equal(
        fit.with_covariance(nd.Clustered(few["s"])).se, fit.with_covariance(nd.Clustered(data["s"])).se
    )


def test_series_that_contradict_each_other_are_refused_where_no_table_has_labels():
    data, back = labelled()
    with pytest.raises(nd.DataError, match=r"^the index of column 'x' is not that of column 'y'"):
        nd.glm("y ~ x", {"y": data["y"], "x": back["x"]}, "poisson")
    with pytest.raises(nd.DataError, match=r"^the index of weights is not that of y"):
        nd.glm_fit(data[["x"]].to_numpy(), data["y"], "poisson", weights=back["e"])


def test_categories_that_are_numbers_are_no_numbers():
    coded = pd.Categorical([1, 2, 3, 2])
    y = np.array([1.0, 3.0, 2.0, 4.0])
    for X in (pd.DataFrame({"one": 1.0, "k": coded}), pd.Series(coded), coded):
        with pytest.raises(nd.InputTypeError, match="X holds categories, and must be numeric"):
            nd.glm_fit(X, y)
    with pytest.raises(nd.InputTypeError, match="weights holds categories"):
        nd.glm("y ~ 1", {"y": y}, weights=coded)
    with pytest.raises(nd.InputTypeError, match="y holds categories"):
        nd.glm_fit(np.ones((4, 1)), pd.Series(coded))


def test_an_error_of_a_response_says_how_the_response_is_called():
    data = {"claims": [1.0, -2.0, 3.0], "x": [1.0, 2.0, 4.0]}
    with pytest.raises(nd.SupportError, match=r"row 1 of claims has -2"):
        nd.glm("claims ~ x", data, family="poisson")
    with pytest.raises(nd.SupportError, match=r"row 1 of claims has -2"):
        nd.glm("claims ~ x", data).update(family="poisson")
    with pytest.raises(nd.SupportError, match=r"row 1 of y has -2"):
        nd.glm_fit([[1.0], [2.0], [4.0]], data["claims"], family="poisson")
    with pytest.raises(nd.DataError, match=r"^claims has values of size 1e\+200"):
        nd.glm("claims ~ x", data | {"claims": [1.0, 2.0, 1e200]})
