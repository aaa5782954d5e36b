"""Cells: which rows share one, what an exposure does, and where single rows are needed after all."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

import nelder as nd
from nelder.compression.keys import Column, coded, numbered, promises
from nelder.submodels import with_terms

N = 600


def counts(random, n=N):
    """Claims by two factors and an age in years, with a continuous exposure."""
    data = {
        "f": np.array(["a", "b", "c"])[random.integers(3, size=n)],
        "g": np.array(["k", "l", "m", "n"])[random.integers(4, size=n)],
        "age": random.integers(18, 26, size=n).astype(float),
        "years": random.uniform(0.01, 2.0, n),
    }
    data["mu"] = data["years"] * np.exp(-0.5 + 0.4 * (data["f"] == "b") + 0.02 * data["age"])
    data["y"] = random.poisson(data["mu"]).astype(float)
    data["amount"] = random.gamma(2.0, data["mu"] / 2.0)
    data["total"] = np.where(data["y"] > 0, data["amount"], 0.0)
    return data


@pytest.fixture
def data():
    return counts(np.random.default_rng(5))


def both(*given, **options):
    """The fit on cells, and the fit on rows."""
    return nd.glm(*given, **options, compress=True), nd.glm(*given, **options, compress=False)


def assert_same(cells, rows, solved=True):
    """Equal numbers, to 1e-10 of each."""
    close = {"rel": 1e-10, "abs": 1e-10, "nan_ok": True}
    assert any("cells, exact" in note for note in cells.notes) == solved
    error = np.nan_to_num(np.asarray(rows.se))
    there, here = np.asarray(rows.coef), np.asarray(cells.coef)
    finite = np.isfinite(there)
    assert np.array_equal(here[~finite], there[~finite], equal_nan=True)
    assert np.all(np.abs(here[finite] - there[finite]) <= 1e-10 * np.maximum(error, np.abs(there))[finite])
    assert np.asarray(cells.se) == pytest.approx(np.asarray(rows.se), **close)
    for name in ("deviance", "null_deviance", "loglik", "aic", "bic", "dispersion", "df_resid", "df_null"):
        assert getattr(cells, name) == pytest.approx(getattr(rows, name), **close), name
    assert cells.statistics.pearson == pytest.approx(rows.statistics.pearson, **close)
    assert (cells.converged, cells.reason, cells.warnings) == (rows.converged, rows.reason, rows.warnings)
    assert cells.predict() == pytest.approx(rows.predict(), **close)
    assert cells.trace.deviance[-1] == pytest.approx(rows.trace.deviance[-1], **close)


EXPOSED = {
    "poisson": "y",
    "quasipoisson": "y",
    "gamma": "amount",
    "inverse_gaussian": "amount",
    "gaussian": "amount",
    "tweedie(1.5)": "total",
    "quasi('mu^2')": "amount",
}


@pytest.mark.parametrize("family", EXPOSED)
def test_a_continuous_exposure_is_absorbed(data, family):
    given = (f"{EXPOSED[family]} ~ f * g + age + offset(log(years))", data, family, "log")
    cells, rows = both(*given)
    assert_same(cells, rows)
    assert cells.notes == ("600 rows -> 96 cells, exact",)
    for kind in ("HC0", "HC1"):
        assert cells.covariance(kind) == pytest.approx(rows.covariance(kind), rel=1e-9, abs=1e-12)
    assert cells.residuals("deviance") == pytest.approx(rows.residuals("deviance"), rel=1e-9, abs=1e-9)


def test_an_offset_that_cannot_be_absorbed_tells_rows_apart(data):
    data["late"] = (data["y"] > 0).astype(float)
    data["few"] = np.round(data["years"])
    cells, rows = both("late ~ f + g + age + offset(few)", data, "binomial")
    assert_same(cells, rows)
    many = len(set(zip(data["f"], data["g"], data["age"], data["few"], strict=True)))
    assert cells.notes == (f"600 rows -> {many} cells, exact",) and many > 96
    with pytest.raises(nd.CapabilityError, match="no two rows are alike"):
        nd.glm("late ~ f + g + age + offset(years)", data, "binomial", compress=True)


def test_an_exposure_beyond_all_numbers_is_not_divided_by(data):
    data["few"] = np.where(data["f"] == "a", 60.0, 0.0)
    data["amount"] *= np.exp(data["few"])
    cells, rows = both("amount ~ f + g + offset(few)", data, "gamma", "log")
    assert_same(cells, rows)
    assert cells.notes == ("600 rows -> 12 cells, exact",)


@pytest.mark.parametrize("weights", ["prior", nd.frequency("many"), nd.sampling("prior")])
@pytest.mark.parametrize("family", ["poisson", "quasipoisson", "tweedie(1.3)"])
def test_weights_of_all_kinds_add_up(data, weights, family):
    random = np.random.default_rng(8)
    data["prior"], data["many"] = random.uniform(0.5, 2.0, N), random.integers(0, 5, N).astype(float)
    given = ("total ~ f + g + age + offset(log(years))", data, family, "log")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nd.ResponseWarning)
        cells, rows = both(*given, weights=weights)
    assert_same(cells, rows)
    assert np.asarray(cells.se) == pytest.approx(np.asarray(rows.se), rel=1e-10)


def test_proportions_with_trials_add_up(data):
    random = np.random.default_rng(9)
    data["won"] = random.integers(0, 6, N).astype(float)
    data["lost"] = random.integers(0, 6, N).astype(float)
    assert_same(*both("cbind(won, lost) ~ f * g", data, "binomial"))
    assert_same(*both("cbind(won, lost) ~ f * g", data, "quasibinomial", link="probit", weights=nd.frequency("won")))


def test_arrays_have_cells_too(data):
    X = np.column_stack([np.ones(N), data["f"] == "b", data["age"], data["age"] ** 2 / 1e3]).astype(float)
    cells, rows = (
        nd.glm_fit(X, data["y"], "poisson", offset=np.log(data["years"]), compress=compress)
        for compress in (True, False)
    )
    assert_same(cells, rows)
    assert cells.notes == ("600 rows -> 16 cells, exact",)


@pytest.mark.parametrize("solver", ["irls", "newton", "lbfgs", "gradient_descent"])
def test_solvers_see_the_values_of_the_rows(data, solver):
    assert_same(*both("y ~ f + g + offset(log(years))", data, "poisson", solver=solver))


def test_ridge_is_the_same(data):
    assert_same(*both("y ~ f * g + age", data, "poisson", penalty="ridge(3.0)"))


# where the optimum is not a plain one, the rows are judged as ever


def loud(*given, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nd.NelderWarning)
        return both(*given, **options)


def test_separated_rows_are_judged_as_rows(data):
    data["late"] = np.where(data["f"] == "a", 0.0, data["y"] > 0).astype(float)
    cells, rows = loud("late ~ f + g", data, "binomial")
    assert_same(cells, rows, solved=False)
    assert cells.warnings and "separat" in str(cells.warnings[0]).lower()


def test_aliased_columns_are_judged_as_rows(data):
    data["twice"] = 2.0 * data["age"]
    assert_same(*loud("y ~ f + age + twice", data, "poisson"), solved=False)


def test_an_edge_is_judged_as_rows():
    data = {"x": np.repeat([0.0, 1.0, 2.0], 20), "y": np.repeat([0.0, 0.0, 6.0], 20)}
    data["y"][50:] = 2.0
    assert_same(*loud("y ~ x", data, nd.Poisson(), "identity"), solved=False)


def test_a_perfect_fit_is_judged_as_rows():
    x = np.repeat(np.arange(4.0), 10)
    cells, rows = loud("y ~ x", {"x": x, "y": 1 + 2 * x}, "gaussian")
    assert_same(cells, rows, solved=False)


def test_a_step_limit_is_judged_as_rows(data):
    assert_same(*loud("y ~ f + g", data, "poisson", solver=nd.Newton(max_steps=1)), solved=False)


def test_an_interrupted_fit_does_not_begin_again(data):
    seen = []

    def stop(record):
        seen.append(record.step)
        if record.step == 1:
            raise KeyboardInterrupt

    with pytest.warns(nd.NotConvergedWarning):
        fit = nd.glm("y ~ f * g + age", data, "poisson", solver="gradient_descent", watch=stop, compress=True)
    assert fit.reason == "interrupted" and seen == [0, 1]
    assert fit.deviance == pytest.approx(2 * fit.objective.values(np.asarray(fit.coef)[None])[0], rel=1e-12)


def test_smaller_models_are_solved_on_rows_and_say_nothing_of_cells(data):
    fit = nd.glm("y ~ f + g + age + offset(log(years))", data, "poisson", compress=True)
    smaller = with_terms(fit, ["Intercept", "f", "g"])
    assert smaller.notes == () and fit.notes != ()
    assert_same(nd.glm("y ~ f + g + offset(log(years))", data, "poisson", compress=True), smaller)


def test_a_response_far_from_zero_is_not_rounded_to_means_of_cells():
    random = np.random.default_rng(3)
    x = np.repeat(np.arange(5.0), 40)
    data = {"x": x, "y": 1e9 + x + random.normal(size=200)}
    cells, rows = loud("y ~ x", data, "gaussian")
    assert_same(cells, rows, solved=False)


# what cannot be


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"family": "negative_binomial"}, "theta of negative_binomial is estimated from single rows"),
        ({"family": "poisson", "penalty": "firth"}, "leverages of single rows"),
        ({"family": "poisson", "solver": "stochastic_gradient_descent"}, "draws single rows"),
    ],
)
def test_compress_true_says_why_it_cannot_be(data, options, why):
    with pytest.raises(nd.CapabilityError, match=f"compress=True: .*{why}"):
        nd.glm("y ~ f + g", data, **options, compress=True)


def test_weights_beyond_all_digits_leave_rows_alone():
    """A zero among ones that weigh 1e17 times as much is lost in their mean, yet decides about an optimum."""
    x, y, weight = np.repeat([0.0, 1.0], 20), np.resize([0.0, 1.0], 40), np.ones(40)
    y[:20], y[0], weight[1:20] = 1.0, 0.0, 1e17
    X = np.column_stack([np.ones(40), x])
    with pytest.raises(nd.CapabilityError, match="weights of those that are differ"):
        nd.glm_fit(X, y, "binomial", weights=weight, compress=True)


def test_equal_responses_whose_mean_rounds_share_a_cell():
    random = np.random.default_rng(4)
    x = np.repeat(np.arange(6.0), 50)
    data = {"x": x, "y": np.where(x == 5, 0.7, np.where(x == 0, 0.1, random.uniform(0.2, 0.6, 300)))}
    data["w"] = random.uniform(0.1, 3.0, 300)
    assert_same(*both("y ~ x", data, "gaussian", weights="w"))
    assert_same(*both("y ~ x", data, "gamma", link="log", weights="w"))


def test_compress_takes_three_values(data):
    with pytest.raises(nd.InputError, match="True, False or 'auto'"):
        nd.glm("y ~ f", data, compress="always")
    with pytest.raises(nd.InputError, match="True, False or 'auto'"):
        nd.glm("y ~ f", data, compress=data["y"])


def test_auto_compresses_many_rows_and_leaves_few():
    many = counts(np.random.default_rng(6), 12_000)
    fit = nd.glm("y ~ f + g + age + offset(log(years))", many, "poisson")
    assert fit.notes == ("12,000 rows -> 96 cells, exact",)
    assert "cells, exact" in str(fit.summary())
    assert nd.glm("y ~ f + g", counts(np.random.default_rng(6)), "poisson").notes == ()
    assert nd.glm("y ~ f + g + mu", many, "poisson").notes == ()


def test_continuous_columns_end_the_look_at_a_sample_at_once():
    class Watched(np.ndarray):
        """Counts how often it is looked at."""

        looks = 0

        def __getitem__(self, rows):
            type(self).looks += 1
            return np.asarray(super().__getitem__(rows))

    n, random = 50_000, np.random.default_rng(1)
    columns = [Column(random.normal(size=n).view(Watched)) for _ in range(8)]
    assert not promises(columns, n, n / 4)
    assert Watched.looks == 1


def test_rows_that_mostly_differ_promise_nothing_though_some_repeat():
    random = np.random.default_rng(2)
    half = np.concatenate([np.zeros(50_000), random.normal(size=50_000)])
    assert not promises([Column(random.permutation(half))], 100_000, 25_000)
    assert promises([Column(random.integers(20_000, size=100_000), 20_000)], 100_000, 25_000)


@pytest.mark.parametrize(
    ("family", "power"),
    [
        (nd.Gaussian(), 0),
        (nd.Poisson(), 1),
        (nd.Gamma(), 2),
        (nd.InverseGaussian(), 3),
        (nd.Tweedie(1.37), 1.37),
        (nd.Quasi("mu^3"), 3),
        (nd.Binomial(), None),
        (nd.Quasi("mu(1-mu)"), None),
        (nd.NegativeBinomial(2.0), None),
        (nd.NegativeBinomial(1e30), None),
        (nd.Tweedie(), None),
    ],
)
def test_a_variance_that_is_a_power_of_the_mean_is_seen_to_be_one(family, power):
    assert family.variance_power == (None if power is None else pytest.approx(power, abs=1e-14))


# the numbers of cells


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=1, max_size=50))
def test_codes_are_equal_where_numbers_are(some):
    values = np.array(some, dtype=float)
    codes, levels = coded(values)
    assert codes.min() >= 0 and codes.max() < levels
    assert np.array_equal(codes[:, None] == codes, values[:, None] == values)


def test_numbers_that_a_sample_did_not_see_have_codes():
    values = np.full(200_000, 0.5)
    values[[3, 77_777]] = 0.25, 1e300
    codes, levels = coded(values)
    assert levels == 3 and codes[3] != codes[77_777] and len(np.unique(codes)) == 3


@settings(max_examples=50)
@given(st.data())
def test_cells_are_the_distinct_rows(draw):
    n, k = draw.draw(st.integers(1, 60)), draw.draw(st.integers(1, 6))
    levels = [draw.draw(st.sampled_from([2, 5, 3_000, 2_000_000])) for _ in range(k)]
    random = np.random.default_rng(draw.draw(st.integers(0, 99)))
    codes = [random.integers(max(1, random.integers(width)), size=n) for width in levels]
    chosen = [Column(c, w) if random.random() < 0.5 else Column(c / 7.0) for c, w in zip(codes, levels, strict=True)]
    found = numbered(chosen, n, n)
    assert found is not None
    number, many = found
    distinct, expected = np.unique(np.column_stack(codes), axis=0, return_inverse=True)
    assert many == len(distinct) and number.min() == 0 and number.max() == many - 1
    assert np.array_equal(number[:, None] == number, expected.ravel()[:, None] == expected.ravel())
    assert numbered(chosen, n, many - 1) is None


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_tables_drawn_at_random_have_the_same_fit(draw):
    random = np.random.default_rng(draw.draw(st.integers(0, 10_000)))
    n = draw.draw(st.integers(30, 300))
    family, link = draw.draw(
        st.sampled_from([("poisson", "log"), ("binomial", "logit"), ("gamma", "log"), ("gaussian", "identity")])
    )
    levels = draw.draw(st.integers(2, 4))
    data = {"f": np.resize(np.arange(levels).astype(str), n), "x": random.integers(3, size=n) / 3.0}
    mu = np.exp(0.2 * data["x"])
    y = {
        "poisson": random.poisson(mu),
        "binomial": random.random(n) < 0.5,
        "gamma": random.gamma(2, mu),
        "gaussian": random.normal(mu),
    }
    data["y"], data["e"] = y[family].astype(float), random.uniform(-1, 1, n) if link == "log" else np.zeros(n)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nd.NelderWarning)
        formula = draw.draw(
            st.sampled_from(["y ~ f + x + offset(e)", "y ~ f * x + offset(e)", "y ~ 0 + f + offset(e)"])
        )
        cells, rows = both(formula, data, family, link)
    assert_same(cells, rows, solved=not rows.warnings)


def test_a_sparse_design_is_not_looked_through_column_by_column():
    X = sparse.csr_array(np.eye(4)[np.arange(40_000) % 4])
    y = np.arange(40_000) % 3 * 1.0
    assert not any("cells" in note for note in nd.glm_fit(X, y, "poisson").notes)
    with pytest.raises(nd.CapabilityError, match="of which a sparse design has too many"):
        nd.glm_fit(X, y, "poisson", compress=True)
