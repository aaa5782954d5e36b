"""What a fit says: numbers that agree with each other, predictions, residuals."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import nelder as nd

FITS = {
    "gaussian": lambda d: nd.glm("y ~ x + a", d),
    "poisson": lambda d: nd.glm("y ~ x + a + offset(log(e))", d, "poisson"),
    "quasipoisson": lambda d: nd.glm("y ~ x*a", d, "quasipoisson"),
    "binomial": lambda d: nd.glm("cbind(y, m) ~ x + a", d, "binomial"),
    "binomial, cloglog": lambda d: nd.glm("b ~ x", d, "binomial", "cloglog"),
    "gamma": lambda d: nd.glm("p ~ x + a", d, "gamma", "log", weights="e"),
    "gamma, inverse": lambda d: nd.glm("p ~ a", d, "gamma"),
    "inverse_gaussian": lambda d: nd.glm("p ~ a", d, "inverse_gaussian", "log"),
    "negative_binomial": lambda d: nd.glm("y ~ x", d, "negative_binomial(3)"),
    "tweedie": lambda d: nd.glm("t ~ x", d, "tweedie(1.5)"),
    "frequency": lambda d: nd.glm("y ~ x + a", d, "poisson", weights=nd.frequency("m")),
    "no intercept": lambda d: nd.glm("y ~ 0 + x", d),
    "weights of zero": lambda d: nd.glm("y ~ x + a", d, "poisson", weights="m - 1"),
    "arrays": lambda d: nd.glm_fit(np.column_stack([d["x"], d["e"]]), d["y"], "poisson", offset=d["x"] / 10),
}
KNOWN = ("poisson", "binomial", "negative_binomial")


def table():
    random = np.random.default_rng(0)
    n = 40
    x = random.normal(size=n)
    return {
        "x": x,
        "a": np.array(list("uvwz"))[np.arange(n) % 4],
        "e": random.integers(1, 5, n) / 2,
        "y": random.poisson(np.exp(1 + 0.3 * x)).astype(float),
        "m": random.integers(1, 6, n).astype(float),
        "b": (random.random(n) < 0.5).astype(float),
        "p": random.gamma(2.0, np.exp(0.2 * x)),
        "t": np.where(random.random(n) < 0.3, 0.0, random.gamma(2.0, np.exp(0.2 * x))),
    }


@pytest.fixture(params=list(FITS))
def fit(request):
    return FITS[request.param](table())


@pytest.fixture
def poisson():
    return FITS["poisson"](table())


# Numbers of the whole


def test_criteria_follow_from_the_log_likelihood(fit):
    if not fit.family.has_likelihood:
        assert np.isnan([fit.loglik, fit.aic, fit.bic]).all()
        return
    k = len(fit.names) + (0 if fit.family.name in KNOWN else 1)
    assert fit.parameters == k
    assert np.isclose(fit.aic, 2 * k - 2 * fit.loglik, rtol=1e-14)
    assert np.isclose(fit.bic, np.log(fit.statistics.n) * k - 2 * fit.loglik, rtol=1e-14)


def test_degrees_of_freedom_count_rows_and_coefficients(fit):
    assert fit.df_resid == fit.statistics.n - len(fit.names)
    intercept = "Intercept" in fit.names
    assert fit.df_null == fit.statistics.n - intercept
    assert (fit.null_deviance >= fit.deviance) == (intercept or fit.null_deviance >= fit.deviance)


def test_dispersion_is_pearson_over_degrees_of_freedom_or_one(fit):
    if fit.family.name in KNOWN:
        assert fit.dispersion == 1.0
    else:
        assert np.isclose(fit.dispersion, fit.statistics.pearson / fit.df_resid, rtol=1e-14)


def test_covariance_and_standard_errors_agree(fit):
    covariance = fit.covariance()
    assert np.allclose(covariance, covariance.T, rtol=1e-12)
    assert np.allclose(np.sqrt(np.diagonal(covariance)), fit.se, rtol=1e-14)
    assert np.linalg.eigvalsh(covariance).min() > 0


def test_likelihood_of_poisson_is_that_of_scipy(poisson):
    assert np.isclose(poisson.loglik, stats.poisson(poisson.fitted).logpmf(table()["y"]).sum(), rtol=1e-12)


def test_a_fit_is_a_value(poisson):
    with pytest.raises(dataclasses.FrozenInstanceError):
        poisson.coef = None
    assert poisson.converged
    assert poisson.reason == "converged"
    assert poisson.steps == poisson.solved.steps > 0


# Coefficients


def test_coefficients_and_errors_are_indexed_by_name(fit):
    for place, name in enumerate(fit.names):
        assert fit.coef[name] == fit.coef[place] == np.asarray(fit.coef)[place]
        assert fit.se[name] == fit.se[place]
    assert fit.coef.to_dict() == dict(zip(fit.names, fit.table()["estimate"].tolist(), strict=True))


def test_a_coefficient_that_is_not_there_is_repeated_with_the_nearest(poisson):
    with pytest.raises(nd.UnknownNameError, match=r"'a\[T\.x\]': did you mean 'a\[T\..\]'"):
        poisson.coef["a[T.x]"]


@given(level=st.floats(0.01, 0.999))
def test_intervals_are_quantiles_of_normal_or_student(level):
    for fit in (FITS["poisson"](table()), FITS["gaussian"](table())):
        reference = stats.norm if fit.family.name == "poisson" else stats.t(fit.df_resid)
        interval, reach = fit.confint(level), reference.ppf(0.5 + level / 2) * np.asarray(fit.se)
        size = np.abs(fit.coef) + reach
        assert np.all(np.abs(interval["lower"] - (fit.coef - reach)) <= 1e-9 * size)
        assert np.all(np.abs(interval["upper"] - (fit.coef + reach)) <= 1e-9 * size)


@pytest.mark.parametrize("level", [0, 1, -0.5, 1.5, 95, np.nan, np.inf, "0.95", None, [0.9]])
def test_a_level_lies_between_0_and_1(poisson, level):
    calls = [
        poisson.confint,
        poisson.table,
        lambda given_level: poisson.predict(interval="confidence", level=given_level),
        lambda given_level: str(poisson.summary(given_level)),
    ]
    for call in calls:
        with pytest.raises(nd.NelderError, match="level"):
            call(level)


def test_the_table_has_a_row_a_coefficient(fit):
    shown = fit.table(0.9)
    letter = "z" if fit.family.name in KNOWN else "t"
    assert list(shown) == ["term", "estimate", "se", letter, "p", "lower", "upper"]
    assert shown["term"].tolist() == list(fit.names)
    tail = stats.norm.sf if letter == "z" else stats.t(fit.df_resid).sf
    assert np.allclose(shown["p"], 2 * tail(np.abs(shown[letter])), rtol=1e-9)
    assert np.array_equal(shown["lower"], fit.confint(0.9)["lower"])


def test_the_summary_says_what_was_fitted(poisson):
    text = str(poisson.summary())
    for words in ("poisson with link log", "y ~ x + a + offset(log(e))", "Observations", "converged", "AIC", "97.5%"):
        assert words in text
    assert str(poisson) == text
    assert "5%" in str(poisson.summary(0.9)) and "97.5%" not in str(poisson.summary(0.9))
    for name in poisson.names:
        assert name in text


# Predictions


def test_predictions_without_new_rows_are_the_fitted_values(fit):
    eta = fit.predict(kind="link")
    assert np.allclose(fit.fitted, fit.link.mean(eta), rtol=1e-14)
    assert np.array_equal(fit.predict(), fit.fitted)


def test_predictions_at_the_rows_of_the_fit_are_the_fitted_values():
    data = table()
    for name, make in FITS.items():
        if name in ("arrays", "weights of zero"):
            continue
        fit = make(data)
        assert np.allclose(fit.predict(data), fit.fitted, rtol=1e-12), name
        assert np.allclose(fit.predict(data, kind="link"), fit.predict(kind="link"), rtol=1e-9, atol=1e-12), name


def test_intervals_of_the_mean_are_those_of_the_link_carried_over(fit):
    link, response = (fit.predict(kind=kind, interval="confidence") for kind in ("link", "response"))
    assert list(link) == list(response) == ["fit", "se", "lower", "upper"]
    assert np.all((link["lower"] < link["fit"]) & (link["fit"] < link["upper"]))
    assert np.array_equal(response["fit"], fit.fitted)
    assert np.all((response["lower"] < response["fit"]) & (response["fit"] < response["upper"]))
    ends = np.sort(fit.link.mean(np.stack([link["lower"], link["upper"]])), axis=0)
    inside = (link["lower"] > fit.link.eta_interval[0]) & (link["upper"] < fit.link.eta_interval[1])
    assert inside.any()
    assert np.allclose(np.stack([response["lower"], response["upper"]])[:, inside], ends[:, inside], rtol=1e-12)


def test_standard_errors_of_predictions_are_those_of_the_linear_combination():
    data = table()
    X = np.column_stack([np.ones(40), data["x"], data["e"]])
    fit = nd.glm_fit(X, data["y"], "poisson")
    new = np.array([[1.0, 0.5, 2.0], [0.0, 1.0, 0.0]])
    predicted = fit.predict(new, kind="link", interval="confidence")
    assert np.allclose(predicted["fit"], new @ np.asarray(fit.coef), rtol=1e-13)
    assert np.allclose(predicted["se"], np.sqrt(np.diagonal(new @ fit.covariance() @ new.T)), rtol=1e-12)


@pytest.mark.parametrize(("argument", "word"), [("kind", "respons"), ("kind", None), ("interval", "confidenc")])
def test_kinds_of_prediction_have_names(poisson, argument, word):
    with pytest.raises(nd.UnknownNameError, match=repr(word)):
        poisson.predict(**{argument: word})


def test_an_offset_given_as_array_is_demanded():
    data = table()
    X, offset = data["x"][:, None], np.log(data["e"])
    fit = nd.glm_fit(X, data["y"], "poisson", offset=offset)
    with pytest.raises(nd.DataError, match="give offset="):
        fit.predict(X)
    assert np.allclose(fit.predict(X, offset=offset), fit.fitted, rtol=1e-13)
    ratio = fit.predict(X, offset=offset + 1) / fit.predict(X, offset=np.zeros(40))
    assert np.allclose(ratio, np.exp(1) * data["e"], rtol=1e-12)
    with pytest.raises(nd.DataError, match="offset has 3 values for 40 rows"):
        fit.predict(X, offset=[1, 2, 3])


def test_an_array_offset_beside_a_formula_is_demanded():
    data = table()
    fit = nd.glm("y ~ x + a", data, "poisson", offset=np.log(data["e"]))
    with pytest.raises(nd.DataError, match="give offset="):
        fit.predict(data)
    assert np.allclose(fit.predict(data, offset=np.log(data["e"])), fit.fitted, rtol=1e-12)


@pytest.mark.parametrize("offset", ["log(e)", None])
def test_an_offset_by_formula_is_remembered(offset):
    data = table()
    formula = "y ~ x + a" if offset else "y ~ x + a + offset(log(e))"
    fit = nd.glm(formula, data, "poisson", offset=offset)
    assert np.allclose(fit.predict(data), fit.fitted, rtol=1e-12)
    doubled = fit.predict({**data, "e": 2 * data["e"]})
    assert np.allclose(doubled, 2 * fit.fitted, rtol=1e-12)
    with pytest.raises(nd.UnknownNameError, match="unknown column 'e'"):
        fit.predict({"x": data["x"], "a": data["a"]})
    with pytest.raises(nd.DataError, match="leave out offset="):
        fit.predict(data, offset=np.zeros(40))


def test_an_offset_where_there_was_none_is_refused():
    fit = nd.glm_fit(np.ones((3, 1)), [1, 2, 3])
    with pytest.raises(nd.DataError, match="leave out offset="):
        fit.predict(np.ones((2, 1)), offset=[0, 0])
    with pytest.raises(nd.DataError, match="offset= belongs to new rows"):
        fit.predict(offset=[0, 0, 0])


@pytest.mark.parametrize("new", [np.ones((2, 2)), np.ones((2, 4)), np.ones((2, 3, 1)), [["a"] * 3], [[np.nan] * 3]])
def test_new_rows_must_be_like_those_of_the_fit(new):
    X = np.column_stack([np.ones(10), np.arange(10), np.arange(10) ** 2])
    with pytest.raises(nd.NelderError, match="new"):
        nd.glm_fit(X, np.arange(10.0) ** 1.5).predict(new)


def test_new_rows_of_a_formula_need_its_columns(poisson):
    with pytest.raises(nd.UnknownNameError, match="unknown column 'a'"):
        poisson.predict({"x": [1.0], "e": [1.0]})
    with pytest.raises(nd.InputTypeError, match="data must be"):
        poisson.predict(np.ones((2, 3)))


def test_aliased_coefficients_are_named_and_left_out_of_predictions():
    data = table()
    data["twice"] = 2 * data["x"]
    with pytest.warns(nd.AliasedWarning, match="twice = 2 x"):
        fit = nd.glm("y ~ x + twice + a", data, "poisson")
    alone = nd.glm("y ~ x + a", data, "poisson")
    assert fit.aliased.tolist() == [name == "twice" for name in fit.names]
    assert np.isnan(fit.coef["twice"]) and np.isnan(fit.se["twice"])
    assert np.allclose(fit.predict(data), alone.fitted, rtol=1e-12)
    assert np.allclose(fit.fitted, alone.fitted, rtol=1e-12)
    ours, theirs = (f.predict(data, interval="confidence") for f in (fit, alone))
    assert np.allclose(ours["se"], theirs["se"], rtol=1e-10)
    assert (fit.df_resid, fit.aic) == (alone.df_resid, pytest.approx(alone.aic, rel=1e-12))
    assert np.allclose(fit.residuals(), alone.residuals(), rtol=1e-8, atol=1e-10)


# Residuals


def used_rows(fit):
    """Response, weight and mean of the rows that were fitted, from the definition of each."""
    blocks = fit.objective.design.handles
    y, weight = (np.concatenate([getattr(block, name) for block in blocks]) for name in ("y", "weight"))
    return y, weight, fit.fitted


def test_squares_of_deviance_residuals_sum_to_the_deviance(fit):
    residuals = fit.residuals("deviance")
    assert np.isclose(np.sum(residuals**2), fit.deviance, rtol=1e-10)
    assert np.array_equal(fit.residuals(), residuals)
    assert np.array_equal(np.sign(residuals), np.sign(fit.residuals("response")))


def test_squares_of_pearson_residuals_sum_to_pearsons_statistic(fit):
    assert np.isclose(np.sum(fit.residuals("pearson") ** 2), fit.statistics.pearson, rtol=1e-10)


def test_response_residuals_are_observed_less_fitted(fit):
    y, _, mu = used_rows(fit)
    assert np.allclose(fit.residuals("response"), y - mu, rtol=1e-10, atol=1e-12)


def test_working_residuals_are_on_the_scale_of_the_link(fit):
    eta, step = fit.predict(kind="link"), 1e-6
    slope = (fit.link.mean(eta + step) - fit.link.mean(eta - step)) / (2 * step)
    assert np.allclose(fit.residuals("working") * slope, fit.residuals("response"), rtol=1e-5, atol=1e-9)


def test_weighted_response_residuals_are_orthogonal_to_the_columns_of_a_canonical_fit(poisson):
    data = table()
    residuals = poisson.residuals("response")
    for column in (np.ones(40), data["x"], data["a"] == "v"):
        assert abs(column @ residuals) < 1e-9 * (np.abs(column) @ np.abs(residuals))


def test_kinds_of_residual_have_names(poisson):
    with pytest.raises(nd.UnknownNameError, match=r"'devance': did you mean 'deviance'\?"):
        poisson.residuals("devance")


def test_rows_of_weight_zero_have_no_residual_and_are_counted():
    fit = FITS["weights of zero"](table())
    zeros = int(np.sum(table()["m"] == 1))
    assert zeros > 0
    assert fit.residuals().shape == fit.fitted.shape == (40 - zeros,)
    assert f"{zeros} rows of weight zero left out" in " ".join(fit.notes)
